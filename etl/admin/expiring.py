"""Deletes what is older than allowed, and keeps its totals: what `numbercheck privacy expire` does."""

from __future__ import annotations

import datetime as dt
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from etl.core.batchday import State
from etl.core.checkrow import Key
from etl.database.keys import having_keys
from etl.database.rewriting import rewrite
from etl.errors import Locked
from etl.schema.tables import (
    KEY,
    awaited_check,
    batch,
    batch_day,
    daily_total,
    further_sighting,
    number_check,
    rejected_row,
    repeated_key,
)
from etl.store import erasures, lock
from etl.store.erasures import LogLine
from etl.store.lock import EXPIRING

ROWS_EXPIRED = 2000
"""Rows that are deleted in one transaction."""
HELD_SECONDS = 1.0
"""For so long at most, and one slice, the lock of the account is held before a sync may have it."""
PAUSE_SECONDS = 0.25
"""A sync that waits for the lock looks for it more often than that."""

_FINISHED = (State.SETTLED, State.LOST)
_LEFTOVERS = (awaited_check, further_sighting, repeated_key, rejected_row)
# Made once: having_keys remembers each query that it was ever given.
_CHILDREN = {table: sa.select(*table.c) for table in (awaited_check, further_sighting)}
_LATER = (
    sa.select(*further_sighting.c, batch_day.c.check_date)
    .join(batch_day)
    .where(batch_day.c.check_date >= sa.bindparam("before"))
)
_COUNTS = {"validity": "valid_rows", "reachable": "reachable_rows", "answered": "answered_rows"}


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


