"""Rights of others on PostgreSQL with which they could make this job, or its readers, call functions of theirs.

PostgreSQL looks for a function by the types of its arguments before it looks at the order of schemas. Who may
create functions in a schema of the search path can therefore define one that fits a statement better than the
server's own, and it runs with the rights of whoever sends that statement.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from etl.admin.roles import quote
from etl.schema.migrate import VIEW_NAMES

EVERYBODY = "PUBLIC"

# Superusers and the owners of a schema need no such right, and the job's own role harms nobody.
_CREATORS = sa.text("""
    SELECT nspname, CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(acl.grantee) END
    FROM pg_catalog.pg_namespace
    CROSS JOIN LATERAL pg_catalog.aclexplode(nspacl) AS acl
    LEFT JOIN pg_catalog.pg_roles ON pg_roles.oid = acl.grantee
    WHERE nspname = ANY(pg_catalog.current_schemas(false)) AND acl.privilege_type = 'CREATE'
    AND acl.grantee <> nspowner AND NOT coalesce(rolsuper OR rolname = CURRENT_USER, false)
    ORDER BY 1, 2
""")
# Functions and operators that others gave the names of the server's own.
_ALIKE = sa.text("""
    WITH here AS (
        SELECT oid, nspname FROM pg_catalog.pg_namespace WHERE nspname = ANY(pg_catalog.current_schemas(false))
    ), server AS (
        SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'pg_catalog'
    ), alike AS (
        SELECT proowner AS owner, pg_catalog.format(
            'ROUTINE %I.%I(%s)', nspname, proname, pg_catalog.pg_get_function_identity_arguments(pg_proc.oid)
        ) AS what
        FROM pg_catalog.pg_proc JOIN here ON here.oid = pronamespace
        WHERE proname IN (SELECT proname FROM pg_catalog.pg_proc JOIN server ON server.oid = pronamespace)
        UNION ALL
        SELECT oprowner, pg_catalog.format(
            'OPERATOR %I.%s (%s, %s)', nspname, oprname,
            CASE WHEN oprleft = 0 THEN 'NONE' ELSE pg_catalog.format_type(oprleft, NULL) END,
            pg_catalog.format_type(oprright, NULL)
        )
        FROM pg_catalog.pg_operator JOIN here ON here.oid = oprnamespace
        WHERE oprname IN (SELECT oprname FROM pg_catalog.pg_operator JOIN server ON server.oid = oprnamespace)
    )
    SELECT what, rolname FROM alike JOIN pg_catalog.pg_roles ON pg_roles.oid = owner
    WHERE NOT rolsuper AND rolname <> CURRENT_USER ORDER BY 1
""")
# Views whose rules refer to a function, or to an operator, that is not the server's own.
_BOUND = sa.text("""
    SELECT DISTINCT relname FROM pg_catalog.pg_class
    JOIN pg_catalog.pg_rewrite ON ev_class = pg_class.oid
    JOIN pg_catalog.pg_depend ON classid = CAST('pg_rewrite' AS pg_catalog.regclass) AND objid = pg_rewrite.oid
    LEFT JOIN pg_catalog.pg_proc
        ON refclassid = CAST('pg_proc' AS pg_catalog.regclass) AND pg_proc.oid = refobjid
    LEFT JOIN pg_catalog.pg_operator
        ON refclassid = CAST('pg_operator' AS pg_catalog.regclass) AND pg_operator.oid = refobjid
    JOIN pg_catalog.pg_namespace AS source ON source.oid = coalesce(pronamespace, oprnamespace)
    JOIN pg_catalog.pg_namespace AS own ON own.oid = relnamespace
    WHERE own.nspname = pg_catalog.current_schema() AND source.nspname <> 'pg_catalog' AND relname = ANY(:views)
    ORDER BY 1
""")


@dataclass(frozen=True, slots=True)
class Danger:
    """What somebody else may do or has done; `str` says it, with what helps."""

    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.problem} Remedy: {self.remedy}"


def dangers(connection: sa.Connection) -> list[Danger]:
    """Who may create functions that this job might call, and those that are there; empty except on PostgreSQL."""
    if connection.dialect.name != "postgresql":
        return []
    found = [_may_create(connection, *row) for row in connection.execute(_CREATORS)]
    return found + [_alike(*row) for row in connection.execute(_ALIKE)]


def bound_views(connection: sa.Connection) -> list[Danger]:
    """Our views that call a function of somebody else; empty except on PostgreSQL."""
    if connection.dialect.name != "postgresql":
        return []
    return [_bound(view) for view in connection.scalars(_BOUND, {"views": list(VIEW_NAMES)})]


def _may_create(connection: sa.Connection, schema: str, role: str) -> Danger:
    everybody = role == EVERYBODY
    who = "Everybody" if everybody else f"The role {role!r}"
    grantee = role if everybody else quote(connection, role)
    return Danger(
        f"{who} may create functions in the schema {schema!r}, which this job and its readers might then call "
        "with their own rights.",
        f"let the owner of the schema run REVOKE CREATE ON SCHEMA {quote(connection, schema)} FROM {grantee}, or "
        "give numbercheck a schema of its own.",
    )


def _alike(what: str, owner: str) -> Danger:
    return Danger(
        f"The role {owner!r} has defined what this job or its readers might call instead of the server's own: "
        f"{what}.",
        f"see what it does, then let a superuser run DROP {what}.",
    )


def _bound(view: str) -> Danger:
    return Danger(
        f"The view {view} calls a function that is not the server's own.",
        "run `numbercheck db downgrade 0008` and `numbercheck db upgrade`, which write all views again.",
    )
