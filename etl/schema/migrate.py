"""Brings the schema up to date through Alembic: one upgrade at a time, and all or nothing if the server allows it.

MariaDB and MySQL cannot roll back DDL: a revision must be able to run again after it was interrupted there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from etl.database.engine import reading
from etl.database.explain import NAMED_OBJECTS
from etl.database.sqlitefile import is_there
from etl.database.types import MYSQL_FAMILY
from etl.errors import Misconfigured, TryLater
from etl.schema import comments, holders, installed, views
from etl.schema.differences import Difference, of_comparison, of_views
from etl.schema.installed import (
    VERSIONS,
    current,
    head,
    require_current,
    require_known,
    revision_of,
    script_directory,
)
from etl.schema.tables import FORMER_TABLES, metadata

__all__ = ["current", "head", "require_current", "script_directory"]

VIEW_NAMES = tuple(view.name for view in views.VIEWS)
WAIT_SECONDS = 120
"""How long an upgrade waits for another upgrade."""
TABLE_WAIT_SECONDS = 30
"""How long an upgrade waits for a table that is being read; later readers of the table wait behind it."""


def upgrade(engine: sa.Engine, revision: str = "head") -> None:
    """Bring the schema to `revision`. Of two upgrades at once, the second waits and then finds nothing to do."""
    with alone(engine) as connection:
        require_known(revision_of(connection))
        _require_room(connection)
        _run(command.upgrade, connection, revision)
        comments.apply(connection)


def downgrade(engine: sa.Engine, revision: str) -> None:
    """Take the schema back to `revision` ("base": drop everything, including rows)."""
    with alone(engine) as connection:
        require_known(revision_of(connection))
        if revision == "base":
            _require_unreferenced(connection)
        _run(command.downgrade, connection, revision)


def is_behind(engine: sa.Engine, revision: str) -> bool:
    """Whether `revision` is not the database's own. Raises Misconfigured if there is no such revision."""
    found = current(engine)
    require_known(found)
    with _told_in_our_words():
        wanted = [script.revision for script in _scripts().get_revisions(revision)]
    return found is not None and wanted != [found]


def check(engine: sa.Engine) -> list[Difference]:
    """How the schema differs from what this version needs; empty: not at all.

    Raises Misconfigured if it is at another revision, or belongs to another program.
    """
    if is_there(engine.url):
        with reading(engine).connect() as connection:
            _require_room(connection)
    require_current(engine)
    with reading(engine).connect() as connection:
        context = MigrationContext.configure(connection, opts=alembic_options(connection))
        compared = of_comparison(compare_metadata(context, metadata))
        views_differ = of_views(connection, VIEW_NAMES, _views(connection))
        return compared + views_differ + comments.differences(connection)


def existing_views(engine: sa.Engine) -> set[str]:
    """The names of our views that exist in the database."""
    if not is_there(engine.url):
        return set()
    with reading(engine).connect() as connection:
        return _views(connection)


def _views(connection: sa.Connection) -> set[str]:
    return set(VIEW_NAMES).intersection(sa.inspect(connection).get_view_names())


def alembic_options(connection: sa.Connection) -> dict[str, Any]:
    """Alembic's options for this database, both for env.py and for `check`."""
    return {
        "target_metadata": metadata,
        "compare_type": True,
        "include_object": _is_ours,
        "render_as_batch": connection.dialect.name == "sqlite",
        "transactional_ddl": connection.dialect.name not in MYSQL_FAMILY,
    }


