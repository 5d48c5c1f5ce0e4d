"""What of a schema is not as it should be, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa

from etl.database.types import MYSQL_FAMILY

_NO_DEFINER = 1449  # of MariaDB and MySQL


def sentences(entries: list[Any]) -> list[str]:
    """One for each entry of Alembic's comparison."""
    return [_sentence(entry) for entry in _flat(entries)]


def orphans(connection: sa.Connection, views: Iterable[str]) -> list[str]:
    """Views of MariaDB or MySQL whose definer was dropped: nobody can read them."""
    if connection.dialect.name not in MYSQL_FAMILY:
        return []
    found = []
    for view in views:
        try:
            connection.exec_driver_sql(f"SELECT 1 FROM {view} LIMIT 0")  # noqa: S608  (our own names)
        except sa.exc.DBAPIError as error:
            if error.orig is None or error.orig.args[0] != _NO_DEFINER:
                raise
            found.append(view)
    return found


def _flat(entries: list[Any]) -> Iterator[tuple[Any, ...]]:
    for entry in entries:
        yield from entry if isinstance(entry, list) else [entry]


def _sentence(entry: tuple[Any, ...]) -> str:
    """One entry of Alembic's comparison, whose shape depends on its first item, as a sentence."""
    kind, *rest = entry
    match kind, rest:
        case "add_table", [table]:
            return f"The table {table.name} is missing."
        case (("add_column" | "remove_column"), [_, table, column]):
            return f"The column {table}.{column.name} is {'missing' if kind == 'add_column' else 'not ours'}."
        case str(), [_, str(table), str(column), _, found, needed] if kind.startswith("modify_"):
            what = kind.removeprefix("modify_")
            return f"The {what} of column {table}.{column} is {found!r}, not {needed!r}."
        case (("add_table_comment" | "remove_table_comment"), [table, *_]):
            return f"The comment of table {table.name} differs."
    item = rest[0]
    verb = "is missing" if kind.startswith("add_") else "is not ours"
    return f"The {kind.split('_', 1)[1]} {item.name} of table {item.table.name} {verb}."
