"""Leaves nothing behind of what was deleted from a database that is a file."""

from __future__ import annotations

import logging

import sqlalchemy as sa

log = logging.getLogger(__name__)


def rewrite(engine: sa.Engine) -> None:
    """Write the file of an SQLite database anew and empty its log: in both, deleted bytes stay readable.

    A server cleans up by itself, sooner or later: docs/privacy.md says how. The caller has no transaction open.
    """
    if engine.dialect.name != "sqlite":
        return
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("VACUUM")
        busy, *_ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        cursor.close()
    finally:
        connection.close()
    if busy:
        log.warning(
            "Somebody reads the database, so its file %s-wal still has pages from before. Remedy: let readers end,"
            " and run this again.",
            engine.url.database,
        )