def _is_ours(_item: object, _name: str | None, kind: str, reflected: bool, counterpart: object) -> bool:
    # Tables of other programs in the same schema, and indexes that a DBA added, do not count as differences.
    return not (kind in ("table", "index") and reflected and counterpart is None)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(installed.script_directory()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _run(task: Any, connection: sa.Connection, revision: str) -> None:
    config = _config()
    config.attributes["connection"] = connection
    with _told_in_our_words():
        task(config, revision)


@contextlib.contextmanager
def _told_in_our_words() -> Iterator[None]:
    try:
        yield
    except CommandError as error:
        raise Misconfigured(f"{error}.", "name a revision that this version has.") from error


def _require_room(connection: sa.Connection) -> None:
    """Raise Misconfigured if something of another program has our names: no schema of ours is installed."""
    inspector = sa.inspect(connection)
    tables = set(inspector.get_table_names())
    others = {*inspector.get_view_names()}
    if connection.dialect.supports_sequences:
        others.update(inspector.get_sequence_names())  # they share the names of tables
    taken = sorted((tables | others).intersection((*metadata.tables, *VIEW_NAMES)))
    # Where an upgrade that failed leaves tables behind, the table of versions is there, and empty.
    may_be_ours = revision_of(connection) is not None or connection.dialect.name in MYSQL_FAMILY
    if taken and not (may_be_ours and VERSIONS.name in tables):
        raise Misconfigured(
            f"The schema holds tables or views of another program: {', '.join(taken)}.",
            "give numbercheck a database or a schema of its own.",
        )


# MariaDB would not name them, and what it has dropped before it comes to them is gone.
_REFERRING = """
    SELECT DISTINCT concat(table_schema, '.', table_name) AS referring, referenced_table_name AS ours
    FROM information_schema.key_column_usage
    WHERE referenced_table_schema = database() AND referenced_table_name IN :ours
    AND NOT (table_schema = database() AND table_name IN :ours)
    ORDER BY 1, 2
"""


def _require_unreferenced(connection: sa.Connection) -> None:
    """Raise Misconfigured where the server would refuse to drop a table, after it has dropped others."""
    if connection.dialect.name not in MYSQL_FAMILY:
        return
    query = sa.text(_REFERRING).bindparams(sa.bindparam("ours", expanding=True))
    found = connection.execute(query, {"ours": [*metadata.tables, *FORMER_TABLES]}).all()
    if found:
        named = (f"a foreign key of {referring} leads to {ours}" for referring, ours in found[:NAMED_OBJECTS])
        names = ", ".join(named)
        more = f", and there are {len(found) - NAMED_OBJECTS} more" if len(found) > NAMED_OBJECTS else ""
        raise Misconfigured(
            f"Something of yours is built upon what this drops: {names}{more}.",
            "drop what is named; then run this again. Nothing was dropped.",
        )


# -- one upgrade at a time --------------------------------------------------------------------------------


@contextlib.contextmanager
def alone(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection in a transaction; no other upgrade of this database runs at the same time."""
    lock = {"sqlite": _on_sqlite, "postgresql": _on_postgresql}.get(engine.dialect.name, _on_mysql)
    with engine.connect() as connection, lock(connection):
        yield connection


@contextlib.contextmanager
def _on_sqlite(connection: sa.Connection) -> Iterator[None]:
    # Changing a table means copying and dropping it, which foreign keys forbid. They can only be switched off
    # outside a transaction, so they are checked before the transaction ends.
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys = OFF")
    try:
        with connection.begin():  # IMMEDIATE: see engine.py
            yield
            # Tables of others may have been like this before: SQLite checks nothing unless it is told to.
            found = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
            broken = next((one for one in found if one[0] in metadata.tables), None)
            if broken:
                raise Misconfigured(
                    f"Rows of the table {broken[0]} refer to rows of {broken[2]} that are not there.",
                    "restore a backup, or delete those rows; then run this again.",
                )
    finally:
        driver.execute("PRAGMA foreign_keys = ON")


@contextlib.contextmanager
def _on_postgresql(connection: sa.Connection) -> Iterator[None]:
    with holders.named(connection.engine), connection.begin():
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{WAIT_SECONDS}s'")
        _make_versions(connection)
        # Anybody may take an advisory lock, only who may write can lock a table.
        connection.exec_driver_sql("LOCK TABLE alembic_version IN SHARE ROW EXCLUSIVE MODE")
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{TABLE_WAIT_SECONDS}s'")
        yield


def _make_versions(connection: sa.Connection) -> None:
    """Make the table that an upgrade locks. If another upgrade is just making it, wait until that has ended."""
    if sa.inspect(connection).has_table(VERSIONS.name):
        return
    try:
        with connection.begin_nested():
            VERSIONS.create(connection)
    except (sa.exc.IntegrityError, sa.exc.ProgrammingError):
        if not sa.inspect(connection).has_table(VERSIONS.name):
            raise


@contextlib.contextmanager
def _on_mysql(connection: sa.Connection) -> Iterator[None]:
    # All databases of a server share one set of lock names, which have at most 64 characters.
    name = sa.func.concat("numbercheck:", sa.func.sha1(sa.func.database()))
    got = connection.scalar(sa.select(sa.func.get_lock(name, WAIT_SECONDS)))
    connection.exec_driver_sql(f"SET SESSION lock_wait_timeout = {TABLE_WAIT_SECONDS}")
    connection.commit()
    if got != 1:
        holder = connection.scalar(sa.select(sa.func.is_used_lock(name)))
        raise TryLater(
            f"Another upgrade of this database is running, in the server's connection {holder}.",
            "run this again later. If there is no such upgrade, let the server's administrator end it.",
        )
    try:
        with connection.begin():
            yield
    finally:
        # If the connection is gone, the server has released the lock itself.
        with contextlib.suppress(sa.exc.DBAPIError):
            connection.scalar(sa.select(sa.func.release_lock(name)))
            connection.commit()
