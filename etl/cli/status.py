"""`numbercheck status`: what is covered, at risk, lost or in doubt, and how the last runs ended."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import click

from etl.cli.common import Moment, has_schema, load_settings, open_database
from etl.cli.in_doubt import in_doubt
from etl.cli.output import DOUBTFUL, DOUBTFUL_ONES, count, echo, fitting, json_option, print_json, table, titled
from etl.clock import Clock
from etl.core.window import Window
from etl.database.engine import reading
from etl.run.result import doubts_as_json, moment_text, window_as_json
from etl.settings import Settings
from etl.store import doubts, figures

RUNS = 5
NONE_IN_WINDOW = "No batch day of this window is known: no list names one, or no sync has read the lists since."
_NOTHING: dict[str, Any] = {
    "coverage": [],
    "at_risk": [],
    "lost": [],
    "doubts": [],
    "runs": [],
    "doubtful_rows": 0,
}


@click.command(short_help="Show what is covered, at risk, lost or in doubt, and the last runs.")
@json_option
@click.option("--watch", "watching", is_flag=True, help="On a terminal: go on showing it, and what a sync does.")
@click.option("--now", type=Moment(), metavar="ISO-8601", help="As if it were that moment, for drills.")
def status(as_json: bool, watching: bool, now: dt.datetime | None) -> None:
    """Show how much of the window is covered, what is at risk, lost or in doubt, and the last runs.

    A terminal gets as many names as fit it, and the number of the others; --json has them all. With --watch it
    is shown again and again, with what a sync does meanwhile, until q is pressed.

    \b
    Examples:
      numbercheck status
      numbercheck status --watch
    """
    settings, clock = load_settings(), Clock(now)
    if watching:
        from etl.cli import watch  # noqa: PLC0415  (few watch, and it takes a library for terminals)

        watch.require_terminal(as_json)
        watch.watch(lambda: _watched(settings, clock))
        return
    window = Window.at(clock.now(), settings)
    there = has_schema(settings)
    found = _look(settings, window) if there else dict(_NOTHING)
    if as_json:
        print_json(_as_object(settings, window, found))
    else:
        echo(_fitting(settings, window, found, _next(settings, there)))


def _as_object(settings: Settings, window: Window, found: dict[str, Any]) -> dict[str, Any]:
    place: dict[str, Any] = {"account": settings.account}
    if not found["doubtful_rows"]:
        del found["doubtful_rows"]  # there only where it says something, as for sync
    place |= {"window": window_as_json(window)}
    return place | found | {"doubts": doubts_as_json(found["doubts"])}


def _watched(settings: Settings, clock: Clock) -> str:
    """The picture of this moment: what is going on, the status, and how to end it."""
    from etl.cli.watch import KEYS, words  # noqa: PLC0415  (see status)
    from etl.run import outlook  # noqa: PLC0415

    window, there = Window.at(clock.now(), settings), has_schema(settings)
    found, above = dict(_NOTHING), list[str]()
    if there:
        found = _look(settings, window)
        with open_database(settings) as engine, reading(engine).connect() as connection:
            above = words(outlook.look(connection, settings, window))
    return _fitting(settings, window, found, _next(settings, there), above, ["", KEYS])


def _fitting(
    settings: Settings,
    window: Window,
    found: dict[str, Any],
    nothing: str,
    above: Sequence[str] = (),
    below: Sequence[str] = (),
) -> str:
    """The text, with as many names as there is room for."""
    return fitting(lambda shown: "\n".join([*above, _text(settings, window, found, nothing, shown), *below]))


def _look(settings: Settings, window: Window) -> dict[str, Any]:
    """Everything that is shown, all but the doubts in JSON's types."""
    account = settings.account
    with open_database(settings) as engine, reading(engine).connect() as connection:
        found = {
            "coverage": figures.coverage(connection, account, window),
            "at_risk": figures.at_risk(connection, account, window.moment),
            "lost": figures.lost(connection, account),
            "runs": figures.last_runs(connection, account, RUNS),
        }
        in_words: dict[str, Any] = {name: [_plain(line) for line in lines] for name, lines in found.items()}
        in_words["doubtful_rows"] = figures.doubtful_rows(connection, account)
        return in_words | {"doubts": doubts.of_account(connection, account, window.moment)}


def _plain(line: dict[str, Any]) -> dict[str, Any]:
    return {name: _as_json(value) for name, value in line.items()}


def _as_json(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return moment_text(value)
    return value.isoformat() if isinstance(value, dt.date) else value


def _next(settings: Settings, there: bool) -> str:
    """What to do where nothing has been synced yet. `there`: the database has a schema."""
    if there or settings.auto_migrate:
        return "No batch day has been synced yet. Run `numbercheck sync`."
    return "The database holds no schema yet. Run `numbercheck db upgrade`, then `numbercheck sync`."


def _text(settings: Settings, window: Window, found: dict[str, Any], nothing: str, shown: int) -> str:
    lines = [f"Account {settings.account}, window {window.first} to {window.last}", ""]
    if found["coverage"]:
        head = ("state", "batch days", "stored rows", "missing", "unresolved", "rejected")
        lines.append(table(head, [tuple(row.values()) for row in found["coverage"]]))
    else:
        lines.append(NONE_IN_WINDOW if found["runs"] else nothing)
    lines += _named("At risk, not complete and gone within 48 hours:", found["at_risk"], shown)
    # Losses stay: the latest come first.
    lines += _named("Lost:", found["lost"][::-1], shown)
    if found["doubtful_rows"]:
        lines += ["", f"{count(found['doubtful_rows'], DOUBTFUL, DOUBTFUL_ONES)}."]
    lines += in_doubt(found["doubts"], shown)
    if found["runs"] and shown:
        columns = (
            "run",
            "started",
            "finished",
            "status",
            "exit",
            "requests",
            "new rows",
            "changed rows",
            "narrowed",
        )
        lines += ["", "Last runs:", table(columns, [tuple(row.values()) for row in found["runs"][:shown]])]
    return "\n".join(lines)


def _named(title: str, rows: list[dict[str, Any]], shown: int) -> list[str]:
    if not rows:
        return []
    head = ("batch", "date", "deadline", "missing rows", "note")
    return titled(title, head, [tuple(row.values()) for row in rows], shown)
