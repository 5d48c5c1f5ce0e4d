"""Rows that could not be stored as they are: each is kept once, however often it is received."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable
from typing import Any

import simplejson
import sqlalchemy as sa

from etl.core.checkrow import CheckRow, Key, RejectedRow
from etl.core.fields import FIELDS
from etl.database.sql import chunks, insert_missing
from etl.schema.tables import rejected_row

HELD_BY_ANOTHER = "held_by_another_account"


def held_by_another(row: CheckRow) -> RejectedRow:
    """A row whose key another account holds, as a rejected one, its fields under the names of the vendor's page.

    Its digest is that of its key: read again with other content, it is still the same row.
    """
    named = ((field.page, getattr(row, field.name)) for field in FIELDS)
    payload = {name: value for name, value in named if value is not None} | (row.extra or {})
    text = simplejson.dumps(payload, use_decimal=True, ensure_ascii=False)
    return RejectedRow(HELD_BY_ANOTHER, text, digest_of_held(row.key))


def digest_of_held(key: Key) -> str:
    """The digest of a rejected row whose key another account holds."""
    return hashlib.sha256(simplejson.dumps([HELD_BY_ANOTHER, *key]).encode()).hexdigest()


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
        known: set[str] = set()
        for some in chunks(by_digest):
            mine = sa.and_(table.c.batch_day_id == day_id, table.c.digest.in_(some))
            known |= set(self._connection.execute(sa.select(table.c.digest).where(mine)).scalars())
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