@dataclass(slots=True)
class _Total:
    """What is kept of the rows of one category."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("checked_rows", *_COUNTS.values()), 0))
    priced_rows: int = 0
    cost: Decimal | None = None

    def add(self, row: Any) -> None:
        self.counts["checked_rows"] += 1
        for column, name in _COUNTS.items():
            self.counts[name] += getattr(row, column) == "YES"
        if row.price is not None:
            self.priced_rows += 1
            self.cost = (self.cost or Decimal(0)) + row.price


def expire(engine: sa.Engine, order: ExpiryOrder, more: Callable[[int], bool]) -> Expired:
    """Delete the rows of finished batch days, slice by slice.

    The lock of the account is given back again and again, and a sync that runs is waited for. `more`: whether to
    go on; asked between slices, with the rows that are deleted so far. Killed meanwhile, the next call goes on.
    """
    done = Expired()
    with engine.connect() as connection:
        days = deque(_due_days(connection, order))
        while days and more(done.rows):
            with _locked(connection, order.account_id) as held:
                if held is not None:
                    _for_a_while(connection, held, days, order, done)
            if days:
                time.sleep(PAUSE_SECONDS)
        done.left = len(days)
    rewrite(engine)  # also where nothing is left to delete: perhaps the last call was killed before this
    return done


@contextmanager
def _locked(connection: sa.Connection, account_id: int) -> Iterator[lock.Lock | None]:
    """The lock of the account; None: a sync has it."""
    try:
        held = lock.acquire(connection, account_id, lock.holder(EXPIRING))
    except Locked:
        yield None
        return
    try:
        yield held
    finally:
        held.release()


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
    left = (sa.exists().where(table.c.batch_day_id == day) for table in (number_check, *_LEFTOVERS))
    due = sa.and_(batch_day.c.check_date < order.before, batch_day.c.state.in_(_FINISHED))
    query = sa.select(day).join(batch).where(batch.c.account_id == order.account_id, due)
    query = query.where(sa.or_(batch_day.c.expired_at.is_(None), *left)).order_by(batch_day.c.check_date, day)
    with connection.begin():
        return list(connection.execute(query).scalars())


def _slice(connection: sa.Connection, day: int, before: dt.date, moment: dt.datetime) -> tuple[int, int]:
    """Delete some rows of a batch day, and add them to its totals; how many were looked at, and deleted."""
    mark = {
        "expired_at": sa.func.coalesce(
            batch_day.c.expired_at, sa.bindparam("now", moment, batch_day.c.expired_at.type)
        )
    }
    connection.execute(sa.update(batch_day).where(batch_day.c.batch_day_id == day).values(mark))
    columns = (number_check.c[name] for name in (*KEY, "category_id", *_COUNTS, "price"))
    query = sa.select(*columns).where(number_check.c.batch_day_id == day).limit(ROWS_EXPIRED)
    rows = connection.execute(query).all()
    moved = _move(connection, [(row.message_id, row.phone) for row in rows], before)
    gone = [row for row in rows if (row.message_id, row.phone) not in moved]
    _add_totals(connection, day, gone)
    _delete(connection, [(row.message_id, row.phone) for row in gone])
    if len(rows) < ROWS_EXPIRED:
        for table in _LEFTOVERS:
            connection.execute(sa.delete(table).where(table.c.batch_day_id == day))
        none = {"doubtful_rows": 0}
        connection.execute(sa.update(batch_day).where(batch_day.c.batch_day_id == day).values(none))
    return len(rows), len(gone)


def _move(connection: sa.Connection, keys: list[Key], before: dt.date) -> set[Key]:
    """Let keys that a later date has listed as well stand there from now on; which ones."""
    later = having_keys(connection, _LATER, further_sighting, keys, before=before)
    found = sorted(later, key=lambda row: row.check_date)
    place = {(row.message_id, row.phone): row.batch_day_id for row in reversed(found)}
    if place:
        lines = [{"_day": day, "_message_id": key[0], "_phone": key[1]} for key, day in place.items()]
        connection.execute(
            sa.delete(further_sighting).where(_day(further_sighting), *_same(further_sighting)), lines
        )
        to: dict[str, Any] = {"batch_day_id": sa.bindparam("_day")}
        connection.execute(sa.update(number_check).where(*_same(number_check)).values(to), lines)
    return set(place)


def _delete(connection: sa.Connection, keys: list[Key]) -> None:
    """Delete checks, and what refers to them."""
    for table, query in _CHILDREN.items():
        there = {(row.message_id, row.phone) for row in having_keys(connection, query, table, keys)}
        _delete_from(connection, table, there)
    _delete_from(connection, number_check, keys)


def _delete_from(connection: sa.Connection, table: sa.Table, keys: Iterable[Key]) -> None:
    lines = [{"_message_id": message_id, "_phone": phone} for message_id, phone in keys]
    if lines:
        connection.execute(sa.delete(table).where(*_same(table)), lines)


def _same(table: sa.Table) -> list[sa.ColumnElement[bool]]:
    return [table.c[name] == sa.bindparam(f"_{name}") for name in KEY]


def _day(table: sa.Table) -> sa.ColumnElement[bool]:
    return table.c.batch_day_id == sa.bindparam("_day")


def _add_totals(connection: sa.Connection, day: int, rows: Iterable[Any]) -> None:
    """Add these rows to the totals of their categories."""
    totals: dict[int, _Total] = {}
    for row in rows:
        totals.setdefault(row.category_id, _Total()).add(row)
    known = {
        row.category_id: row
        for row in connection.execute(sa.select(daily_total).where(daily_total.c.batch_day_id == day))
    }
    for category, total in sorted(totals.items()):
        _save_total(connection, {"batch_day_id": day, "category_id": category}, total, known.get(category))


def _save_total(connection: sa.Connection, key: dict[str, int], total: _Total, before: Any) -> None:
    values: dict[str, Any] = {**total.counts, "priced_rows": total.priced_rows, "cost": total.cost}
    if before is None:
        connection.execute(sa.insert(daily_total).values(**key, **values))
        return
    for name, value in values.items():
        if name != "cost" or before.cost is not None:
            values[name] = getattr(before, name) + (value or 0)
    mine = [daily_total.c[name] == number for name, number in key.items()]
    connection.execute(sa.update(daily_total).where(*mine).values(values))
