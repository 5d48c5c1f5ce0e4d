"""`numbercheck batches`: the list of batches kept in the database."""

from __future__ import annotations

import datetime as dt
import logging
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import click
import sqlalchemy as sa

from etl.cli.common import Date, has_schema, load_settings, open_database, prepare_schema
from etl.cli.output import NAMED, count, echo, json_option, print_json, table, tell
from etl.clock import Clock
from etl.core.line import NOTHING_RETIRED, Entry, Line, Retired
from etl.core.window import Window
from etl.database.engine import reading
from etl.errors import EtlError, Misconfigured
from etl.lists import doubtful
from etl.lists.contradictions import DAYS_AHEAD, is_far_ahead, settled
from etl.lists.csvfile import read_csv, read_file
from etl.lists.listing import BadLine, Listing, line_of
from etl.lists.overlay import overlay
from etl.run.gather import read_lists
from etl.settings import Settings
from etl.store import accounts, listings, runs

MAX_APPKEY_BYTES = 1024
SHOWN_OF_APPKEY = 4

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
    "--rows",
    type=click.IntRange(0),
    metavar="N",
    help="How many numbers were submitted on that date; replaces the number of an earlier call.",
)
@click.option("--more", is_flag=True, help="The rows are a further submission: add them up.")
@click.option(
    "--appkey",
    help="The application it was submitted under, if it is not the account's. Every user of this machine can read "
    "it while the command runs: prefer --appkey-file.",
)
@click.option(
    "--appkey-file",
    type=click.File("rb"),
    metavar="FILE",
    help="The same, from the content of a file (- for standard input).",
)
def add(
    batch: str,
    date: dt.date | None,
    rows: int | None,
    more: bool,
    appkey: str | None,
    appkey_file: BinaryIO | None,
) -> None:
    """Add BATCH, or bring it back if it was retired. With other rows, correct an earlier call.

    \b
    Example: after each submission
      numbercheck batches add 101713775788 --date 2026-03-01 --rows 5000
    """
    line = _line(batch, date, rows, _appkey(appkey, appkey_file))
    _require_meaning(line, more)
    settings = load_settings()
    doubtful.warn([line], "The command line")
    moment = Clock().now()
    window = Window.at(moment, settings)
    if is_far_ahead(date, window):
        raise click.UsageError(f"{date} is more than {DAYS_AHEAD} days ahead. Correct --date.")
    with _account(settings) as (connection, account_id):
        before, earlier = listings.own_line(connection, account_id, line), _appkeys(connection, account_id, [line])
        # Without rows, the call has nothing to correct.
        listings.add(connection, account_id, [line], more=more or rows is None, moment=moment)
        after = listings.own_line(connection, account_id, line)
        if date is not None and date < window.first:
            _tell_too_late(connection, account_id, batch, date, window)
    echo(f"Batch {line.batch_no} is looked for {f'on {date}' if date else 'on every date of the window'}.")
    _tell_changes(before, after)
    if _with_another_appkey([line], earlier):
        echo("Its appkey is the new one now, on every date.")


def _tell_too_late(
    connection: sa.Connection, account_id: int, batch_no: str, date: dt.date, window: Window
) -> None:
    """Say what becomes of a batch whose date has left the window."""
    begun = runs.first_date(connection, account_id)
    missed = listings.missed(connection, account_id, date, date + dt.timedelta(days=1))
    lost = begun is not None and begun <= date and batch_no in {entry.line.batch_no for entry in missed}
    more = ", and the next sync reports it as lost" if lost else ""
    text = "%s has left the window, which begins on %s: the vendor is not asked for it%s"
    log.warning(text, date, window.first, more)


def _require_meaning(line: Line, more: bool) -> None:
    """Refuse options that say nothing without each other."""
    if line.rows is not None and line.date is None:
        raise click.UsageError("--rows counts for a date. Give --date too, or leave out --rows.")
    if more and line.rows is None:
        raise click.UsageError("--more says what --rows means. Give --rows too, or leave out --more.")


