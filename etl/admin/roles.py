"""A role that reads, what it was granted, and what it must not read."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa

from etl.errors import Misconfigured
from etl.schema.tables import metadata

HIDDEN_TABLES = frozenset({*metadata.tables, "alembic_version"})
"""What no reader may read."""


class Reader(NamedTuple):
    """A role or user of the server."""

    name: str
    sql: str
    """The name, quoted for statements."""
    host: str = ""
    """The host from which a user of MariaDB or MySQL connects; '' for a role."""

    def __str__(self) -> str:
        return f"{self.name}@{self.host}" if self.host else self.name


class Held(NamedTuple):
    """One privilege that a role has on a view; `column` None: on all of the view."""

    view: str
    column: str | None
    privilege: str


def refuse_owner(name: str) -> Misconfigured:
    """What to raise if the role is the job's own: taking rights from it would break the job."""
    return Misconfigured(
        f"{name!r} is the job's own role: it owns the tables.", "give readers a role of their own."
    )


def quote(connection: sa.Connection, name: str) -> str:
    """A name as it is written in a statement, for `execute` and for people: SQLAlchemy doubles % for drivers."""
    return connection.dialect.identifier_preparer.quote_identifier(name).replace("%%", "%")


def execute(connection: sa.Connection, statement: str) -> None:
    """Run a statement as it is, without parameters."""
    connection.exec_driver_sql(statement.replace("%", "%%"))
