"""Brings the schema up to date through Alembic: one at a time, and all or nothing where the server allows.

MariaDB and MySQL cannot roll DDL back: a revision there must be able to run again after it was interrupted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from etl.database.engine import reading
from etl.database.sqlitefile import is_there
from etl.database.types import MYSQL_FAMILY
from etl.errors import Misconfigured, TryLater
from etl.schema import comments, views
from etl.schema.differences import orphans, sentences
from etl.schema.tables import metadata

VIEW_NAMES = tuple(view.name for view in views.VIEWS)
UPGRADE = "Remedy: run `numbercheck db upgrade`"
WAIT_SECONDS = 120
"""How long an upgrade waits for another one."""
TABLE_WAIT_SECONDS = 30
"""How long it waits for a table that somebody reads; everybody who comes later waits behind it."""

_ADVISORY_LOCK = 0x6E756D6265726368  # any constant number: "numberch" in ASCII
_PACKAGE = Path(__file__).resolve().parents[1]


def script_directory(package: Path = _PACKAGE) -> Path:
    """Where the migrations lie: inside the package when installed, beside it in a checkout."""
    for directory in (package / "migrations", package.parent / "migrations"):
        if (directory / "env.py").is_file():
            return directory
    raise Misconfigured(
        f"The migrations are missing: neither {package / 'migrations'} nor {package.parent / 'migrations'} "
        "holds an env.py. Remedy: install numbercheck-etl again."
    )


def head() -> str:
    """The revision that this version works with."""
    return str(_scripts().get_current_head())


def current(engine: sa.Engine) -> str | None:
    """The revision of the database; None where nothing was ever installed, or everything taken away.

    Creates nothing, not even the file of SQLite.
    """
    if not is_there(engine.url):
        return None
    with reading(engine).connect() as connection:
        return _current(connection)


def upgrade(engine: sa.Engine, revision: str = "head") -> None:
    """Bring the schema to `revision`. Two at once: the second waits, and finds nothing to do."""
    with alone(engine) as connection:
        _require_known(connection)
        _require_room(connection)
        _run(command.upgrade, connection, revision)
        comments.apply(connection)


def downgrade(engine: sa.Engine, revision: str) -> None:
    """Take the schema back to `revision` ("base": drop everything, rows included)."""
    with alone(engine) as connection:
        _require_known(connection)
        _run(command.downgrade, connection, revision)


def require_current(engine: sa.Engine) -> None:
    """Raise Misconfigured unless the schema is the one that this version works with."""
    problem = _revision_problem(current(engine))
    if problem:
        raise Misconfigured(problem)


def check(engine: sa.Engine) -> list[str]:
    """What of the schema is not as this version needs it, one sentence each; empty: nothing."""
    found = current(engine)
    problem = (_room_problem(engine) if found is None else None) or _revision_problem(found)
    if problem:
        return [problem]
    with reading(engine).connect() as connection:
        there = _views(connection)
        missing = [f"The view {view} is missing." for view in VIEW_NAMES if view not in there]
        gone = [
            f"The view {view} cannot be read: its definer is gone." for view in orphans(connection, sorted(there))
        ]
        context = MigrationContext.configure(connection, opts=alembic_options(connection))
        differences = sentences(compare_metadata(context, metadata))
        return differences + missing + gone + comments.differences(connection)


def views_there(engine: sa.Engine) -> set[str]:
    """The names of our views that are there."""
    if not is_there(engine.url):
        return set()
    with reading(engine).connect() as connection:
        return _views(connection)


def _views(connection: sa.Connection) -> set[str]:
    return set(VIEW_NAMES).intersection(sa.inspect(connection).get_view_names())


def alembic_options(connection: sa.Connection) -> dict[str, Any]:
    """How Alembic is to look at this database: for env.py and `check` alike."""
    return {
        "target_metadata": metadata,
        "compare_type": True,
        "include_object": _is_ours,
        "render_as_batch": connection.dialect.name == "sqlite",
        "transactional_ddl": connection.dialect.name not in MYSQL_FAMILY,
    }


def _is_ours(_item: object, _name: str | None, kind: str, reflected: bool, counterpart: object) -> bool:
    # Tables of other programs in the same schema, and indexes that a DBA added, are no difference.
    return not (kind in ("table", "index") and reflected and counterpart is None)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(script_directory()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _run(task: Any, connection: sa.Connection, revision: str) -> None:
    config = _config()
    config.attributes["connection"] = connection
    try:
        task(config, revision)
    except CommandError as error:
        raise Misconfigured(f"{error}. Remedy: name one of the revisions of this version.") from error


def _current(connection: sa.Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _revision_problem(found: str | None) -> str | None:
    needed = head()
    if found == needed:
        return None
    if found is None:
        return f"The database holds no schema yet, this version needs {needed}. {UPGRADE}."
    if not _is_known(found):
        return _unknown(found)
    return f"The schema is at {found}, this version needs {needed}. {UPGRADE}."


def _is_known(revision: str) -> bool:
    return any(script.revision == revision for script in _scripts().walk_revisions())


def _unknown(revision: str) -> str:
    return (
        f"The schema is at {revision}, which this version (it needs {head()}) does not know: it is newer, "
        "or another program's. Remedy: install the newer numbercheck-etl, or name another database."
    )


def _require_known(connection: sa.Connection) -> None:
    found = _current(connection)
    if found is not None and not _is_known(found):
        raise Misconfigured(_unknown(found))


def _require_room(connection: sa.Connection) -> None:
    problem = _another_program(connection)
    if problem:
        raise Misconfigured(problem)


def _room_problem(engine: sa.Engine) -> str | None:
    if not is_there(engine.url):
        return None
    with reading(engine).connect() as connection:
        return _another_program(connection)


def _another_program(connection: sa.Connection) -> str | None:
    """Nothing of ours there yet: then tables with our names are somebody else's."""
    tables = set(sa.inspect(connection).get_table_names())
    taken = sorted(tables.intersection(metadata.tables))
    if not taken or "alembic_version" in tables:
        return None
    return (
        f"The schema holds tables of another program: {', '.join(taken)}. "
        "Remedy: give numbercheck a database or a schema of its own."
    )


