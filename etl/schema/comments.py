"""Comments on the views and their columns, which only PostgreSQL can store.

MariaDB and MySQL store comments on tables and their columns, which the migrations create. SQLite stores none.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.engine.reflection import ObjectKind

from etl.schema.differences import Cure, Difference
from etl.schema.views import VIEWS

_Place = tuple[str, str | None]
"""A view and one of its columns; None in place of the column means the view itself."""


def apply(connection: sa.Connection) -> None:
    """Write the comments from etl/schema/views.py to the existing views, unless they have them already."""
    for (view, column), comment in _wrong(connection):
        name = connection.dialect.identifier_preparer.quote
        what = f"VIEW {name(view)}" if column is None else f"COLUMN {name(view)}.{name(column)}"
        connection.exec_driver_sql(f"COMMENT ON {what} IS {_literal(connection, comment)}")


def differences(connection: sa.Connection) -> list[Difference]:
    """Comments that differ from etl/schema/views.py: an upgrade writes them again."""
    wrong = [place for place, _ in _wrong(connection)]
    return [Difference(f"comment of {_name(*place)}", "differs", Cure.UPGRADE) for place in wrong]


def _name(view: str, column: str | None) -> str:
    return f"view {view}" if column is None else f"column {view}.{column}"


def _wrong(connection: sa.Connection) -> list[tuple[_Place, str]]:
    if connection.dialect.name != "postgresql":
        return []
    found = _found(connection)
    return [(place, comment) for place, comment in _needed() if place in found and found[place] != comment]


def _needed() -> Iterator[tuple[_Place, str]]:
    for view in VIEWS:
        yield (view.name, None), view.comment
        for column, comment in view.columns.items():
            yield (view.name, column), comment


def _found(connection: sa.Connection) -> dict[_Place, str | None]:
    inspector = sa.inspect(connection)
    names = [view.name for view in VIEWS]
    comments = inspector.get_multi_table_comment(filter_names=names, kind=ObjectKind.VIEW)
    found: dict[_Place, str | None] = {(view, None): entry["text"] for (_, view), entry in comments.items()}
    for (_, view), columns in inspector.get_multi_columns(filter_names=names, kind=ObjectKind.VIEW).items():
        found |= {(view, column["name"]): column.get("comment") for column in columns}
    return found


def _literal(connection: sa.Connection, text: str) -> str:
    """The text quoted for a statement that takes no parameters."""
    return str(sa.literal(text).compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))
