"""What a view is in words, and how its columns are put together.

A view's column that is simply a column of a table has the comment that it has in etl/schema/tables.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from etl.core.fields import Field
from etl.database.types import ExactText, Json, Long, Price, UtcTime
from etl.schema import tables

Described = tuple[str, str]
"""The comment of a column, and its kind of value."""


@dataclass(frozen=True, slots=True)
class View:
    """A view for readers.

    `question`: an example of what it answers; `query`: the SQL that answers it, the same on every server.
    `columns`: column → comment; `kinds`: column → kind of value (`kind`); both in the view's order.
    `masked`: people who may not see phone numbers may read it. `hidden`: columns that a reader role does not get.
    """

    name: str
    comment: str
    question: str
    query: str
    columns: Mapping[str, str]
    kinds: Mapping[str, str]
    masked: bool = False
    hidden: frozenset[str] = frozenset()


def kind(column: sa.Column[Any]) -> str:
    """What a column holds, in words that are true on every server."""
    found = column.type
    for known, word in ((UtcTime, "time"), (Price, "decimal"), (sa.Date, "date"), (sa.Boolean, "boolean")):
        if isinstance(found, known):
            return word
    if isinstance(found, ExactText | Long | sa.Text):
        return "text"
    if isinstance(found, Json | sa.JSON):
        return "json"
    return {sa.Integer: "integer", sa.BigInteger: "bigint", sa.Double: "double"}[type(found)]


def of(table: sa.Table, *names: str) -> dict[str, Described]:
    """Columns of a table, unchanged."""
    return {name: (str(table.c[name].comment), kind(table.c[name])) for name in names}


def fields(chosen: Iterable[Field]) -> dict[str, Described]:
    """The columns of these fields of the vendor, from whichever tables have them."""
    return {name: entry for f in chosen for name, entry in of(tables.table_of(f), f.name).items()}


def renamed(name: str, column: sa.Column[Any], comment: str = "") -> dict[str, Described]:
    """A column of a table under another name."""
    return {name: (comment or str(column.comment), kind(column))}


def own(what: str, **comments: str) -> dict[str, Described]:
    """Columns that the view computes, all of one kind."""
    return {name: (comment, what) for name, comment in comments.items()}


def view(name: str, columns: dict[str, Described], **words: Any) -> View:
    comments = {column: entry[0] for column, entry in columns.items()}
    return View(name=name, columns=comments, kinds={c: entry[1] for c, entry in columns.items()}, **words)
