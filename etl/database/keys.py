"""Rows by their key, for any number of keys: by a join, because long `IN` lists defeat the planners."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from typing import Any

import msgspec
import sqlalchemy as sa

from etl.core.checkrow import Key
from etl.database.types import dialect_module, exact_collation
from etl.database.values import DriverRow, as_driver_gives

KEYS_AT_ONCE = 500
"""Keys in one statement: even if every character is escaped, they stay below the smallest packet that is usual."""
MANY_KEYS = 5000
"""The same on PostgreSQL, which has no such limit: each statement costs a moment in which nothing else is done."""


def having_keys(
    connection: sa.Connection, query: sa.Select[Any], table: sa.Table, keys: Collection[Key], **values: Any
) -> Iterable[Any]:
    """The rows of `query` (on `table`, which has a message id and a phone) whose key is one of `keys`.

    `values`: the values of the query's own parameters.
    """
    return chain.from_iterable(found.all() for found in _found(connection, query, table, keys, values))


def having_keys_for_driver(
    connection: sa.Connection, query: sa.Select[Any], table: sa.Table, keys: Collection[Key]
) -> Iterable[DriverRow]:
    """The same as the driver gives them (see values.py): quicker where there are many."""
    return chain.from_iterable(map(as_driver_gives, _found(connection, query, table, keys, {})))


def _found(
    connection: sa.Connection,
    query: sa.Select[Any],
    table: sa.Table,
    keys: Collection[Key],
    values: dict[str, Any],
) -> Iterator[sa.CursorResult[Any]]:
    dialect = connection.dialect
    joined = _joined(query, table, dialect.name, exact_collation(dialect))
    ordered, most = list(keys), MANY_KEYS if dialect.name == "postgresql" else KEYS_AT_ONCE
    for start in range(0, len(ordered), most):
        some = msgspec.json.encode(ordered[start : start + most]).decode()
        yield connection.execute(joined, values | {"keys": some})


@functools.cache
def _joined(query: sa.Select[Any], table: sa.Table, dialect: str, collation: str) -> sa.Select[Any]:
    wanted = {"postgresql": _postgresql, "sqlite": _sqlite}.get(dialect, functools.partial(_mysql, collation))()
    same = sa.and_(table.c.message_id == wanted.c.message_id, table.c.phone == wanted.c.phone)
    if dialect != "postgresql":
        return query.join(wanted, same)
    # OFFSET keeps this from becoming a join, for which PostgreSQL reads a table whole until it is analyzed.
    found = query.where(same).correlate(wanted).offset(0).lateral("found")
    return sa.select(*found.c).join_from(wanted, found, sa.true())


def _postgresql() -> sa.FromClause:
    json_text = dialect_module("postgresql").JSON
    keys = sa.cast(sa.bindparam("keys", type_=sa.Text), json_text)
    value: sa.ColumnClause[Any] = sa.column("value", json_text)
    pair = sa.func.json_array_elements(keys).table_valued(value).render_derived(name="pair")
    parts = [pair.c.value[place].astext for place in (0, 1)]
    return sa.select(parts[0].label("message_id"), parts[1].label("phone")).subquery("wanted")


def _sqlite() -> sa.FromClause:
    pair = sa.func.json_each(sa.bindparam("keys", type_=sa.Text)).table_valued("value")
    parts = [sa.func.json_extract(pair.c.value, path) for path in ("$[0]", "$[1]")]
    return sa.select(parts[0].label("message_id"), parts[1].label("phone")).subquery("wanted")


def _mysql(collation: str) -> sa.FromClause:
    kind = f"VARCHAR(64) CHARACTER SET utf8mb4 COLLATE {collation}"
    table = sa.text(
        "SELECT message_id, phone FROM JSON_TABLE(:keys, '$[*]' COLUMNS "  # noqa: S608  (the name of a collation)
        f"(message_id {kind} PATH '$[0]', phone {kind} PATH '$[1]')) AS listed"
    )
    return table.columns(sa.column("message_id", sa.Text), sa.column("phone", sa.Text)).subquery("wanted")
