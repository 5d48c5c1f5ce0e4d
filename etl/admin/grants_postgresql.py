"""Roles of PostgreSQL, and what they were granted."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

import sqlalchemy as sa

from etl.admin.roles import HIDDEN_TABLES, Held, Reader, execute, quote, refuse_owner
from etl.errors import Misconfigured

_ON_VIEWS = sa.text("""
    WITH view AS (
        SELECT pg_class.* FROM pg_class
        JOIN pg_namespace ON pg_namespace.oid = relnamespace AND nspname = current_schema()
        WHERE relkind = 'v'
    ), entry AS (
        SELECT relname, relowner, NULL AS attname, acl.*
        FROM view, aclexplode(relacl) AS acl
        UNION ALL
        SELECT relname, relowner, attname, acl.*
        FROM view JOIN pg_attribute ON attrelid = view.oid AND NOT attisdropped, aclexplode(attacl) AS acl
    )
    SELECT coalesce(rolname, 'public'), rolname IS NULL, relname, attname, privilege_type, is_grantable
    FROM entry LEFT JOIN pg_roles ON pg_roles.oid = grantee
    WHERE grantee <> relowner
""")
_OWNERS = sa.text("""
    SELECT tableowner FROM pg_tables WHERE schemaname = current_schema() AND tablename = ANY(:tables)
""")
# A member may become the role that it is a member of, even where it does not inherit its rights.
_MEMBERSHIPS = """
    FROM pg_roles
    JOIN pg_namespace ON nspname = current_schema()
    JOIN pg_class ON relnamespace = pg_namespace.oid
    WHERE pg_has_role(CAST(:reader AS name), pg_roles.oid, 'MEMBER')
"""
_OBJECTS = sa.text(f"""
    SELECT relname, rolname {_MEMBERSHIPS} AND relname = ANY(:names) AND (
        has_any_column_privilege(pg_roles.oid, pg_class.oid, 'SELECT, INSERT, UPDATE, REFERENCES')
        OR has_table_privilege(pg_roles.oid, pg_class.oid, 'DELETE, TRUNCATE, TRIGGER')
    ) ORDER BY 1, 2
""")
_COLUMN = sa.text(f"""
    SELECT :view || '.' || :column, rolname {_MEMBERSHIPS} AND relname = :view
    AND has_column_privilege(pg_roles.oid, pg_class.oid, :column, 'SELECT') ORDER BY 2
""")
_SCHEMA = sa.text("""
    SELECT 'new objects in the schema ' || nspname, rolname FROM pg_roles, pg_namespace
    WHERE nspname = current_schema() AND pg_has_role(CAST(:reader AS name), pg_roles.oid, 'MEMBER')
    AND has_schema_privilege(pg_roles.oid, pg_namespace.oid, 'CREATE') ORDER BY 2
""")


class Granted(NamedTuple):
    """One privilege on a view, and whose it is."""

    role: str
    is_public: bool
    view: str
    column: str | None
    privilege: str
    may_pass_on: bool


def find(connection: sa.Connection, name: str) -> Reader:
    """The role, spelled exactly so. Raises Misconfigured where there is none, or where it is no mere reader."""
    quoted = quote(connection, name)
    found = connection.execute(
        sa.text("SELECT rolname = current_user FROM pg_roles WHERE rolname = :name"), {"name": name}
    ).first()
    if found is None:
        raise Misconfigured(
            f"There is no role {name!r} on this server.",
            f"let its administrator run CREATE ROLE {quoted} LOGIN PASSWORD '…', then run this again.",
        )
    if found[0] or name in set(connection.scalars(_OWNERS, {"tables": sorted(HIDDEN_TABLES)})):
        raise refuse_owner(name)
    return Reader(name, quoted)


def held(connection: sa.Connection, reader: Reader) -> set[Held]:
    """What was granted to the role itself on the views of the schema."""
    return {
        Held(entry.view, entry.column, entry.privilege)
        for entry in on_views(connection)
        if not entry.is_public and entry.role == reader.name
    }


def on_views(connection: sa.Connection) -> set[Granted]:
    """Everything that was granted on the views of the schema, but for their owners' rights."""
    return {Granted(*row) for row in connection.execute(_ON_VIEWS)}


def give_back(connection: sa.Connection, before: Iterable[Granted]) -> None:
    """Grant again what a view or a column has lost that is there (again)."""
    inspector = sa.inspect(connection)
    columns = {view: {c["name"] for c in inspector.get_columns(view)} for view in inspector.get_view_names()}
    for role, is_public, view, column, privilege, may_pass_on in set(before) - on_views(connection):
        if view not in columns or (column is not None and column not in columns[view]):
            continue
        what = privilege if column is None else f"{privilege} ({quote(connection, column)})"
        to = "PUBLIC" if is_public else quote(connection, role)
        passing_on = " WITH GRANT OPTION" if may_pass_on else ""
        execute(connection, f"GRANT {what} ON {quote(connection, view)} TO {to}{passing_on}")


def let_in(connection: sa.Connection, reader: Reader) -> list[str]:
    """Open database and schema to the role; the statements that somebody else must run for that."""
    missing = []
    for kind, function, privilege in (("DATABASE", "database", "CONNECT"), ("SCHEMA", "schema", "USAGE")):
        name = connection.scalar(sa.text(f"SELECT current_{function}()"))
        may = sa.text(f"SELECT has_{function}_privilege(CAST(:who AS name), :name, :privilege)")
        me = connection.scalar(sa.text("SELECT current_user"))
        statement = f"GRANT {privilege} ON {kind} {quote(connection, str(name))} TO {reader.sql}"
        values: dict[str, Any] = {"name": name, "privilege": privilege}
        if connection.scalar(may, {"who": me, "name": name, "privilege": f"{privilege} WITH GRANT OPTION"}):
            execute(connection, statement)
        elif not connection.scalar(may, values | {"who": reader.name}):
            missing.append(statement)
    return missing


def beyond(
    connection: sa.Connection, reader: Reader, objects: Collection[str], columns: Iterable[tuple[str, str]]
) -> list[str]:
    """Which of these the role reaches: by itself, as a member of another role, or because everybody does."""
    values: dict[str, Any] = {"reader": reader.name}
    if connection.scalar(sa.text("SELECT rolsuper FROM pg_roles WHERE rolname = :reader"), values):
        return ["everything, being a superuser"]
    found = list(connection.execute(_OBJECTS, values | {"names": sorted(objects)}))
    for view, column in columns:
        found += connection.execute(_COLUMN, values | {"view": view, "column": column})
    found += connection.execute(_SCHEMA, values)
    return [what if role == reader.name else f"{what} (as a member of {role})" for what, role in found]
