"""Many rows at once, inserted or updated in the way that is fastest on each database."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from etl.database.sql import MYSQL_DUPLICATE, insert_into
from etl.database.types import MYSQL_FAMILY
from etl.database.values import Rows, to_driver

COPIED = "copied_rows"
"""Execution option: the rows of a COPY … FROM STDIN (engine.py hands them to the driver)."""


def upsert(
    connection: sa.Connection,
    table: sa.Table,
    columns: Sequence[str],
    rows: Rows,
    *,
    same: Mapping[str, Any] | None = None,
    keep: Collection[str] = (),
    fixed: Collection[str] = (),
) -> None:
    """Insert `rows` (distinct keys, values in the order of `columns`), or update those that exist and differ.

    `same`: further columns, with the one value that they have in every row. `keep`: columns in which a NULL
    never replaces a value. `fixed`: columns that only an insert sets.
    """
    if not rows:
        return
    dialect, same = connection.dialect, same or {}
    ready = to_driver(dialect, table, columns, rows)
    statement = _statement(dialect, table, tuple(columns), tuple(same), frozenset(keep), frozenset(fixed))
    if dialect.name == "postgresql":
        _copy(connection, table, columns, ready)
        connection.execute(statement, dict(same))
    else:
        _execute_many(connection, statement, columns, ready, same)


def insert_all(
    connection: sa.Connection,
    table: sa.Table,
    columns: Sequence[str],
    rows: Rows,
    *,
    same: Mapping[str, Any],
) -> bool:
    """Insert `rows`, which were not there a moment ago, with values as `to_driver` makes them.

    The other arguments are those of `upsert`.

    False where another transaction has inserted some of them meanwhile: it has ended by now, so that what it
    inserted can be read; of the others, some may be inserted and some not.
    """
    if not rows:
        return True
    statement = _plain_insert(connection.dialect, table, tuple(columns), tuple(same))
    if connection.dialect.name == "postgresql":
        _copy(connection, table, columns, rows)
        options = {"preserve_rowcount": True}
        return connection.execute(statement, dict(same), execution_options=options).rowcount == len(rows)
    return _without_duplicates(lambda: _execute_many(connection, statement, columns, rows, same))


def insert_unheld(
    connection: sa.Connection,
    table: sa.Table,
    columns: Sequence[str],
    rows: Rows,
    *,
    same: Mapping[str, Any],
) -> bool:
    """Insert `rows`, which nobody is thought to have: quicker than `insert_all`, whose arguments it has.

    False, and nothing is changed, where the database refuses any of them.
    """
    if not rows:
        return True
    try:
        with connection.begin_nested():
            if connection.dialect.name == "postgresql":
                # As texts: of a value of another type, the driver would make one for each row.
                constants = tuple(map(str, same.values()))
                _copy_into(connection, table.name, (*columns, *same), [row + constants for row in rows])
            else:
                statement = _plain_insert(connection.dialect, table, tuple(columns), tuple(same))
                _execute_many(connection, statement, columns, rows, same)
    except sa.exc.IntegrityError:
        return False
    return True


def _without_duplicates(insert: Callable[[], None]) -> bool:
    try:
        insert()
    except sa.exc.IntegrityError as error:
        if error.orig is None or error.orig.args[0] != MYSQL_DUPLICATE:
            raise
        return False
    return True


@functools.lru_cache(maxsize=64)
def _plain_insert(dialect: sa.Dialect, table: sa.Table, columns: tuple[str, ...], same: tuple[str, ...]) -> Any:
    given = (*columns, *same)
    values = {name: sa.bindparam(name, type_=table.c[name].type) for name in given}
    if dialect.name == "postgresql":
        arrived = sa.table(_arrivals(table), *(sa.column(name, table.c[name].type) for name in columns))
        source = sa.select(*arrived.c, *(values[name] for name in same))
        # It waits for the other transaction to end, but locks none of its rows.
        return insert_into(table, dialect).from_select(given, source).on_conflict_do_nothing()
    return sa.insert(table).values(values).compile(dialect=dialect)


@functools.lru_cache(maxsize=64)
def _statement(
    dialect: sa.Dialect,
    table: sa.Table,
    columns: tuple[str, ...],
    same: tuple[str, ...],
    keep: Collection[str],
    fixed: Collection[str],
) -> Any:
    given = (*columns, *same)
    changing = [name for name in given if name not in table.primary_key.columns and name not in fixed]
    values = {name: sa.bindparam(name, type_=table.c[name].type) for name in given}
    if dialect.name == "postgresql":
        arrived = sa.table(_arrivals(table), *(sa.column(name, table.c[name].type) for name in columns))
        source = sa.select(*arrived.c, *(values[name] for name in same))
        return _or_update(insert_into(table, dialect).from_select(given, source), table, changing, keep)
    if dialect.name in MYSQL_FAMILY:
        insert = insert_into(table, dialect).values(values)
        changes = _changes(table, insert.inserted, changing, keep)
        return insert.on_duplicate_key_update(changes).compile(dialect=dialect)
    return _or_update(insert_into(table, dialect).values(values), table, changing, keep).compile(dialect=dialect)


def _or_update(insert: Any, table: sa.Table, changing: Sequence[str], keep: Collection[str]) -> Any:
    changes = _changes(table, insert.excluded, changing, keep)
    differs = sa.or_(*(table.c[name].is_distinct_from(value) for name, value in changes.items()))
    return insert.on_conflict_do_update(index_elements=table.primary_key.columns, set_=changes, where=differs)


def _changes(table: sa.Table, new: Any, names: Sequence[str], keep: Collection[str]) -> dict[str, Any]:
    return {name: sa.func.coalesce(new[name], table.c[name]) if name in keep else new[name] for name in names}


# -- PostgreSQL: COPY into a temporary table ----------------------------------------------------------------


def _arrivals(table: sa.Table) -> str:
    return f"arrived_{table.name}"


def _copy(connection: sa.Connection, table: sa.Table, columns: Sequence[str], rows: Rows) -> None:
    """Put the rows, and no others, into a temporary table that is empty again when the transaction ends."""
    name, names = _arrivals(table), ", ".join(columns)
    alike = f"SELECT {names} FROM {table.name} WITH NO DATA"  # noqa: S608  (names of our own schema)
    create = f"CREATE TEMPORARY TABLE IF NOT EXISTS {name} ON COMMIT DELETE ROWS AS {alike}"
    empty = f"DELETE FROM {name}"  # noqa: S608
    connection.exec_driver_sql(f"{create}; {empty}")
    _copy_into(connection, name, columns, rows)


def _copy_into(connection: sa.Connection, table: str, columns: Sequence[str], rows: Rows) -> None:
    statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
    connection.exec_driver_sql(statement, execution_options={COPIED: rows})


# -- the others: one prepared statement -----------------------------------------------------------------------


def _execute_many(
    connection: sa.Connection, compiled: Any, columns: Sequence[str], rows: Rows, same: Mapping[str, Any]
) -> None:
    """Execute past SQLAlchemy's handling of parameters, which takes longer than the database does."""
    [constants] = to_driver(connection.dialect, compiled.statement.table, tuple(same), [tuple(same.values())])
    names = (*columns, *same)
    ready: list[Any] = [row + constants for row in rows]
    if compiled.positiontup is None:
        ready = [dict(zip(names, row, strict=True)) for row in ready]
    elif tuple(compiled.positiontup) != names:
        ready = list(map(itemgetter(*map(names.index, compiled.positiontup)), ready))
    connection.exec_driver_sql(str(compiled), ready)
