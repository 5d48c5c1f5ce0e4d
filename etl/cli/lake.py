"""`numbercheck lake`: history in a lake, which other engines read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import click

from etl.cli.common import Date, load_settings
from etl.cli.lakebar import shown
from etl.cli.lakechecks import status, verify
from etl.cli.lakeplace import both_places, chosen_accounts, lake_room, warn_of_unknown
from etl.cli.lakeretire import retire
from etl.cli.output import count, echo, json_option, print_json, tell
from etl.cli.people import account_option
from etl.clock import Clock
from etl.errors import STATUS, EtlError
from etl.privacy.macs import Macs


@click.group(short_help="History in a lake, which other engines read.")
def lake() -> None:
    """Write history into Delta tables on a disk or in an object storage, for DuckDB, Spark, Trino and their like.

    NUMBERCHECK_LAKE_URL says where. docs/lake.md explains all of it.

    \b
    Example: after each sync
      numbercheck lake export
    """


@lake.command(short_help="Bring the lake up to date.")
@click.option("--full", is_flag=True, help="Also write what has not changed, and over what somebody else wrote.")
@click.option("--date", "dates", type=Date(), multiple=True, help="Only this date; repeatable.")
@account_option
@json_option
@click.pass_context
def export(ctx: click.Context, full: bool, dates: Sequence[dt.date], names: Sequence[str], as_json: bool) -> None:
    """Bring the lake up to date with the database: each date that has changed, then what is claimed about all.

    A sync can run meanwhile. Whoever was erased or has expired leaves the lake too. Killed meanwhile, it goes on
    when it is called again.

    \b
    Example: after each sync
      numbercheck lake export
    """
    settings, clock = load_settings(), Clock()
    macs = None if settings.privacy_key is None else Macs(settings.privacy_key)
    done, refused = [], list[EtlError]()
    with both_places(settings) as (engine, found):
        exporting = lake_room("exporting")
        found.prepare()
        for name, number in chosen_accounts(engine, names).items():
            order = exporting.ExportOrder(number, name, full, frozenset(dates), macs, clock.now)
            with shown(name) as told:
                done.append(exporting.Exported(name))
                try:
                    exporting.export(engine, found, order, told, done[-1])
                except EtlError as error:  # it keeps no other account waiting
                    done[-1].exit_code = error.exit_status
                    refused.append(error)
    warn_of_unknown(dates, [each.unknown for each in done])
    _tell_exported(ctx, found.url, done, refused, as_json=as_json)


def _tell_exported(
    ctx: click.Context, url: str, done: Sequence[Any], refused: Sequence[EtlError], *, as_json: bool
) -> None:
    for error in refused:
        tell(error)
    status = max((error.exit_status for error in refused), default=0)
    if as_json:
        lines = [{name: getattr(each, name) for name in each.__slots__} for each in done]
        print_json({"lake": url, "accounts": lines, "status": STATUS[status], "exit_code": status})
    else:
        for each in done:
            echo(_exported(each))
        if not done:
            echo("This database has no account yet: a sync makes it.")
    ctx.exit(status)


def _exported(done: Any) -> str:
    """What was done for an account, in a sentence or two."""
    nothing = "nothing was written" if done.exit_code else "no date has changed since the last export"
    parts = [f"{count(len(done.dates), 'date')} written, with {count(done.rows, 'row')}"] if done.dates else []
    if done.rewritten or done.removed:
        parts.append(f"{count(len(done.rewritten), 'archived date')} written again, {len(done.removed):,} removed")
    if done.deleted:
        parts.append(f"{count(done.deleted, 'old file')} deleted")
    behind = f" {count(done.behind, 'other date')} still to be written." if done.behind else ""
    return f"{done.account}: {'; '.join(parts) or nothing}.{behind}"


lake.add_command(verify)
lake.add_command(status)
lake.add_command(retire)
