"""A role that reads, what it was granted, and what it is to keep away from."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa

from etl.errors import Misconfigured
from etl.schema.tables import metadata

HIDDEN_TABLES = frozenset({*metadata.tables, "alembic_version"})
"""What no reader gets."""


class Reader(NamedTuple):
    """A role or user of the server."""

    name: str
    sql: str
    """For statements: quoted."""
    host: str = ""
    """From where a user of MariaDB or MySQL comes; '' for a role."""

    def __str__(self) -> str:
        return f"{self.name}@{self.host}" if self.host else self.name


class Held(NamedTuple):
    """One privilege on a view that somebody has; `column` None: on all of it."""

    view: str
    column: str | None
    privilege: str


def refuse_owner(name: str) -> Misconfigured:
    """What to raise where the role is the job's own: taking rights from it would break the job."""
    return Misconfigured(
        f"{name!r} is the job's own role: it owns the tables.", "let readers have a role of their own."
    )


def quote(connection: sa.Connection, name: str) -> str:
    """A name as it stands in a statement, for `run` and for people: SQLAlchemy doubles % for the drivers."""
    return connection.dialect.identifier_preparer.quote_identifier(name).replace("%%", "%")


def execute(connection: sa.Connection, statement: str) -> None:
    """A statement as it is, without parameters."""
    connection.exec_driver_sql(statement.replace("%", "%%"))
