"""`numbercheck privacy expire` and `pseudonymise`: what works through all rows, slice by slice."""

from __future__ import annotations

import datetime as dt
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import click

from etl.admin import expiring, pseudonymising
from etl.admin.expiring import ExpiryOrder
from etl.cli.common import load_settings, open_database
from etl.cli.options import SecondsOption
from etl.cli.output import count, echo, json_option, print_json
from etl.cli.people import account_option, require_accounts, require_macs, warn_of_archived, who
from etl.clock import Clock
from etl.core.window import Window
from etl.database.engine import reading
from etl.errors import STATUS, Misconfigured, TryLater
from etl.settings import Settings
from etl.store import accounts

EXPIRY_GRACE = dt.timedelta(days=2)
"""What has just left the window stays for so long: until then a sync may settle it or give it up."""


@click.command(short_help="Replace the numbers of the account by pseudonyms.")
@json_option
def pseudonymise(as_json: bool) -> None:
    """Replace every clear number that this account holds by its pseudonym. This cannot be undone.

    From then on its syncs need NUMBERCHECK_PSEUDONYMS=true, and none runs before the end is reached. Killed
    meanwhile, it goes on when it is called again.

    \b
    Example: for a database that has clear numbers so far
      numbercheck privacy pseudonymise
    """
    settings = load_settings()
    macs = require_macs(settings)
    with open_database(settings, patient=True) as engine:
        with reading(engine).connect() as connection:
            require_accounts(connection, [settings.account])
        with _rows_shown("looked at") as told:
            rows = pseudonymising.pseudonymise(engine, macs, settings.account, who(), Clock().now(), told)
        with reading(engine).connect() as connection:
            warn_of_archived(
                connection, [settings.account], "`numbercheck lake export` replaces the numbers there"
            )
    if as_json:
        print_json({"account": settings.account, "rows": rows, "status": "complete", "exit_code": 0})
        return
    echo(f"The account {settings.account!r} holds pseudonyms alone: {count(rows, 'row')} changed.")
    echo("Set NUMBERCHECK_PSEUDONYMS=true for its runs. docs/privacy.md says where clear numbers may still be.")


@contextmanager
def _rows_shown(what: str) -> Iterator[Callable[[int], None]]:
    """How far it has come, on a terminal; nothing under cron."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415  (not under cron)

    with Console(stderr=True).status("") as status:
        yield lambda rows: status.update(f"{rows:,} rows {what}")


@click.command(short_help="Delete what is older than NUMBERCHECK_RETENTION_DAYS.")
@account_option
@click.option("--max-seconds", type=SecondsOption(), help="Take no longer than this; the next call goes on.")
@json_option
@click.pass_context
def expire(ctx: click.Context, names: Sequence[str], max_seconds: float | None, as_json: bool) -> None:
    """Delete the rows of dates that are older than NUMBERCHECK_RETENTION_DAYS, and keep their totals.

    Only of batch days that are settled or lost, and never of dates in the window or just before it. A sync can run
    in between. v_daily_summary and v_coverage go on showing what there was.

    \b
    Example: every night
      NUMBERCHECK_RETENTION_DAYS=90 numbercheck privacy expire
    """
    settings, clock = load_settings(), Clock()
    before = _expiring_before(settings, clock)
    end = math.inf if max_seconds is None else time.monotonic() + max_seconds
    with open_database(settings, patient=True) as engine:
        with reading(engine).connect() as connection:
            require_accounts(connection, names)
            numbers = accounts.numbered(connection, names).values()
        orders = [ExpiryOrder(number, before, who(), clock.now) for number in numbers]
        with _rows_shown("deleted") as told:

            def more(rows: int) -> bool:
                told(rows)
                return time.monotonic() < end

            done = [expiring.expire(engine, order, more) for order in orders]
        with reading(engine).connect() as connection:
            warn_of_archived(connection, names, "`numbercheck lake export` takes them from it", before)
    rows, days, left = sum(d.rows for d in done), sum(len(d.days) for d in done), sum(d.left for d in done)
    status = TryLater.exit_status if left else 0
    if as_json:
        print_json(
            {"before": before, "rows": rows, "batch_days": days, "status": STATUS[status], "exit_code": status}
        )
    else:
        echo(f"Deleted {count(rows, 'row')} of {count(days, 'batch day')} before {before}; their totals are kept.")
    ctx.exit(status)


def _expiring_before(settings: Settings, clock: Clock) -> dt.date:
    """The first date that is kept. Raises Misconfigured where no setting says so."""
    if settings.retention_days is None:
        problem = "NUMBERCHECK_RETENTION_DAYS is not set, so nothing is too old."
        raise Misconfigured(problem, "set it to the days for which rows may be kept, such as 90.")
    window = Window.at(clock.now(), settings)
    oldest = window.last - dt.timedelta(days=settings.retention_days)
    return min(oldest, window.first - EXPIRY_GRACE)
