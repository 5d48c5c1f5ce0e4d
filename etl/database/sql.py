"""The few statements that each dialect writes in its own way."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa

from etl.database.types import MYSQL_FAMILY, dialect_module

Row = Mapping[str, Any]
Sortable = TypeVar("Sortable", str, int, dt.date)

STREAMED = {"yield_per": 1000}
"""Execution options of a query whose result may be long: the driver does not hold all of it at once."""
CHUNK = 1000
"""Values of one `IN`: every database accepts this many parameters."""
MANY = 1000
"""New rows of a table after which PostgreSQL should analyze it again."""
MYSQL_DUPLICATE = 1062
"""The number of MariaDB's and MySQL's error for a unique key that is there already."""


def insert_into(table: sa.Table, dialect: sa.Dialect) -> Any:
    """An INSERT that can say what to do about rows that are there already, as each dialect has its own."""
    return dialect_module(dialect.name).insert(table)


def insert_missing(connection: sa.Connection, table: sa.Table, rows: Sequence[Row]) -> None:
    """Insert those of `rows` (each with every column) whose unique keys the table does not have yet."""
    if not rows:
        return
    insert = insert_into(table, connection.dialect)
    if connection.dialect.name in MYSQL_FAMILY:
        own_key = next(iter(table.primary_key))
        connection.execute(insert.on_duplicate_key_update({own_key.name: own_key}), rows)
    else:
        connection.execute(insert.on_conflict_do_nothing(), rows)


def insert_missing_shared(connection: sa.Connection, table: sa.Table, rows: Sequence[Row]) -> None:
    """The same for a table that the rows of several accounts refer to, whose runs must not block each other.

    MariaDB's ON DUPLICATE KEY UPDATE locks existing rows against the other runs' foreign keys until the
    transaction ends, so that two runs wait for each other. An INSERT that is refused locks nobody out of the row.
    """
    if connection.dialect.name not in MYSQL_FAMILY:
        insert_missing(connection, table, rows)
        return
    for row in rows:
        try:
            connection.execute(sa.insert(table), row)
        except sa.exc.IntegrityError as error:
            if error.orig is None or error.orig.args[0] != MYSQL_DUPLICATE:
                raise


class Shared(dict[Any, Any]):
    """Gives one object for all equal values: a driver makes a new one for each row, though few of them differ."""

    def __missing__(self, value: Any) -> Any:
        self[value] = value
        return value


def analyze(connection: sa.Connection, rows: int, *tables: sa.Table) -> None:
    """Refresh the statistics that PostgreSQL plans queries with, after `rows` rows were inserted at once.

    Until autovacuum runs, PostgreSQL plans as if the rows were not there: joining 70,000 new rows took 55 s.
    """
    if connection.dialect.name == "postgresql" and rows >= MANY:
        connection.execute(sa.text(f"ANALYZE {', '.join(table.name for table in tables)}"))


def chunks(values: Collection[Sortable]) -> Iterator[list[Sortable]]:
    """The values, sorted, in lists that are short enough for an `IN`."""
    ordered = sorted(values)
    return (ordered[start : start + CHUNK] for start in range(0, len(ordered), CHUNK))


def server_clock(dialect: sa.Dialect) -> sa.ColumnElement[float]:
    """Now, by the clock that all processes share: the server's, or this machine's for SQLite; epoch seconds."""
    if dialect.name == "postgresql":
        return sa.literal_column("extract(epoch from clock_timestamp())::double precision", sa.Double())
    if dialect.name in MYSQL_FAMILY:
        return sa.literal_column("(unix_timestamp(sysdate(6)) + 0e0)", sa.Double())
    return sa.literal(time.time(), sa.Double())