def _tell_changes(before: Line | None, after: Line | None) -> None:
    """Say what an earlier call had given otherwise."""
    if before is None or after is None:
        return
    if before.rows is not None and before.rows != after.rows:
        echo(f"It has {after.rows or 0:,} submitted rows on that date now; before, it had {before.rows:,}.")


def _appkeys(connection: sa.Connection, account_id: int, lines: Collection[Line]) -> dict[str, str | None]:
    """The appkeys that the database has for the batches of these lines."""
    found = listings.batches(connection, account_id, {line.batch_no for line in lines if line.appkey})
    return {name: appkey for name, (_, appkey) in found.items()}


def _with_another_appkey(lines: Collection[Line], earlier: Mapping[str, str | None]) -> list[str]:
    """The batches that had another appkey, `earlier`, than these lines give them."""
    given = {line.batch_no: line.appkey for line in lines if line.appkey}
    return sorted(name for name, appkey in given.items() if earlier.get(name) not in (None, appkey))


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
    settings, found, earlier = load_settings(), _read(file), dict[str, str | None]()
    doubtful.warn(found.lines, _name(file))
    [found] = settled([found], (), Window.at(Clock().now(), settings))
    if found.lines:
        with _account(settings) as (connection, account_id):
            earlier = _appkeys(connection, account_id, found.lines)
            listings.add(connection, account_id, found.lines, more=False, moment=Clock().now())
    if found.whole:
        echo(
            f"{_name(file)}: {count(len(found.lines), 'batch and date is', 'batches and dates are')} on the list."
        )
    _tell_replaced(file, _with_another_appkey(found.lines, earlier))
    for problem in (*found.complaints, *found.notices):
        tell(problem)
    ctx.exit(max((problem.exit_status for problem in found.complaints), default=0))


def _tell_replaced(file: Path, names: Sequence[str]) -> None:
    """Say which batches have another appkey now."""
    if names:
        more = f", and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
        these = ", ".join(map(repr, names[:NAMED]))
        echo(f"{_name(file)}: the appkey is another one now, on every date, for {these}{more}.")


@batches.command(name="list", short_help="Show the batches that are looked for.")
@json_option
def list_(as_json: bool) -> None:
    """Show the batches that are looked for, which list names each, and those that are retired.

    Lists are read now, as the next sync would read them; what is wrong with one is told. Of an appkey, the end is
    shown.

    \b
    Example:
      numbercheck batches list
    """
    looked_for, retired, complaints = _lists(load_settings())
    if as_json:
        print_json({"batches": looked_for, "retired": retired})
    else:
        echo(_shown(looked_for, retired))
    for complaint in complaints:
        tell(complaint)


@batches.command(short_help="Stop looking for a batch on further dates, or on one date.")
@click.argument("batch")
@click.option("--date", type=Date(), help="Only on this date; the batch is looked for on its other dates.")
def retire(batch: str, date: dt.date | None) -> None:
    """Stop looking for BATCH on further dates, whatever list names it. What was asked for is still completed.

    \b
    Examples: a batch; a date that was mistyped
      numbercheck batches retire 101713775788
      numbercheck batches retire 101713775788 --date 2026-03-11
    """
    settings, known, now = load_settings(), False, dt.datetime.now(dt.UTC)
    if has_schema(settings):
        with _account(settings) as (connection, account_id):
            if date is None:
                known = listings.retire(connection, account_id, batch, now)
            else:
                known = listings.retire_date(connection, account_id, batch, date, now)
    if not known:
        on = f" on {date}" if date else ""
        raise Misconfigured(
            f"The batch {batch!r} is not known{on} in the database.",
            "check the name with `numbercheck batches list`; a batch that so far only a file, a query or a "
            "template names can be retired after the next sync.",
        )
    echo(f"Batch {batch} is retired: it will not be looked for on {date or 'further dates'}.")


