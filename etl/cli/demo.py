"""`numbercheck demo`: the whole job against the bundled emulator, with nothing to configure."""

from __future__ import annotations

import csv
import datetime as dt
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa

from etl import log, settings
from etl.cli.common import prepare_schema
from etl.cli.output import count, table
from etl.cli.sync import run, summary, tell_reasons
from etl.core.fields import FIELDS
from etl.database.engine import connect, reading
from etl.emulator import Behaviour, Book, Emulator, Fault, Faults, utcnow
from etl.errors import Misconfigured
from etl.report import webfile
from etl.report.place import Place
from etl.settings import Settings

SIZES = (0, 1, 99, 100, 101, 250, 1_250)
DAYS = 6
A_WHILE = dt.timedelta(hours=1)
"""Longer than a demo takes."""
# A name that nothing else uses: whatever exists under it is deleted.
DEMO = "numbercheck-demo"
FAULTS = {"status": 0.02, "reset": 0.02, "cut_short": 0.02, "html": 0.02}

_OUTCOMES = (
    "SELECT check_level_name, region_name, count(*) AS checks, sum(CASE WHEN reachable = 'YES' THEN 1 ELSE 0 END) "
    "AS reachable FROM v_number_check GROUP BY check_level_name, region_name ORDER BY checks DESC, 1, 2 LIMIT 6"
)
# The vendor's field → the column of v_number_check.
_COLUMNS = {field.page: field.name for field in FIELDS if not field.newer_only} | {"batchNo": "batch_no"}
_QUERY = "SELECT * FROM v_number_check LIMIT 5"
_COVERAGE = "SELECT state, count(*) AS batch_days, sum(stored_rows) FROM v_coverage GROUP BY state ORDER BY state"


@click.command(short_help="See the whole job at work, with nothing to configure.")
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(DEMO),
    show_default=True,
    help=f"Where {DEMO}.db, {DEMO}.csv and {DEMO}.html are created, replacing old ones.",
)
def demo(directory: Path) -> None:
    """Run the whole job against a bundled emulator of the vendor's endpoint, on SQLite.

    Some of the emulator's answers fail, as those of a real service do. At the end every row is compared.

    \b
    Example:
      numbercheck demo
    """
    log.configure(None, ())
    # The emulator's faults are part of the demo: the summaries say what became of them.
    logging.getLogger().setLevel(logging.ERROR)
    moment = moment_for(utcnow())
    with _vendor(directory, moment) as (vendor, found):
        days = count(sum(1 for _ in vendor.book.batch_days()), "batch day")
        click.echo(f"An emulator of the vendor serves {days}; {sum(FAULTS.values()):.0%} of its answers fail.")
        click.echo("Each batch is also looked for on the day after its own: it may run past midnight.")
        click.echo("\nFirst sync:\n")
        _sync(found, moment)
        click.echo("\nSecond sync, at once: only days that may still grow are asked for.\n")
        _sync(found, moment)
        click.echo(_compare(vendor, found))
    click.echo(_tables(found))
    page = _page(found, moment, directory / f"{DEMO}.html")
    click.echo(f"\nThe database: {found.database_url.database}")
    click.echo("Explore it with any SQLite tool, for example")
    click.echo(f"  sqlite3 -box {found.database_url.database} '{_QUERY}'")
    click.echo(page)


def _page(found: Settings, moment: dt.datetime, path: Path) -> str:
    """Write the report page; where it is and how to open it, or why there is none."""
    try:
        webfile.write(path, Place.of(found).files(), found, moment)
    except Misconfigured as missing:
        return f"\nThere is no report page to look at. {missing}"
    return f"\nThe report page: {path}\nOpen it in a browser: {path.resolve().as_uri()}"


def moment_for(now: dt.datetime) -> dt.datetime:
    """`now` (UTC), or an hour earlier just before midnight: at midnight a day would leave the window."""
    zone = Behaviour().timezone
    same_day = (now + A_WHILE).astimezone(zone).date() == now.astimezone(zone).date()
    return now if same_day else now - A_WHILE


