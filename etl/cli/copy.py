"""`numbercheck db copy`: all that is stored, into another database."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
import sqlalchemy as sa
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from etl.admin.copying import CopyProgress as Told
from etl.admin.copying import copy as copy_rows
from etl.cli import output
from etl.cli.common import load_settings
from etl.database.engine import connect
from etl.database.explain import TARGET
from etl.errors import Misconfigured, TryLater
from etl.settings import Settings


@click.command(short_help="Copy all that is stored into another, empty database.")
def copy() -> None:
    """Copy all that is stored into the empty database that NUMBERCHECK_COPY_TO_DATABASE_URL names.

    From SQLite to PostgreSQL or MariaDB, back, or between two of a kind. The target's schema must be there
    (`db upgrade` with NUMBERCHECK_DATABASE_URL naming it), and no sync may run: it is locked out. Every table is
    read back from both and compared. All or nothing: what fails or is stopped leaves the target empty.

    \b
    Example: away from the file of the first weeks
      NUMBERCHECK_COPY_TO_DATABASE_URL=postgresql://numbercheck:…@db/numbercheck numbercheck db copy
    """
    with _engines(load_settings()) as (source, target), _progress() as progress:
        try:
            counts = copy_rows(source, target, progress)
        except KeyboardInterrupt:
            raise TryLater("Stopped by a signal. Nothing was written to the target.") from None
        names = f"{source.url.get_backend_name()} to {target.url.get_backend_name()}"
    click.echo(output.table(("table", "rows"), sorted(counts.items())))
    click.echo()
    click.echo(f"Copied {sum(counts.values()):,} rows from {names}.")
    click.echo("Verified: count and checksum of every table are the same in both databases.")
    click.echo()
    click.echo(NEXT)


NEXT = """\
Next: let NUMBERCHECK_DATABASE_URL name the copy wherever the job is started, take
NUMBERCHECK_COPY_TO_DATABASE_URL away, and look at `numbercheck plan`: it asks for nothing that is settled.
No sync may write to the old database any more; keep it until the first sync into the copy was complete."""


@contextmanager
def _engines(found: Settings) -> Iterator[tuple[sa.Engine, sa.Engine]]:
    if found.copy_to_database_url is None:
        raise Misconfigured(
            "NUMBERCHECK_COPY_TO_DATABASE_URL is not set.",
            "let it name the database to copy to; NUMBERCHECK_DATABASE_URL names the one to copy from.",
        )
    source = connect(found.database_url, patient=True)
    target = connect(found.copy_to_database_url, patient=True, database=TARGET)
    try:
        yield source, target
    finally:
        source.dispose()
        target.dispose()


def _silently(_what: str, _done: int, _all: int) -> None:
    pass


@contextmanager
def _progress() -> Iterator[Told]:
    """A bar on a terminal; nothing under cron."""
    if not sys.stderr.isatty():
        yield _silently
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True, soft_wrap=True), transient=True) as bar:
        task = bar.add_task("copying", total=None)
        yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total)