def _lists(settings: Settings) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[EtlError]]:
    """What is looked for, what is retired, and what is wrong with the lists. Creates nothing."""
    window = Window.at(Clock().now(), settings)
    known, retired = _kept(settings)
    read = settled(read_lists(settings, window), known, window)
    entries, _ = overlay(known, read, window, retired)
    looked_for = [_as_json(entry) for entry in entries]
    looked_for.sort(key=lambda entry: (entry["batch_no"], entry["date"] or "", entry["source"]))
    gone: list[tuple[str, str | None]] = [(name, None) for name in retired.batches]
    gone += [(name, date.isoformat()) for date, names in retired.dates.items() for name in names]
    in_order = sorted(gone, key=lambda one: (one[0], one[1] or ""))
    complaints = [complaint for listing in read for complaint in listing.complaints]
    return looked_for, [{"batch_no": name, "date": date} for name, date in in_order], complaints


def _kept(settings: Settings) -> tuple[list[Entry], Retired]:
    """What the database lists, and what is retired there."""
    if not has_schema(settings):
        return [], NOTHING_RETIRED
    with open_database(settings) as engine, reading(engine).connect() as connection:
        account_id = accounts.find(connection, settings.account)
        if account_id is None:
            return [], NOTHING_RETIRED
        return listings.load(connection, account_id, dt.date.min), listings.retired(connection, account_id)


def _as_json(entry: Entry) -> dict[str, Any]:
    line = entry.line
    shown = {"batch_no": line.batch_no, "date": line.date and line.date.isoformat(), "rows": line.rows}
    shown["source"] = entry.source
    return shown | ({"appkey": _end_of(line.appkey)} if line.appkey else {})


def _end_of(appkey: str) -> str:
    """Enough of a secret to tell it from others: none of a short one."""
    return f"…{appkey[-SHOWN_OF_APPKEY:]}" if len(appkey) >= 4 * SHOWN_OF_APPKEY else "…"


def _shown(looked_for: list[dict[str, Any]], retired: list[dict[str, Any]]) -> str:
    columns = ["batch_no", "date", "rows", "source"]
    columns += ["appkey"] if any("appkey" in entry for entry in looked_for) else []
    head = [{"batch_no": "batch", "source": "listed by"}.get(name, name) for name in columns]
    lines = [tuple(entry.get(name) for name in columns) for entry in looked_for]
    nothing = "No batch is on the list. Add one with `numbercheck batches add BATCH --date DATE`."
    text = table(head, lines) if lines else nothing
    if not retired:
        return text
    rows = [(one["batch_no"], one["date"] or "further dates") for one in retired]
    return f"{text}\n\nRetired, so not looked for:\n{table(('batch', 'on'), rows)}"


@contextmanager
def _account(settings: Settings) -> Iterator[tuple[sa.Connection, int]]:
    """A connection to the database in a transaction, and the number of the account there."""
    prepare_schema(settings)
    with open_database(settings) as engine, engine.begin() as connection:
        account_id = accounts.register(connection, settings.account)
        if settings.access_key:
            accounts.check_name(connection, account_id, settings.access_key)
        yield connection, account_id


def _appkey(given: str | None, file: BinaryIO | None) -> str | None:
    """The appkey from either option; a trailing newline in the file is dropped."""
    if file is None:
        return given
    if given is not None:
        raise click.UsageError("--appkey and --appkey-file say the same. Leave out one of them.")
    try:
        content = file.read(MAX_APPKEY_BYTES + 1).decode("utf-8-sig").strip("\r\n")
    except UnicodeDecodeError:
        raise click.UsageError("The file that --appkey-file names is not UTF-8 text.") from None
    if not content.strip() or len(content) > MAX_APPKEY_BYTES:
        raise click.UsageError("The file that --appkey-file names is empty, or too long to be an appkey.")
    return content


def _line(batch: str, date: dt.date | None, rows: int | None, appkey: str | None) -> Line:
    """A line of the list, checked like a line of a file."""
    try:
        return line_of(batch, date.isoformat() if date else "", "" if rows is None else str(rows), appkey or "")
    except BadLine as error:
        raise click.UsageError(f"This cannot be a batch: {error}.") from error


def _read(file: Path) -> Listing:
    if str(file) == "-":
        return read_csv(sys.stdin.buffer, _name(file))
    return read_file(file)


def _name(file: Path) -> str:
    return "standard input" if str(file) == "-" else str(file)
