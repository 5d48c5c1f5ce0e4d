"""Removes codes and names from the lookups that nothing refers to: what `numbercheck db tidy` does.

A vendor, or something that answers in its place, can send thousands of codes that mean nothing. Once the rows that
had them were read again, nothing refers to them. What the migrations filled in stays.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import sqlalchemy as sa

from etl.admin.nosync import lock_all
from etl.database.sql import chunks
from etl.database.types import MYSQL_FAMILY
from etl.schema import migrate
from etl.schema.tables import (
    call_response,
    carrier,
    category,
    check_level,
    currency,
    metadata,
    number_type,
    region,
)
from etl.store import lock

# The combinations first: they refer to the others.
TIDIED = (category, check_level, number_type, call_response, region, currency, carrier)
FEW = 20
"""Up to so many codes, one pass over the rows for each is quicker than an index."""


def tidy(engine: sa.Engine) -> dict[str, int]:
    """Remove them, in one transaction. Returns how many, by table. Syncs are kept out: raises Locked.

    Raises TryLater if a lock is lost.
    """
    with engine.connect() as connection, ExitStack() as stack:
        locks = lock_all(connection, stack, "numbercheck db tidy")
        with connection.begin():
            removed = {table.name: _tidy(connection, table) for table in TIDIED}
            for each in locks:
                lock.verify(each)
    return removed


def _tidy(connection: sa.Connection, table: sa.Table) -> int:
    key = next(iter(table.primary_key))
    columns = list(_referring(key))
    unused = set(connection.scalars(sa.select(key))) - _filled_in(table)
    for column in columns:
        # One pass over the rows; asking for each code would be one pass for each code.
        unused -= set(connection.scalars(sa.select(column).distinct()))
    with ExitStack() as stack:
        if len(unused) > FEW:
            for column in columns:
                stack.enter_context(_indexed(connection, column))
        for some in chunks(unused):
            connection.execute(sa.delete(table).where(key.in_(some)))
    return len(unused)


@contextmanager
def _indexed(connection: sa.Connection, column: sa.Column[Any]) -> Iterator[None]:
    """An index for as long as this lasts: the database looks for rows of each code that is removed.

    MariaDB and MySQL have one for each foreign key. Elsewhere the transaction takes it back if it fails.
    """
    if connection.dialect.name in MYSQL_FAMILY or column.index:
        yield
        return
    name = f"tidy_{column.table.name}_{column.name}"
    connection.execute(sa.text(f"CREATE INDEX {name} ON {column.table.name} ({column.name})"))
    yield
    connection.execute(sa.text(f"DROP INDEX {name}"))


def _referring(key: sa.Column[Any]) -> Iterator[sa.Column[Any]]:
    """The columns that refer to the lookup."""
    columns = (column for table in metadata.sorted_tables for column in table.columns)
    return (column for column in columns if any(foreign.column is key for foreign in column.foreign_keys))


def _filled_in(table: sa.Table) -> set[Any]:
    """The keys that the migrations filled in."""
    key = next(iter(table.primary_key))
    kind = int if isinstance(key.type, sa.Integer) else str
    found: set[Any] = set()
    for file in (migrate.script_directory() / "data").glob(f"*/{table.name}.csv"):
        with file.open(encoding="utf-8", newline="") as lines:
            found |= {kind(line[key.name]) for line in csv.DictReader(lines)}
    return found
