"""Rows as a driver takes and gives them: SQLAlchemy's way with each value takes longer than the database.

A row that was read is equal to one that is made ready to be written if both hold the same, except that the driver
may give JSON in another form than it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import partial
from itertools import starmap
from typing import Any

import sqlalchemy as sa

from etl.database.types import Json, Price, canonical_price, from_json

Value = Callable[[Any], Any]
DriverRow = tuple[Any, ...]
Rows = Sequence[DriverRow]


def to_driver(dialect: sa.Dialect, table: sa.Table, names: Sequence[str], rows: Rows) -> Rows:
    """Rows of values of these columns, as the driver takes them."""
    if not (names and rows):
        return rows
    return rows_for_driver(dialect, table, names, zip(*rows, strict=True))


def rows_for_driver(
    dialect: sa.Dialect, table: sa.Table, names: Sequence[str], columns: Iterable[Sequence[Any]]
) -> Rows:
    """The same of columns: what each of these `names` has in all rows."""
    return list(zip(*starmap(partial(_for_driver, dialect, table), zip(names, columns, strict=True)), strict=True))


def _for_driver(dialect: sa.Dialect, table: sa.Table, name: str, values: Sequence[Any]) -> Sequence[Any]:
    process = _writer(table.c[name].type, dialect)
    if process is None or values.count(None) == len(values):
        return values
    return [None if value is None else process(value) for value in values]


def _writer(kind: sa.types.TypeEngine[Any], dialect: sa.Dialect) -> Value | None:
    if isinstance(kind, Price):
        return canonical_price if dialect.name == "sqlite" else None
    return kind.dialect_impl(dialect).bind_processor(dialect)


def from_driver(table: sa.Table, names: Sequence[str]) -> Callable[[DriverRow], DriverRow]:
    """What makes Python's values of a row of these texts, numbers, prices and JSON, as the driver gives it."""
    readers = [_reader(table.c[name].type) for name in names]

    def convert(row: DriverRow) -> DriverRow:
        pairs = zip(readers, row, strict=True)
        return tuple(value if value is None or read is None else read(value) for read, value in pairs)

    return convert


def _reader(kind: sa.types.TypeEngine[Any]) -> Value | None:
    if isinstance(kind, Price):
        return Decimal
    return _json if isinstance(kind, Json) else None


def _json(value: Any) -> Any:
    """PostgreSQL's driver has read it already."""
    return from_json(value) if isinstance(value, str | bytes) else value


def as_driver_gives(result: sa.CursorResult[Any]) -> Rows:
    """All rows of a result, as the driver gives them."""
    found: Rows = result.cursor.fetchall()
    result.close()
    return found
