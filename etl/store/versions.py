"""Versions of batch days: each rises with whatever the views show of its batch day, so that a lake sees it.

The moment of a change would not do: it is taken before the commit, and who looks in between misses it for ever. A
version rises under the lock of its row: of two changes of a batch day, the one that is committed later has the
greater version, however the moments were.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from etl.schema.tables import batch, batch_day


def present() -> int:
    """What a version is at least from now on: even after a restore from a backup, a lake has seen none like it."""
    return time.time_ns() // 1_000_000


def risen() -> sa.ColumnElement[int]:
    """The next version of a batch day, in an UPDATE of it; `now` is to be bound to `present()`."""
    now = sa.bindparam("now", type_=sa.BigInteger())
    return sa.case((batch_day.c.version >= now, batch_day.c.version + 1), else_=now)


def rise(connection: sa.Connection, days: Collection[int]) -> None:
    """Raise the versions of these batch days, in the transaction that changes what the views show of them."""
    now = present()
    lines = [{"day_id": day, "now": now} for day in sorted(set(days))]  # sorted: nobody waits for each other
    if lines:
        connection.execute(_RISE, lines)


def rise_all(connection: sa.Connection, account_id: int) -> None:
    """Raise the versions of all batch days of an account."""
    mine = batch_day.c.batch_id.in_(sa.select(batch.c.batch_id).where(batch.c.account_id == account_id))
    connection.execute(sa.update(batch_day).where(mine).values(version=risen()), {"now": present()})


_RISE: Any = sa.update(batch_day).where(batch_day.c.batch_day_id == sa.bindparam("day_id")).values(version=risen())
