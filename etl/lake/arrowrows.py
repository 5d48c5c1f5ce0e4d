"""Rows of a view as Arrow tables, a few at a time, in one order on every server."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from decimal import Decimal
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.csv as pc
import sqlalchemy as sa

from etl.database.types import same_json
from etl.errors import Misconfigured
from etl.lake.lakeschema import JSON_COLUMNS

pa.enable_signal_handlers(False)  # it would take signals from us while it reads, and lose some of them

READ_ROWS = 5_000
"""Rows in memory at once."""
CSV_BYTES = 1024 * 1024
"""The same where PostgreSQL sends text."""
PIECES = 8
"""So many tables are read ahead of what is done with them: while one date is committed, the next one is read."""
_EXACT = {"postgresql": ' COLLATE "C"'}
T = TypeVar("T")


def rows_of(
    connection: sa.Connection, view: str, schema: pa.Schema, where: Mapping[str, Any], order: Sequence[str]
) -> Generator[pa.Table]:
    """The columns of `schema` of the rows that have the values of `where`, by the bytes of `order`.

    They are the same on every server, and so is their JSON. Whoever may stop before the end closes it (`closing`)
    while the connection is open: nothing can be said to the server later.
    """
    exact = _EXACT.get(connection.dialect.name, "")
    chosen = " AND ".join(f"{name} = :{name}" for name in where)
    by = ", ".join(f"{name}{exact if schema.field(name).type == pa.string() else ''}" for name in order)
    text = f"SELECT {', '.join(schema.names)} FROM {view} WHERE {chosen} ORDER BY {by}"  # noqa: S608
    query = sa.text(text).bindparams(**where)  # with the types of the values: SQLite's driver has none for dates
    read = _copied if connection.dialect.name == "postgresql" else _streamed
    with closing(read(connection, query, schema)) as tables:
        for table in tables:
            yield _with_same_json(table)


def _with_same_json(table: pa.Table) -> pa.Table:
    for place, field in enumerate(table.schema):
        if field.name in JSON_COLUMNS and table[place].null_count < table.num_rows:
            with _exact(field.name):
                texts = [None if text is None else same_json(text) for text in table[place].to_pylist()]
            table = table.set_column(place, field, pa.array(texts, field.type))
    return table


def _streamed(connection: sa.Connection, query: sa.TextClause, schema: pa.Schema) -> Generator[pa.Table]:
    options = {"yield_per": READ_ROWS}
    with closing(connection.execute(query, execution_options=options)) as result:
        for rows in result.partitions(READ_ROWS):
            columns = zip(schema, zip(*rows, strict=True), strict=True)
            yield pa.Table.from_arrays([_array(field, values) for field, values in columns], schema=schema)


def _array(field: pa.Field, values: Sequence[Any]) -> pa.Array:
    with _exact(field.name):
        if pa.types.is_decimal(field.type):
            return pa.array([None if value is None else Decimal(value) for value in values], field.type)
        return pa.array(values).cast(field.type)


@contextmanager
def _exact(column: str) -> Iterator[None]:
    """A value that somebody has written past this job, and that its type cannot hold, becomes a sentence."""
    try:
        yield
    except (pa.ArrowException, ArithmeticError, ValueError):  # SQLite has no types: it takes whatever it is given
        raise Misconfigured(
            f"The column {column} of the database has a value that is none of its type, such as a price with more"
            " than 6 digits behind the point.",
            "find out who has changed it, and correct it: nothing is rounded for the lake.",
        ) from None


# -- PostgreSQL ---------------------------------------------------------------------------------------------


def _copied(connection: sa.Connection, query: sa.TextClause, schema: pa.Schema) -> Generator[pa.Table]:
    """By COPY, as CSV, which Arrow reads in C++."""
    compiled = query.compile(dialect=connection.dialect)
    statement = f"COPY ({compiled.string}) TO STDOUT (FORMAT csv)"
    connection.execute(sa.text("SELECT 1"))  # the transaction begins as SQLAlchemy begins it
    driver: Any = connection.connection.driver_connection
    with (
        _as_sqlalchemy(connection),
        driver.cursor() as cursor,
        cursor.copy(statement, compiled.params) as copy,
        closing(ahead(_pieces(copy), 1)) as texts,
    ):
        for text in texts:
            yield pc.read_csv(
                pa.BufferReader(text),
                pc.ReadOptions(column_names=schema.names, block_size=len(text) + 1, use_threads=False),
                pc.ParseOptions(newlines_in_values=True),
                pc.ConvertOptions(
                    column_types=schema,
                    null_values=[""],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                ),
            ).cast(schema)


def _pieces(lines: Iterable[memoryview]) -> Generator[bytearray]:
    """Whole rows, together as large as fits into memory; the driver gives one at a time.

    Each is copied at once: to keep them until they are joined costs more than the database needs to send them.
    """
    text = bytearray()
    for line in lines:
        text += line
        if len(text) >= CSV_BYTES:
            yield text
            text = bytearray()
    if text:
        yield text


def ahead(things: Generator[T], many: int) -> Generator[T]:
    """The same, up to so many of which a thread fetches while the caller works on the one before.

    Whoever stops before the end closes this, and with it `things`.
    """
    with closing(things), ThreadPoolExecutor(1, "ahead") as pool:
        coming = deque(pool.submit(next, things, None) for _ in range(many))
        try:
            while (thing := coming.popleft().result()) is not None:
                coming.append(pool.submit(next, things, None))
                yield thing
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _as_sqlalchemy(connection: sa.Connection) -> Iterator[None]:
    """An error of the driver, which is used without SQLAlchemy here, is one of SQLAlchemy's as everywhere."""
    driver: Any = connection.dialect.dbapi
    try:
        yield
    except driver.Error as error:
        raise sa.exc.DBAPIError.instance(
            "COPY", None, error, driver.Error, hide_parameters=True, dialect=connection.dialect
        ) from error
