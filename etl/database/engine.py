"""The connection to the customer's database, the same on every server: UTC, strict, exact, READ COMMITTED."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import ExceptionContext

from etl.database import inherited, opening, packets, silence
from etl.database.driver import require_driver
from etl.database.explain import OWN, Database, explain, words
from etl.database.sqlitefile import create_private, file_of, require_place
from etl.database.types import MYSQL_FAMILY, from_json, to_json
from etl.database.upsert import COPIED

__all__ = ["connect", "explain", "reading", "snapshot"]

LOCK_SECONDS = 30
"""Seconds for which a statement waits for the other writers of an SQLite file."""

_POSTGRESQL = {
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,  # milliseconds; keepalives do not notice a peer that is gone while we send
    "application_name": "numbercheck",
}
# What no URL changes: the environment may name another encoding, as an SQL_ASCII database does by itself, and
# statements that are prepared stay behind in sessions that a pooler lends to somebody else.
_ALWAYS = {"client_encoding": "utf8", "prepare_threshold": None}
_MYSQL = {"connect_timeout": 10, "write_timeout": 60}


def connect(url: sa.URL, *, patient: bool = False, database: Database = OWN) -> sa.Engine:
    """An engine for `url`; nothing is connected yet. The URL's query takes precedence over our defaults.

    `patient`: for statements during which a server may be silent for longer than `silence.SILENCE`.
    Raises Misconfigured, about `database`, if the driver's package or an SQLite file's directory is missing,
    or the file is a device, a pipe or the like.
    """
    require_driver(url, database.called)
    if url.get_backend_name() == "sqlite":
        return _sqlite(url, database)
    engine = _mysql(url) if url.get_backend_name() in MYSQL_FAMILY else _postgresql(url, database)
    opening.listen(engine, database, None if patient else silence.SILENCE)
    return engine


def reading(engine: sa.Engine) -> sa.Engine:
    """The same engine for work that only reads: on SQLite it neither waits for writers nor blocks them."""
    return engine.execution_options(reads_only=True)


@contextlib.contextmanager
def snapshot(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection that only reads, and sees the database as it was at its first query."""
    with reading(engine).connect() as connection:
        if connection.dialect.name != "sqlite":  # its readers see nothing else
            connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection


def _defaults(url: sa.URL, values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in url.query}


def _engine(url: sa.URL, connect_args: dict[str, Any], **options: Any) -> sa.Engine:
    engine = sa.create_engine(
        url,
        connect_args=connect_args,
        hide_parameters=True,
        pool_pre_ping=True,
        json_serializer=to_json,
        json_deserializer=from_json,
        **options,
    )
    sa.event.listen(engine, "handle_error", _without_values)
    return engine


def _postgresql(url: sa.URL, database: Database) -> sa.Engine:
    arguments = _defaults(url, _POSTGRESQL) | _ALWAYS
    if url.host and "service" not in url.query:
        arguments.setdefault("hostaddr", "")  # a PGHOSTADDR of the environment would replace the URL's host
    engine = _engine(url, arguments, isolation_level="READ COMMITTED")
    inherited.prepare_postgresql(engine, database)
    sa.event.listen(engine, "do_execute", _copy)
    return engine


def _mysql(url: sa.URL) -> sa.Engine:
    always = {"charset": "utf8mb4", "cursorclass": packets.cursor_class()}
    engine = _engine(url, _defaults(url, _MYSQL) | always, isolation_level="READ COMMITTED")
    inherited.prepare_mysql(engine)
    return engine


def _sqlite(url: sa.URL, database: Database) -> sa.Engine:
    file = file_of(url)
    if file is not None:
        require_place(file, database)
    engine = _engine(url, _defaults(url, {"timeout": LOCK_SECONDS}))
    sa.event.listen(engine, "do_connect", lambda *_: create_private(url))
    opening.listen(engine, database, None)
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # Python would begin no transaction before DDL or SELECT: let _begin_sqlite begin all of them.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    # Readers and a writer at once. The file keeps this mode; a read-only or busy one stays as it is.
    with contextlib.suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA journal_mode = WAL")


def _begin_sqlite(connection: sa.Connection) -> None:
    # A transaction that reads, then writes, fails at once if another wrote in between; IMMEDIATE waits instead.
    reads_only = connection.get_execution_options().get("reads_only")
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")


def _copy(cursor: Any, statement: str, _parameters: object, context: Any) -> bool:
    """Run a COPY with rows, which the driver takes in its own way; whether the statement was one."""
    rows = context.execution_options.get(COPIED)
    if rows is None:
        return False
    with cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
    return True


def _without_values(context: ExceptionContext) -> None:
    """Make an error safe to print anywhere: PostgreSQL's DETAIL and MariaDB's quotes hold phone numbers."""
    original, wrapped = context.original_exception, context.sqlalchemy_exception
    text = words(original)
    if wrapped is not None:
        wrapped.args = (f"({type(original).__module__}.{type(original).__name__}) {text}",)
    number = original.args[0] if original.args else None
    original.args = (number, text) if isinstance(number, int) else (text,)
