"""The pace of an account across all processes: one row says when its next request may start."""

from __future__ import annotations

import sqlalchemy as sa

from etl.database.sql import insert_missing, server_clock
from etl.schema.tables import request_slot

# A slot that is further away than any back-off can push it means that a clock was set back: it is ignored.
LONGEST_BOOKING = 600.0


class Slots:
    """The slots of one account. Every call is a short transaction of its own. Thread-safe."""

    def __init__(self, engine: sa.Engine, account_id: int) -> None:
        self._engine = engine
        self._account_id = account_id
        with engine.begin() as connection:
            insert_missing(connection, request_slot, [{"account_id": account_id, "next_at": 0.0}])

    def claim(self, interval: float) -> float:
        """Take the next slot and return 0, or return how many seconds to wait until one is free."""
        mine, next_at = request_slot.c.account_id == self._account_id, request_slot.c.next_at
        with self._engine.begin() as connection:
            now = server_clock(connection.dialect)
            free = sa.or_(next_at <= now, next_at > now + interval + LONGEST_BOOKING)
            taken = sa.update(request_slot).where(mine, free).values(next_at=now + interval)
            if connection.execute(taken).rowcount:
                return 0.0
            wait = connection.execute(sa.select(next_at - now).where(mine)).scalar_one()
        return max(float(wait), 0.001)

    def push(self, seconds: float) -> None:
        """Let no request of this account start for `seconds`, or for 600 if that is less."""
        mine, next_at = request_slot.c.account_id == self._account_id, request_slot.c.next_at
        with self._engine.begin() as connection:
            until = server_clock(connection.dialect) + min(seconds, LONGEST_BOOKING)
            later = sa.update(request_slot).where(mine, next_at < until).values(next_at=until)
            connection.execute(later)