# -- one upgrade at a time --------------------------------------------------------------------------------


@contextlib.contextmanager
def alone(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection in a transaction that no other upgrade of this database runs beside."""
    lock = {"sqlite": _on_sqlite, "postgresql": _on_postgresql}.get(engine.dialect.name, _on_mysql)
    with engine.connect() as connection, lock(connection):
        yield connection


@contextlib.contextmanager
def _on_sqlite(connection: sa.Connection) -> Iterator[None]:
    # Changing a table means to copy and drop it, which foreign keys forbid. They can only be switched off
    # outside of a transaction, so they are looked at once more before its end.
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys = OFF")
    try:
        with connection.begin():  # IMMEDIATE: see engine.py
            yield
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
            if broken:
                raise RuntimeError(f"a migration left rows of {broken[0]} without their {broken[2]}")
    finally:
        driver.execute("PRAGMA foreign_keys = ON")


@contextlib.contextmanager
def _on_postgresql(connection: sa.Connection) -> Iterator[None]:
    with connection.begin():
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{WAIT_SECONDS}s'")
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{TABLE_WAIT_SECONDS}s'")
        yield


@contextlib.contextmanager
def _on_mysql(connection: sa.Connection) -> Iterator[None]:
    # Names of locks are the whole server's, and 64 characters at most.
    name = sa.func.concat("numbercheck:", sa.func.sha1(sa.func.database()))
    got = connection.scalar(sa.select(sa.func.get_lock(name, WAIT_SECONDS)))
    connection.exec_driver_sql(f"SET SESSION lock_wait_timeout = {TABLE_WAIT_SECONDS}")
    connection.commit()
    if got != 1:
        raise TryLater("Another upgrade of this database is running. Remedy: run this again later.")
    try:
        with connection.begin():
            yield
    finally:
        # The server releases it by itself where the connection is gone.
        with contextlib.suppress(sa.exc.DBAPIError):
            connection.scalar(sa.select(sa.func.release_lock(name)))
            connection.commit()
