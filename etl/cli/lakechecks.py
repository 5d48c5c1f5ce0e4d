"""`numbercheck lake verify` and `status`: what only looks."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import click

from etl.cli.common import Date, load_settings
from etl.cli.lakebar import shown
from etl.cli.lakeplace import both_places, chosen_accounts, lake_room, warn_of_unknown
from etl.cli.output import SHOWN, count, echo, json_option, print_json, table
from etl.cli.people import account_option
from etl.database.engine import snapshot
from etl.errors import STATUS, Misconfigured, TryLater


@click.command(short_help="Compare the lake with the database.")
@click.option("--date", "dates", type=Date(), multiple=True, help="Only this date; repeatable.")
@account_option
@json_option
@click.pass_context
def verify(ctx: click.Context, dates: Sequence[dt.date], names: Sequence[str], as_json: bool) -> None:
    """Compare the lake with the database, by key and in all columns, and with the ledger. Changes nothing.

    Archived dates are read and counted: their rows are in the lake only. The exit status is 78 if something
    differs, and 75 if the next export puts all of it right.

    \b
    Example: is the lake what the database is?
      numbercheck lake verify
    """
    with both_places(load_settings()) as (engine, found):
        found.require()
        done: dict[str, list[Any]] = {}
        claims = {}
        for name, number in chosen_accounts(engine, names).items():
            with snapshot(engine) as connection, shown(name) as told:
                here = lake_room("standings").account_here(connection, found, number, name)
                chosen = [each for each in here.dates if not dates or each.date in dates]
                done[name] = []
                for each in lake_room("verifying").verify(connection, found, here, chosen):
                    done[name].append(each)
                    told(len(done[name]), len(chosen), sum(one.rows for one in done[name]))
                compared = {each.date for each in done[name] if each.compared}
                claims[name] = lake_room("claims").verify_claims(connection, found, here, compared)
    warn_of_unknown(dates, [set(dates) - {each.date for each in found} for found in done.values()])
    _tell_verified(ctx, found.url, done, claims, as_json=as_json)


def _tell_verified(
    ctx: click.Context,
    url: str,
    done: Mapping[str, Sequence[Any]],
    claims: Mapping[str, Any],
    *,
    as_json: bool,
) -> None:
    wrong = [_verified_line(name, each) for name, found in done.items() for each in found if not each.equal]
    wrong += [line for name, found in claims.items() for line in _claim_lines(name, found)]
    status = max((_status_of(line["standpoint"]) for line in wrong), default=0)
    compared = sum(each.compared for found in done.values() for each in found)
    if as_json:
        end = {"status": STATUS[status], "exit_code": status}
        print_json({"lake": url, "dates": compared, "different": wrong} | end)
    else:
        for line in wrong[:SHOWN]:
            where = f"{line['account']}, {line['date']}" if line["date"] else line["account"]
            echo(f"{where}: {_difference(line)}.")
        more = f" {len(wrong) - SHOWN:,} more are not shown." if len(wrong) > SHOWN else ""
        result = f"{count(len(wrong), 'difference')}" if wrong else "the lake has what the database has"
        echo(f"Compared {count(compared, 'date')}: {result}.{more}")
    ctx.exit(status)


def _status_of(standpoint: str) -> int:
    """What the next export puts right only waits for it."""
    return TryLater.exit_status if standpoint in ("behind", "expired") else Misconfigured.exit_status


def _verified_line(name: str, each: Any) -> dict[str, Any]:
    fields = ("date", "standpoint", "rows", "ledger", "missing", "surplus", "differing")
    found = {field: getattr(each, field) for field in fields}
    return {"account": name, "table": "number_check"} | found | {"columns": sorted(each.columns)}


def _claim_lines(name: str, found: Any) -> list[dict[str, Any]]:
    """What is wrong with the claims about an account: a line for each date, or one for all where none is known."""
    if found.standpoint == "current":
        return []
    line = {"account": name, "table": "coverage", "date": None, "standpoint": found.standpoint}
    nothing: dict[str, Any] = {
        "rows": 0,
        "ledger": None,
        "missing": 0,
        "surplus": 0,
        "differing": 0,
        "columns": [],
    }
    by_date: list[dict[str, Any]] = [
        {"date": date, "differing": lines, "columns": sorted(found.columns)}
        for date, lines in sorted(found.lines.items())
    ]
    return [line | nothing | each for each in by_date or [{}]]


def _difference(line: Mapping[str, Any]) -> str:
    """What is wrong with a line, in words."""
    if line["table"] == "coverage":
        return _CLAIMS[line["standpoint"]]
    if line["standpoint"] in _NOT_COMPARED:
        return _NOT_COMPARED[line["standpoint"]]
    parts = {"that the lake lacks": line["missing"], "that only the lake has": line["surplus"]}
    found = [f"{count(number, 'row')} {what}" for what, number in parts.items() if number]
    if line["differing"]:
        found.append(f"{count(line['differing'], 'row')} with other values in {', '.join(line['columns'])}")
    if line["ledger"] not in (None, line["rows"]):
        found.append(f"{line['rows']:,} rows, and {line['ledger']:,} by the ledger")
    return "; ".join(found)


_NOT_COMPARED = {
    "behind": "it has changed since the last export",
    "changed": "somebody else has changed it in the lake",
    "lost": "it is archived, and the lake does not have it",
    "expired": "it has expired, and the next export removes it",
    "unknown": "only the lake has it: perhaps the database was restored from a backup",
    "unreadable": "its file in the lake is gone or damaged",
}
_CLAIMS = {
    "behind": "the table coverage of the lake does not say what the database says; the next export brings it",
    "changed": "somebody else has changed the table coverage of the lake",
    "unreadable": "the file of the table coverage is gone or damaged",
}


# -- what is where -------------------------------------------------------------------------------------------


@click.command(short_help="Show what is in the lake, and what is behind.")
@account_option
@json_option
def status(names: Sequence[str], as_json: bool) -> None:
    """Show what is in the lake, what the next export will write, and what people are owed. Changes nothing.

    \b
    Example: is the lake up to date?
      numbercheck lake status
    """
    with both_places(load_settings()) as (engine, found):
        there, lines = found.open(), []
        if there:
            for name, number in chosen_accounts(engine, names).items():
                with snapshot(engine) as connection:
                    lines.append(
                        _status_line(lake_room("standings").account_here(connection, found, number, name))
                    )
    if as_json:
        print_json({"lake": found.url, "accounts": lines, "status": "complete", "exit_code": 0})
        return
    if not there:
        echo(f"There is no lake at {found.url} yet: `numbercheck lake export` makes it.")
        return
    echo(table(tuple(name.replace("_", " ") for name in _SHOWN), [[line[n] for n in _SHOWN] for line in lines]))
    for line in lines:
        if line["people_outstanding"]:
            echo(f"{line['account']}: numbers were erased, replaced or have expired since the last export.")


_SHOWN = ("account", "first_date", "last_date", "dates", "rows", "bytes", "archived", "behind", "wrong")


_WRONG = ("changed", "lost", "unknown")


def _status_line(here: Any) -> dict[str, Any]:
    """What is known of an account, as one line."""
    stood = Counter(each.standpoint for each in here.dates)
    files = [file for each in here.dates for file in each.files]
    there = [each.date for each in here.dates if each.files]
    return {
        "account": here.name,
        "first_date": min(there, default=None),
        "last_date": max(there, default=None),
        "dates": len(there),
        "rows": sum(file.rows for file in files),
        "bytes": sum(file.size for file in files),
        "archived": sum(each.state.archived for each in here.dates),
        "behind": stood["behind"] + stood["expired"],
        "wrong": sum(stood[what] for what in _WRONG) + len(here.others) + here.claims_changed,
        "behind_dates": [each.date for each in here.dates if each.standpoint in ("behind", "expired")],
        "people_outstanding": here.people != (here.people_mark or 0),
    }
