"""`numbercheck lake verify` and `status`: what only looks."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import click

from etl.cli.common import Date, load_settings
from etl.cli.lakebar import shown
from etl.cli.lakeplace import both_places, chosen_accounts, lake_room
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

    Archived dates are compared with the ledger alone: their rows are in the lake only. The exit status is 78 if
    something differs, and 75 if only dates differ that the next export writes.

    \b
    Example: is the lake what the database is?
      numbercheck lake verify
    """
    with both_places(load_settings()) as (engine, found):
        found.require()
        done: dict[str, list[Any]] = {}
        for name, number in chosen_accounts(engine, names).items():
            with snapshot(engine) as connection, shown(name) as told:
                here = lake_room("standings").account_here(connection, found, number, name)
                chosen = [each for each in here.dates if not dates or each.date in dates]
                done[name] = []
                for each in lake_room("verifying").verify(connection, found, here, chosen):
                    done[name].append(each)
                    told(len(done[name]), len(chosen), sum(one.rows for one in done[name]))
    _tell_verified(ctx, found.url, done, as_json=as_json)


def _tell_verified(ctx: click.Context, url: str, done: Mapping[str, Sequence[Any]], *, as_json: bool) -> None:
    wrong = [(name, each) for name, found in done.items() for each in found if not each.equal]
    behind = [each for _, each in wrong if each.standpoint == "behind"]
    status = 0 if not wrong else TryLater.exit_status if len(behind) == len(wrong) else Misconfigured.exit_status
    compared = sum(each.compared for found in done.values() for each in found)
    if as_json:
        lines = [_verified_line(name, each) for name, each in wrong]
        end = {"status": STATUS[status], "exit_code": status}
        print_json({"lake": url, "dates": compared, "different": lines} | end)
    else:
        for name, each in wrong[:SHOWN]:
            echo(f"{name}, {each.date}: {_difference(each)}.")
        more = f" {len(wrong) - SHOWN:,} more are not shown." if len(wrong) > SHOWN else ""
        result = f"{count(len(wrong), 'date')} to look at" if wrong else "the lake has what the database has"
        echo(f"Compared {count(compared, 'date')}: {result}.{more}")
    ctx.exit(status)


def _verified_line(name: str, each: Any) -> dict[str, Any]:
    fields = ("date", "standpoint", "rows", "ledger", "missing", "surplus", "differing")
    return (
        {"account": name} | {field: getattr(each, field) for field in fields} | {"columns": sorted(each.columns)}
    )


def _difference(each: Any) -> str:
    """What is wrong with a date, in words."""
    if not each.compared:
        return _NOT_COMPARED[each.standpoint]
    parts = {"that the lake lacks": each.missing, "that only the lake has": each.surplus}
    found = [f"{count(number, 'row')} {what}" for what, number in parts.items() if number]
    if each.differing:
        found.append(f"{count(each.differing, 'row')} with other values in {', '.join(sorted(each.columns))}")
    if not each.fits_ledger:
        found.append(f"{each.rows:,} rows, and {each.ledger:,} by the ledger")
    return "; ".join(found)


_NOT_COMPARED = {
    "behind": "it has changed since the last export",
    "changed": "somebody else has changed it in the lake",
    "lost": "it is archived, and the lake does not have it",
    "expired": "it has expired, and the next export removes it",
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
        "wrong": stood["changed"] + stood["lost"] + len(here.others) + here.claims_changed,
        "behind_dates": [each.date for each in here.dates if each.standpoint in ("behind", "expired")],
        "people_outstanding": here.people != (here.people_mark or 0),
    }
