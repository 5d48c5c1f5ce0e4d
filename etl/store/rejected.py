"""Rows that could not be stored as they are: each is kept once, however often it is received."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from etl.core.checkrow import RejectedRow
from etl.database.sql import insert_missing
from etl.schema.tables import rejected_row


class Rejections:
    """The rejected rows of one transaction."""

    def __init__(self, connection: sa.Connection, moment: dt.datetime) -> None:
        self._connection = connection
        self._moment = moment
        self._new: dict[tuple[int, str], dict[str, Any]] = {}

    def add(self, day_id: int, rows: Iterable[RejectedRow], page: int) -> int:
        """Keep a page's rejected rows; returns how many of them this batch day did not have before."""
        by_digest = {row.digest: row for row in rows if (day_id, row.digest) not in self._new}
        if not by_digest:
            return 0
        table = rejected_row
        mine = sa.and_(table.c.batch_day_id == day_id, table.c.digest.in_(list(by_digest)))
        known = set(self._connection.execute(sa.select(table.c.digest).where(mine)).scalars())
        new = {
            (day_id, digest): {
                "batch_day_id": day_id,
                "page": page,
                "reason": row.reason,
                "payload": row.payload,
                "digest": digest,
                "seen_at": self._moment,
            }
            for digest, row in by_digest.items()
            if digest not in known
        }
        self._new |= new
        return len(new)

    def flush(self) -> None:
        """Write the new ones."""
        insert_missing(self._connection, rejected_row, list(self._new.values()))
