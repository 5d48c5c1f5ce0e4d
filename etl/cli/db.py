"""`numbercheck db`: the schema of the database, through Alembic."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from contextlib import suppress

import click
import sqlalchemy as sa

from etl.admin import strangers
from etl.cli.common import any_database, load_settings
from etl.cli.copy import copy
from etl.cli.grant_reader import grant_reader
from etl.cli.output import NAMED
from etl.cli.tidy import tidy
from etl.database.engine import reading
from etl.database.sqlitefile import is_there
from etl.errors import Misconfigured
from etl.schema import migrate
from etl.schema.differences import cure_of
from etl.store import accounts

log = logging.getLogger(__name__)


@click.group(short_help="The schema of the database.")
def db() -> None:
    """The schema of the database that NUMBERCHECK_DATABASE_URL names.

    \b
    Example: after installing a new version
      numbercheck db upgrade
    """


@db.command(short_help="Bring the schema up to date; rows are kept.")
def upgrade() -> None:
    """Bring the schema up to date; rows are kept.

    Two upgrades at once do no harm: the second waits, then finds nothing to do. On PostgreSQL it warns of rights
    with which others could make this job call functions of theirs, as `db check` does.

    \b
    Example: on a server, before the first sync and after each new version
      numbercheck db upgrade
    """
    with any_database(load_settings(), patient=True) as engine:
        before, old_views = migrate.current(engine), migrate.existing_views(engine)
        _warn_of(engine, strangers.dangers)
        migrate.upgrade(engine)
        _warn_of(engine, strangers.bound_views)
        after, new_views = migrate.current(engine), migrate.existing_views(engine) - old_views
        to_grant = sorted(new_views) if before and engine.dialect.name != "sqlite" else []
    if before == after:
        click.echo(f"The schema is up to date: {after}.")
    else:
        click.echo(f"The schema went from {before or 'nothing'} to {after}.{_to_readers(to_grant)}")


@db.command(short_help="Show the revision of the schema.")
def current() -> None:
    """Show the revision of the schema, and the one that this version needs.

    \b
    Example:
      numbercheck db current
    """
    with any_database(load_settings(), patient=True) as engine:
        found = migrate.current(engine)
    needed = migrate.head()
    click.echo(f"{found or 'none'} (this version needs {needed})" if found != needed else f"{found} (current)")


@db.command(short_help="Compare the schema with what this version needs.")
def check() -> None:
    """Compare the schema with what this version needs; the exit status is 78 if it differs.

    \b
    Example: is the database the one that the job expects?
      numbercheck db check && echo fine
    """
    with any_database(load_settings(), patient=True) as engine:
        differences = migrate.check(engine)
        _warn_of(engine, strangers.dangers)
        _warn_of(engine, strangers.bound_views)
    if differences:
        more = f" And {len(differences) - NAMED} more." if len(differences) > NAMED else ""
        raise Misconfigured(" ".join(map(str, differences[:NAMED])) + more, cure_of(differences))
    click.echo(f"The schema is as it should be: {migrate.head()}.")


@db.command(short_help="Take the schema back to a revision.")
@click.argument("revision")
@click.option("--yes", is_flag=True, help="Do not ask: for scripts.")
def downgrade(revision: str, yes: bool) -> None:
    """Take the schema back to REVISION. What later revisions added is dropped, rows included.

    Asks first if anything is stored. If a view of yours is built upon what would be dropped, PostgreSQL changes
    nothing, and the view is named.

    \b
    Example: drop everything that this job has stored
      numbercheck db downgrade base
    """
    if not revision.strip():
        raise click.UsageError("Name a revision, such as 0003, or base.")
    with any_database(load_settings(), patient=True) as engine:
        if not yes and migrate.is_behind(engine, revision) and _holds_rows(engine):
            _ask(
                f"This drops what the revisions after {revision} added to {_place(engine)}, rows included. Go on?"
            )
        migrate.downgrade(engine, revision)
        click.echo(f"The schema is at {migrate.current(engine) or 'nothing: every table was dropped'}.")


def _warn_of(engine: sa.Engine, look: Callable[[sa.Connection], list[strangers.Danger]]) -> None:
    """Warn of what others could make this job, or its readers, call."""
    if not is_there(engine.url):
        return
    with reading(engine).connect() as connection:
        found = look(connection)
    for danger in found[:NAMED]:
        log.warning("%s", danger)
    if len(found) > NAMED:
        log.warning("And %d more of this kind.", len(found) - NAMED)


def _holds_rows(engine: sa.Engine) -> bool:
    with reading(engine).connect() as connection:
        return accounts.any_account(connection)


def _place(engine: sa.Engine) -> str:
    """The database, without what its URL may have of secrets."""
    host = f" on {engine.url.host}" if engine.url.host else ""
    return f"{engine.url.database}{host}"


def _ask(question: str) -> None:
    """Go on only if the answer is yes: on a terminal, or from a pipe. Raises Misconfigured."""
    if sys.stdin.isatty():
        click.echo(f"{question} [y/N] ", nl=False, err=True)
    answer = ""
    with suppress(OSError, ValueError):  # a stream that cannot be read, or is no text
        answer = sys.stdin.readline().strip().lower()
    if answer not in ("y", "yes"):
        raise Misconfigured(
            "Nothing was dropped, because nobody has said yes to it.", "answer y, or give --yes in a script."
        )


def _to_readers(views: list[str]) -> str:
    if not views:
        return ""
    return f" New: {', '.join(views)}. Run `numbercheck db grant-reader` again for each role that is to read them."


db.add_command(copy)
db.add_command(grant_reader)
db.add_command(tidy)
