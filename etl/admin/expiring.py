"""Deletes what is older than allowed, and keeps its totals: what `numbercheck privacy expire` does."""

from __future__ import annotations

import datetime as dt
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import sqlalchemy as sa

from etl.admin.leaving import FINISHED, leave, locked, something_left
from etl.database.rewriting import rewrite
from etl.schema.tables import batch, batch_day
from etl.store import erasures, lock
from etl.store.erasures import LogLine
from etl.store.lock import EXPIRING

ROWS_EXPIRED = 2000
"""Rows that are deleted in one transaction."""
HELD_SECONDS = 1.0
"""For so long at most, and one slice, the lock of the account is held before a sync may have it."""
PAUSE_SECONDS = 0.25
"""A sync that waits for the lock looks for it more often than that."""


@dataclass(frozen=True, slots=True)
class ExpiryOrder:
    """What is to be deleted: dates before `before` of an account. `who` orders it. `now`: the moment (UTC)."""

    account_id: int
    before: dt.date
    who: str
    now: Callable[[], dt.datetime]


@dataclass(slots=True)
class Expired:
    """What was deleted. `days`: batch days, by their numbers. `left`: batch days that still wait. `logged`: the
    number of the log's line about it."""

    left: int = 0
    rows: int = 0
    days: set[int] = field(default_factory=set)
    logged: int | None = None


def expire(engine: sa.Engine, order: ExpiryOrder, more: Callable[[int], bool]) -> Expired:
    """Delete the rows of finished batch days, slice by slice.

    The lock of the account is given back again and again, and a sync that runs is waited for. `more`: whether to
    go on; asked between slices, with the rows that are deleted so far. Killed meanwhile, the next call goes on.
    """
    done = Expired()
    with engine.connect() as connection:
        days = deque(_due_days(connection, order))
        while days and more(done.rows):
            with locked(connection, order.account_id, EXPIRING) as held:
                if held is not None:
                    _for_a_while(connection, held, days, order, done)
            if days:
                time.sleep(PAUSE_SECONDS)
        done.left = len(days)
    rewrite(engine)  # also where nothing is left to delete: perhaps the last call was killed before this
    return done


def _for_a_while(
    connection: sa.Connection, held: lock.Lock, days: deque[int], order: ExpiryOrder, done: Expired
) -> None:
    """Delete some slices; a batch day of which nothing is left is taken off `days`."""
    end = time.monotonic() + HELD_SECONDS
    while days:
        with connection.begin():
            looked_at, gone = _slice(connection, days[0], order.before, order.now())
            line = LogLine(order.account_id, "expire", order.who, 0, done.rows + gone)
            done.logged = erasures.note_action(connection, line, order.now(), again=done.logged)
            lock.verify(held)
        done.rows += gone
        done.days.add(days[0])
        if looked_at < ROWS_EXPIRED:
            days.popleft()
        if time.monotonic() >= end:
            return


def _due_days(connection: sa.Connection, order: ExpiryOrder) -> list[int]:
    """The batch days that have something to delete, or were never looked at, the oldest first."""
    day = batch_day.c.batch_day_id
    due = sa.and_(batch_day.c.check_date < order.before, batch_day.c.state.in_(FINISHED))
    query = sa.select(day).join(batch).where(batch.c.account_id == order.account_id, due)
    query = query.where(sa.or_(batch_day.c.expired_at.is_(None), something_left()))
    query = query.order_by(batch_day.c.check_date, day)
    with connection.begin():
        return list(connection.execute(query).scalars())


def _slice(connection: sa.Connection, day: int, before: dt.date, moment: dt.datetime) -> tuple[int, int]:
    """Delete some rows of a batch day, and add them to its totals; how many were looked at, and deleted."""
    mark = {
        "expired_at": sa.func.coalesce(
            batch_day.c.expired_at, sa.bindparam("moment", moment, batch_day.c.expired_at.type)
        )
    }
    connection.execute(sa.update(batch_day).where(batch_day.c.batch_day_id == day).values(mark))
    left = leave(connection, day, ROWS_EXPIRED, before)
    return left.looked_at, left.rows
