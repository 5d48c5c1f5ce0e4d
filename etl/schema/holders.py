"""Who holds locks on the schema's tables, for the message of a change that waited for them in vain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from etl.errors import TryLater

_LOCK_NOT_AVAILABLE = "55P03"
_NAMED = 5
_HOLDERS = sa.text("""
    SELECT session.pid, session.usename, pg_catalog.min(relname::text), pg_catalog.count(DISTINCT relname)
    FROM pg_catalog.pg_locks AS held
    JOIN pg_catalog.pg_stat_activity AS session USING (pid)
    JOIN pg_catalog.pg_class ON pg_class.oid = held.relation
    JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
    WHERE held.granted AND nspname = pg_catalog.current_schema() AND relkind IN ('r', 'v')
    AND held.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
    AND held.pid <> pg_catalog.pg_backend_pid()
    GROUP BY session.pid, session.usename ORDER BY session.pid LIMIT :most
""")


@contextmanager
def named(engine: sa.Engine) -> Iterator[None]:
    """On PostgreSQL: raise TryLater, which names who holds what, where a lock was waited for in vain."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        with engine.connect() as connection:
            found = connection.execute(_HOLDERS, {"most": _NAMED}).all()
        if not found:
            raise
        raise TryLater(
            f"The schema cannot be changed while others use it: {'; '.join(_told(*holder) for holder in found)}.",
            "end these connections, or wait until they have ended; then run this again.",
        ) from error


def _told(pid: int, role: str, name: str, number: int) -> str:
    more = f" and {number - 1} more" if number > 1 else ""
    return f"the server's connection {pid} of the role {role!r} holds a lock on {name}{more}"
