"""`numbercheck status`: what is covered, what is at risk, what is lost, how the last runs ended."""

from __future__ import annotations

import datetime as dt
from typing import Any

import click
import sqlalchemy as sa

from etl.cli.common import Moment, has_schema, load_settings, open_database
from etl.cli.output import json_option, print_json, table
from etl.clock import Clock
from etl.core.window import AT_RISK, Window
from etl.database.engine import reading
from etl.database.types import UtcTime
from etl.run.result import moment_text
from etl.settings import Settings

RUNS = 5
SHOWN = 20
SECTIONS = ("coverage", "at_risk", "lost", "runs")

_OF_WINDOW = sa.text(
    "SELECT state, count(*) AS batch_days, sum(stored_rows) AS stored_rows, sum(missing_rows) AS missing_rows, "
    "sum(unresolved_rows) AS unresolved_rows, sum(rejected_rows) AS rejected_rows FROM v_coverage "
    "WHERE account = :account AND check_date BETWEEN :first AND :last GROUP BY state ORDER BY state"
)
_NAMED = (
    "SELECT batch_no, check_date, deadline, missing_rows, note FROM v_coverage WHERE account = :account AND {} "
    "ORDER BY deadline, batch_no"
)
_AT_RISK = sa.text(_NAMED.format("state IN ('pending', 'incomplete') AND deadline <= :risk"))
_LOST = sa.text(_NAMED.format("state = 'lost' AND check_date >= :since"))
_RUNS = sa.text(
    "SELECT run_id, started_at, finished_at, status, exit_code, requests, rows_inserted, rows_updated "
    "FROM v_sync_run WHERE account = :account ORDER BY started_at DESC LIMIT :runs"
)


@click.command(short_help="Show what is covered, at risk and lost, and the last runs.")
@json_option
@click.option("--now", type=Moment(), metavar="ISO-8601", help="As if it were that moment, for drills.")
def status(as_json: bool, now: dt.datetime | None) -> None:
    """Show what of the window is covered, what is at risk, what is lost, and the last runs.

    \b
    Example:
      numbercheck status
    """
    settings = load_settings()
    window = Window.at(Clock(now).now(), settings)
    found = _look(settings, window) if has_schema(settings) else {name: [] for name in SECTIONS}
    if as_json:
        place: dict[str, Any] = {"account": settings.account}
        place |= {"window": {"first": window.first.isoformat(), "last": window.last.isoformat()}}
        print_json(place | found)
    else:
        click.echo(_text(settings, window, found))


def _look(settings: Settings, window: Window) -> dict[str, Any]:
    """Everything that is shown, in JSON's types; lost batch days of the last four windows."""
    account = {"account": settings.account}
    span = account | {"first": window.first, "last": window.last}
    risk = account | {"risk": window.moment + AT_RISK}
    since = account | {"since": window.first - dt.timedelta(days=3 * window.days)}
    with open_database(settings) as engine, reading(engine).connect() as connection:
        return {
            "coverage": _rows(connection, _OF_WINDOW, span),
            "at_risk": _rows(connection, _AT_RISK, risk),
            "lost": _rows(connection, _LOST, since),
            "runs": _rows(connection, _RUNS, account | {"runs": RUNS}),
        }


def _rows(connection: sa.Connection, query: sa.TextClause, values: dict[str, Any]) -> list[dict[str, Any]]:
    typed = {name: UtcTime() for name in ("risk",) if name in values} | {
        name: sa.Date() for name in ("first", "last", "since") if name in values
    }
    bound = query.bindparams(*(sa.bindparam(name, type_=kind) for name, kind in typed.items()))
    return [
        {name: _plain(value) for name, value in row._mapping.items()} for row in connection.execute(bound, values)
    ]


def _plain(value: Any) -> Any:
    """A value of any server as JSON has it; SQLite tells times as text already."""
    if isinstance(value, dt.datetime):
        return moment_text(value if value.tzinfo else value.replace(tzinfo=dt.UTC))
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, str) and len(value) == 32 and value.endswith("+00:00"):
        return moment_text(dt.datetime.fromisoformat(value))
    return value if isinstance(value, str | int | None) else int(value)


def _text(settings: Settings, window: Window, found: dict[str, Any]) -> str:
    lines = [f"Account {settings.account}, window {window.first} to {window.last}", ""]
    if found["coverage"]:
        head = ("state", "batch days", "stored rows", "missing", "unresolved", "rejected")
        lines.append(table(head, [tuple(row.values()) for row in found["coverage"]]))
    else:
        lines.append("No batch day was synced yet. Run `numbercheck sync`.")
    for title, name in (("At risk, not complete and gone within 48 hours:", "at_risk"), ("Lost:", "lost")):
        lines += _named(title, found[name])
    if found["runs"]:
        columns = ("run", "started", "finished", "status", "exit", "requests", "new rows", "changed rows")
        lines += ["", "Last runs:", table(columns, [tuple(row.values()) for row in found["runs"]])]
    return "\n".join(lines)


def _named(title: str, rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    head = ("batch", "date", "deadline", "missing rows", "note")
    more = [f"and {len(rows) - SHOWN:,} more"] if len(rows) > SHOWN else []
    return ["", title, table(head, [tuple(row.values()) for row in rows[:SHOWN]]), *more]
