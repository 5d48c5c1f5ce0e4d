"""Users and roles of MariaDB and MySQL, and what they were granted. Looking them up takes SELECT on `mysql`."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import sqlalchemy as sa

from etl.admin.roles import Held, Reader, quote, refuse_owner
from etl.errors import Misconfigured

# What lets somebody read or change rows, or the schema; the others (PROCESS, SHOW DATABASES, …) do neither.
_HARMFUL = frozenset(
    {"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "CREATE VIEW", "DROP", "ALTER", "INDEX", "TRIGGER"}
    | {"REFERENCES", "FILE", "SUPER", "CREATE USER", "DELETE HISTORY", "CREATE ROUTINE"}
)
_FOUND = sa.text("SELECT user, host FROM mysql.user WHERE user IN (:name, :user) ORDER BY user, host")
_PRIVILEGES = sa.text("""
    SELECT grantee, '', '', privilege_type FROM information_schema.user_privileges
    UNION ALL
    SELECT grantee, '', '', privilege_type FROM information_schema.schema_privileges
    WHERE database() LIKE table_schema
    UNION ALL
    SELECT grantee, table_name, '', privilege_type FROM information_schema.table_privileges
    WHERE table_schema = database()
    UNION ALL
    SELECT grantee, table_name, column_name, privilege_type FROM information_schema.column_privileges
    WHERE table_schema = database()
""")
# A role is a member of others with the host ''.
_ROLES = sa.text("""
    WITH RECURSIVE member (role) AS (
        SELECT CAST(role AS CHAR(128)) FROM mysql.roles_mapping WHERE user = :user AND host = :host
        UNION
        SELECT CAST(roles_mapping.role AS CHAR(128)) FROM member
        JOIN mysql.roles_mapping ON roles_mapping.user = member.role AND roles_mapping.host = ''
    )
    SELECT role FROM member
""")


def find(connection: sa.Connection, name: str) -> Reader:
    """The user USER@HOST, or the only USER or role of this name.

    Raises Misconfigured where there is none, where there are several, and where it is the job's own.
    """
    user, host = name.rsplit("@", 1) if "@" in name else (name, "%")
    found = [tuple(row) for row in connection.execute(_FOUND, {"name": name, "user": user})]
    fitting = [entry for entry in found if entry[0] == name or entry == (user, host)]
    if not fitting:
        raise Misconfigured(
            f"There is no user or role {name!r} on this server.",
            f"let its administrator run CREATE USER {_quoted(connection, user, host)} IDENTIFIED BY '…', "
            "then run this again.",
        )
    if len(fitting) > 1:
        names = ", ".join(repr(f"{user}@{host}") for user, host in fitting)
        raise Misconfigured(f"There are several {name!r}: {names}.", "name one of these.")
    user, host = fitting[0]
    own = connection.scalar(sa.text("SELECT current_user()"))
    definers = sa.text("SELECT DISTINCT definer FROM information_schema.views WHERE table_schema = database()")
    if f"{user}@{host}" in {own, *connection.scalars(definers)}:
        raise refuse_owner(name)
    return Reader(user, _quoted(connection, user, host), host)


def held(connection: sa.Connection, reader: Reader) -> set[Held]:
    """What was granted to the user or role itself on tables and views of the database."""
    mine = _grantee(reader.name, reader.host)
    return {
        Held(table, column or None, privilege)
        for grantee, table, column, privilege in connection.execute(_PRIVILEGES)
        if grantee == mine and table
    }


def beyond(
    connection: sa.Connection, reader: Reader, objects: Collection[str], columns: Collection[tuple[str, str]]
) -> list[str]:
    """Which of these the user reaches: by itself, through a role, or because everybody does."""
    mine, others = _grantee(reader.name, reader.host), dict(_others(connection, reader))
    found = set()
    for grantee, table, column, privilege in connection.execute(_PRIVILEGES):
        if grantee not in {mine, *others} or privilege not in _HARMFUL:
            continue
        through = f" (as {others[grantee]})" if grantee in others else ""
        if not table:
            found.add(f"{privilege} on everything{through}")
        elif table in objects:
            found.add(f"{table}{through}")
        else:
            found |= {f"{v}.{c}{through}" for v, c in columns if v == table and column in ("", c)}
    return sorted(found)


def _others(connection: sa.Connection, reader: Reader) -> Iterator[tuple[str, str]]:
    """Whose rights the user has as well: the server's name of each, and one for people.

    The roles of MySQL are not looked at, only those of MariaDB.
    """
    if getattr(connection.dialect, "is_mariadb", False):
        values: dict[str, Any] = {"user": reader.name, "host": reader.host}
        for role in connection.scalars(_ROLES, values):
            yield _grantee(role, ""), f"the role {role}"
        yield _grantee("PUBLIC", ""), "everybody"
    # What was granted to the same user on any host counts as well.
    if reader.host not in ("", "%"):
        yield _grantee(reader.name, "%"), f"{reader.name}@%"


def _grantee(user: str, host: str) -> str:
    """As information_schema writes it, which escapes nothing."""
    return f"'{user}'@'{host}'"


def _quoted(connection: sa.Connection, user: str, host: str) -> str:
    return f"{quote(connection, user)}@{quote(connection, host)}" if host else quote(connection, user)