def _sync(found: Settings, moment: dt.datetime) -> None:
    """Run the job once, as `numbercheck sync` does, and exit unless it ended with 0."""
    result = run(found, moment)
    tell_reasons(result)
    click.echo(summary(result))
    if result.exit_code:
        click.get_current_context().exit(result.exit_code)


@contextmanager
def _vendor(directory: Path, moment: dt.datetime) -> Iterator[tuple[Emulator, Settings]]:
    """A running emulator with some batch days, and the settings of a job that copies them."""
    directory.mkdir(parents=True, exist_ok=True)
    database, batches = directory / f"{DEMO}.db", directory / f"{DEMO}.csv"
    for old in directory.glob(f"{DEMO}.db*"):
        old.unlink()
    book = _book(moment)
    with batches.open("w", newline="", encoding="utf-8") as stream:
        lines = csv.writer(stream)
        lines.writerow(("batch_no", "date"))
        lines.writerows((batch_no, date) for batch_no, date, _ in book.batch_days())
    faults = Faults({Fault(kind): share for kind, share in FAULTS.items()}, seed=1)
    with Emulator(book, behaviour=Behaviour(faults=faults), now=lambda: moment) as vendor:
        url = sa.URL.create("sqlite", database=str(database))
        environment = {
            "NUMBERCHECK_API_URL": vendor.url,
            "NUMBERCHECK_ACCESS_KEY": book.first.access_key,
            "NUMBERCHECK_ACCESS_SECRET": book.first.secret,
            "NUMBERCHECK_ACCOUNT": "demo",
            "NUMBERCHECK_DATABASE_URL": url.render_as_string(),
            "NUMBERCHECK_BATCH_FILE": str(batches),
            "NUMBERCHECK_REQUEST_INTERVAL": "0",
        }
        found = settings.load(environment, None)
        prepare_schema(found)
        yield vendor, found


def _book(moment: dt.datetime) -> Book:
    book = Book()
    today = moment.astimezone(Behaviour().timezone).date()
    for back in reversed(range(DAYS)):
        date = today - dt.timedelta(days=back)
        for number, size in enumerate(SIZES, 1):
            book.add_generated(f"{date:%y%m%d}{number:06d}", date, size)
    return book


def _compare(vendor: Emulator, found: Settings) -> str:
    """Compare every field of every row that the vendor holds with the view that analysts read; the result."""
    rows = {(row["message_id"], row["phone"]): row for row in _query(found, "SELECT * FROM v_number_check")}
    compared = different = 0
    for batch_no, date, _ in vendor.book.batch_days():
        for sent in vendor.held(batch_no, date):
            row = rows.pop((sent["messageId"], sent["phone"]), {})
            compared += 1
            different += any(_text(sent.get(name)) != _text(row.get(column)) for name, column in _COLUMNS.items())
    return f"\nCompared {compared:,} rows field by field: {different:,} differ, {len(rows):,} are surplus."


def _text(value: object) -> str:
    if value in (None, ""):
        return ""
    try:
        return format(Decimal(str(value)).normalize(), "f")
    except InvalidOperation:
        return str(value)


def _tables(found: Settings) -> str:
    coverage = [tuple(row.values()) for row in _query(found, _COVERAGE)]
    outcomes = [tuple(row.values()) for row in _query(found, _OUTCOMES)]
    return "\n".join(
        (
            "\nWhat is covered (v_coverage):",
            table(("state", "batch days", "rows"), coverage),
            "\nWhat was checked (v_number_check):",
            table(("check", "region", "checks", "reachable"), outcomes),
        )
    )


def _query(found: Settings, query: str) -> list[dict[str, Any]]:
    engine = connect(found.database_url)
    try:
        with reading(engine).connect() as connection:
            return [dict(row._mapping) for row in connection.execute(sa.text(query))]
    finally:
        engine.dispose()
