"""Lets a role read the views and nothing else of this job: what `numbercheck db grant-reader` asks of the server.

The views are read with their owner's rights (PostgreSQL) or their definer's (MariaDB, MySQL), so a reader needs no
right on the tables behind them. What differs by server is in grants_postgresql.py and grants_mysql.py.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa

from etl.admin import grants_mysql, grants_postgresql
from etl.admin.roles import HIDDEN_TABLES, Held, Reader, execute, quote
from etl.database.types import MYSQL_FAMILY
from etl.errors import Misconfigured
from etl.schema import views
from etl.schema.migrate import alone
from etl.schema.viewwords import View

ViewColumns = Mapping[str, frozenset[str] | None]
"""The columns of each view that may be read; None: all, including those added later."""


class _Server(Protocol):
    def find(self, connection: sa.Connection, name: str) -> Reader: ...

    def held(self, connection: sa.Connection, reader: Reader) -> set[Held]: ...

    def beyond(
        self,
        connection: sa.Connection,
        reader: Reader,
        objects: Collection[str],
        columns: Collection[tuple[str, str]],
    ) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Grant:
    """What was granted, and what this command cannot do."""

    reader: str
    views: tuple[str, ...]
    missing: tuple[str, ...]
    """Statements that only the owner of the database may run."""
    beyond: tuple[str, ...]
    """What else the role can reach, though this command did not grant it."""


def grant(engine: sa.Engine, name: str, *, masked: bool) -> Grant:
    """Let the role `name` read the views (`masked`: only the masked and summary ones), and revoke all others.

    Raises Misconfigured if the server has no roles, no role of this name, or several.
    """
    server = _server(engine.dialect)
    wanted = {view.name: _columns(view) for view in views.VIEWS if view.masked or not masked}
    with alone(engine) as connection:
        reader = server.find(connection, name)
        _bring_about(connection, reader, server.held(connection, reader), wanted)
        # On MariaDB and MySQL, whoever may read a view may use its database.
        missing = grants_postgresql.let_in(connection, reader) if server is grants_postgresql else []
        others = {view.name for view in views.VIEWS} - set(wanted)
        hidden = [(view.name, c) for view in views.VIEWS if view.name in wanted for c in sorted(view.hidden)]
        beyond = server.beyond(connection, reader, HIDDEN_TABLES | others, hidden)
    return Grant(str(reader), tuple(wanted), tuple(missing), tuple(beyond))


@contextlib.contextmanager
def kept(connection: sa.Connection) -> Iterator[None]:
    """Give readers back the rights that a migration inside this block took away by creating a view again."""
    if connection.dialect.name != "postgresql":
        yield  # MariaDB and MySQL keep what was granted on a view's name
        return
    before = grants_postgresql.on_views(connection)
    yield
    grants_postgresql.give_back(connection, before)


def _server(dialect: sa.Dialect) -> _Server:
    if dialect.name == "postgresql":
        return grants_postgresql
    if dialect.name in MYSQL_FAMILY:
        return grants_mysql
    raise Misconfigured(
        "SQLite has no roles: anyone who may read the file may read all of it.",
        "give readers a copy without what they must not see, or use PostgreSQL or MariaDB.",
    )


def _columns(view: View) -> frozenset[str] | None:
    return frozenset(view.columns) - view.hidden if view.hidden else None


def _bring_about(connection: sa.Connection, reader: Reader, held: Collection[Held], wanted: ViewColumns) -> None:
    """Change only what differs, so that a reader at work does not notice a second call."""
    for view in (view.name for view in views.VIEWS):
        has = {(entry.column, entry.privilege) for entry in held if entry.view == view}
        should = _privileges(wanted[view]) if view in wanted else set()
        if has == should:
            continue
        name = quote(connection, view)
        if has:
            execute(connection, f"REVOKE ALL PRIVILEGES ON {name} FROM {reader.sql}")
        if should:
            columns = ", ".join(quote(connection, column) for column in sorted(wanted[view] or ()))
            execute(connection, f"GRANT SELECT {f'({columns})' if columns else ''} ON {name} TO {reader.sql}")


def _privileges(columns: Collection[str] | None) -> set[tuple[str | None, str]]:
    return {(None, "SELECT")} if columns is None else {(column, "SELECT") for column in columns}
