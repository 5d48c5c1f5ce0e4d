"""`numbercheck batches`: the list of batches kept in the database."""

from __future__ import annotations

import datetime as dt
import io
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import sqlalchemy as sa

from etl.cli.common import Date, has_schema, load_settings, open_database, prepare_schema
from etl.cli.output import count, json_option, print_json, table, tell
from etl.clock import Clock
from etl.core.line import Entry, Line
from etl.core.window import Window
from etl.database.engine import reading
from etl.errors import Misconfigured
from etl.lists.csvfile import read_csv, read_file
from etl.lists.listing import BadLine, Listing, line_of
from etl.settings import Settings
from etl.store import accounts, listings

log = logging.getLogger(__name__)


@click.group(short_help="The list of batches kept in the database.")
def batches() -> None:
    """The list of batches kept in the database.

    \b
    Example:
      numbercheck batches add 101713775788 --date 2026-03-01 --rows 5000
    """


@batches.command(short_help="Add a batch, or bring back a retired one.")
@click.argument("batch")
@click.option("--date", type=Date(), help="The date on which it was submitted; without it, all dates are tried.")
@click.option(
    "--rows", type=click.IntRange(0), metavar="N", help="How many numbers were submitted; several calls add up."
)
@click.option("--appkey", help="The application it was submitted under, if it is not the account's.")
def add(batch: str, date: dt.date | None, rows: int | None, appkey: str | None) -> None:
    """Add BATCH, or bring it back if it was retired.

    \b
    Example: after each submission
      numbercheck batches add 101713775788 --date 2026-03-01 --rows 5000
    """
    line = _line(batch, date, rows, appkey)
    settings = load_settings()
    with _account(settings) as (connection, account_id):
        listings.add(connection, account_id, [line], more=True)
    window = Window.at(Clock().now(), settings)
    click.echo(f"Batch {line.batch_no} is looked for {f'on {date}' if date else 'on every date of the window'}.")
    if date is not None and date < window.first:
        log.warning(
            "%s has left the window, which begins on %s: the vendor is not asked for it", date, window.first
        )


@batches.command(name="import", short_help="Add the batches of a CSV file, or of standard input (-).")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.pass_context
def import_(ctx: click.Context, file: Path) -> None:
    """Add the batches of FILE (CSV; - for standard input). Importing it again changes nothing.

    Columns: batch_no, and optionally date (yyyy-MM-dd), rows, appkey.

    \b
    Example:
      numbercheck batches import submitted.csv
    """
    settings, found = load_settings(), _read(file)
    if found.lines:
        with _account(settings) as (connection, account_id):
            listings.add(connection, account_id, found.lines, more=False)
    if found.whole:
        click.echo(
            f"{_name(file)}: {count(len(found.lines), 'batch and date is', 'batches and dates are')} on the list."
        )
    for problem in found.problems:
        tell(problem)
    ctx.exit(max((problem.exit_status for problem in found.problems), default=0))


@batches.command(name="list", short_help="Show the batches that are looked for.")
@json_option
def list_(as_json: bool) -> None:
    """Show the batches that are looked for, and which list names each.

    Batches from a file, a query or a template are shown as the last sync read them.

    \b
    Example:
      numbercheck batches list
    """
    lines = [
        (e.line.batch_no, e.line.date and e.line.date.isoformat(), e.line.rows, e.source)
        for e in _entries(load_settings())
    ]
    lines.sort(key=lambda line: (line[0], line[1] or "", line[3]))
    if as_json:
        names = ("batch_no", "date", "rows", "source")
        print_json({"batches": [dict(zip(names, line, strict=True)) for line in lines]})
    elif lines:
        click.echo(table(("batch", "date", "rows", "listed by"), lines))
    else:
        click.echo("No batch is on the list. Add one with `numbercheck batches add BATCH --date DATE`.")


@batches.command(short_help="Stop looking for a batch on further dates.")
@click.argument("batch")
def retire(batch: str) -> None:
    """Stop looking for BATCH on further dates. What was already asked for is still completed.

    \b
    Example:
      numbercheck batches retire 101713775788
    """
    settings, known = load_settings(), False
    if has_schema(settings):
        with _account(settings) as (connection, account_id):
            known = listings.retire(connection, account_id, batch, dt.datetime.now(dt.UTC))
    if not known:
        raise Misconfigured(f"The batch {batch!r} is not known. `numbercheck batches list` shows those that are.")
    click.echo(f"Batch {batch} is retired: it will not be looked for on further dates.")


def _entries(settings: Settings) -> list[Entry]:
    """The entries on the list. Creates nothing."""
    if not has_schema(settings):
        return []
    with open_database(settings) as engine, reading(engine).connect() as connection:
        account_id = accounts.find(connection, settings.account)
        return [] if account_id is None else listings.load(connection, account_id, dt.date.min)


@contextmanager
def _account(settings: Settings) -> Iterator[tuple[sa.Connection, int]]:
    """A connection to the database in a transaction, and the number of the account there."""
    prepare_schema(settings)
    with open_database(settings) as engine, engine.begin() as connection:
        account_id = accounts.register(connection, settings.account)
        if settings.access_key:
            accounts.check_name(connection, account_id, settings.access_key)
        yield connection, account_id


def _line(batch: str, date: dt.date | None, rows: int | None, appkey: str | None) -> Line:
    """A line of the list, checked like a line of a file."""
    try:
        return line_of(batch, date.isoformat() if date else "", "" if rows is None else str(rows), appkey or "")
    except BadLine as error:
        raise click.UsageError(f"This cannot be a batch: {error}.") from error


def _read(file: Path) -> Listing:
    if str(file) == "-":
        return read_csv(io.BytesIO(sys.stdin.buffer.read()), _name(file))
    return read_file(file)


def _name(file: Path) -> str:
    return "standard input" if str(file) == "-" else str(file)
