"""How a schema differs from what this version needs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from etl.database.types import MYSQL_FAMILY

_NO_DEFINER = 1449  # of MariaDB and MySQL


class Cure(StrEnum):
    """What helps against a difference; the value continues the sentence after "Remedy: "."""

    BY_HAND = "undo what was changed by hand, or restore a backup; docs/tables.md shows the schema."
    UPGRADE = "run `numbercheck db upgrade`, which writes them again."
    DEFINER = "let the server's administrator create that user again: SHOW CREATE VIEW names it."


@dataclass(frozen=True, slots=True)
class Difference:
    """A part of the schema (`subject`), what is wrong with it, and what helps; `str` says the first two."""

    subject: str
    fault: str
    cure: Cure = Cure.BY_HAND

    def __str__(self) -> str:
        return f"The {self.subject} {self.fault}."


def cure_of(differences: Collection[Difference]) -> Cure:
    """What helps against all of them together; if they need different things, checking each by hand."""
    cures = {difference.cure for difference in differences}
    return cures.pop() if len(cures) == 1 else Cure.BY_HAND


def of_comparison(entries: list[Any]) -> list[Difference]:
    """One difference for each entry of Alembic's comparison."""
    return [_difference(entry) for entry in _flat(entries)]


def of_views(connection: sa.Connection, needed: Iterable[str], found: Collection[str]) -> list[Difference]:
    """The views that are missing, and those that nobody can read."""
    missing = [Difference(f"view {view}", "is missing") for view in needed if view not in found]
    fault = "cannot be read: its definer no longer exists"
    return missing + [Difference(f"view {view}", fault, Cure.DEFINER) for view in _orphans(connection, found)]


def _orphans(connection: sa.Connection, views: Collection[str]) -> list[str]:
    """Views of MariaDB or MySQL whose definer was dropped."""
    if connection.dialect.name not in MYSQL_FAMILY:
        return []
    found = []
    for view in sorted(views):
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


def _difference(entry: tuple[Any, ...]) -> Difference:
    """One entry of Alembic's comparison, whose shape depends on its first item."""
    kind, *rest = entry
    match kind, rest:
        case "add_table", [table]:
            return Difference(f"table {table.name}", "is missing")
        case (("add_column" | "remove_column"), [_, table, column]):
            return Difference(f"column {table}.{column.name}", _missing_or_foreign(kind))
        case str(), [_, str(table), str(column), _, found, needed] if kind.startswith("modify_"):
            what = kind.removeprefix("modify_")
            return Difference(f"{what} of column {table}.{column}", f"is {found!r}, not {needed!r}")
        case (("add_table_comment" | "remove_table_comment"), [table, *_]):
            return Difference(f"comment of table {table.name}", "differs")
    item = rest[0]
    what = f"{kind.split('_', 1)[1]} {item.name} of table {item.table.name}"
    return Difference(what, _missing_or_foreign(kind))


def _missing_or_foreign(kind: str) -> str:
    return "is missing" if kind.startswith("add_") else "is not ours"
