"""Rows that leave this database, slice by slice, and what is kept of them: their totals."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from etl.core.batchday import State
from etl.core.checkrow import Key
from etl.database.keys import having_keys
from etl.errors import Locked, Misconfigured
from etl.schema.tables import (
    KEY,
    awaited_check,
    batch_day,
    daily_total,
    further_sighting,
    number_check,
    rejected_row,
    repeated_key,
)
from etl.store import lock, versions

FINISHED = (State.SETTLED, State.LOST)
"""Only of such batch days may rows leave."""
MOST_COST = 10**12
LEFTOVERS = (awaited_check, further_sighting, repeated_key, rejected_row)
"""What else a batch day has; it leaves with the last rows."""
# Made once: having_keys remembers each query that it was ever given.
_CHILDREN = {table: sa.select(*table.c) for table in (awaited_check, further_sighting)}
_LATER = (
    sa.select(*further_sighting.c, batch_day.c.check_date)
    .join(batch_day)
    .where(batch_day.c.check_date >= sa.bindparam("before"), batch_day.c.archived_at.is_(None))
)
_COUNTS = {"validity": "valid_rows", "reachable": "reachable_rows", "answered": "answered_rows"}


def something_left() -> sa.ColumnElement[bool]:
    """Whether a batch day still has rows, or anything else that leaves with them."""
    tables = (number_check, *LEFTOVERS)
    return sa.or_(*(sa.exists().where(table.c.batch_day_id == batch_day.c.batch_day_id) for table in tables))


@dataclass(frozen=True, slots=True)
class Left:
    """What a slice did. `looked_at`: rows, and fewer than asked for at the end. `rows`: how many were deleted."""

    looked_at: int
    rows: int


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


@contextmanager
def locked(connection: sa.Connection, account_id: int, command: str) -> Iterator[lock.Lock | None]:
    """The lock of the account, for a command; None: a sync has it."""
    try:
        held = lock.acquire(connection, account_id, lock.holder(command))
    except Locked:
        yield None
        return
    try:
        yield held
    finally:
        held.release()


def leave(connection: sa.Connection, day: int, most: int, before: dt.date) -> Left:
    """Delete at most so many rows of a batch day, and add them to its totals.

    A key that a date from `before` on has listed as well stands there from now on. Versions are raised.
    """
    columns = (number_check.c[name] for name in (*KEY, "category_id", *_COUNTS, "price"))
    query = sa.select(*columns).where(number_check.c.batch_day_id == day).limit(most)
    rows = connection.execute(query).all()
    moved = _move(connection, [(row.message_id, row.phone) for row in rows], before)
    gone = [row for row in rows if (row.message_id, row.phone) not in moved]
    _add_totals(connection, day, gone)
    others = _delete(connection, [(row.message_id, row.phone) for row in gone])
    if len(rows) < most:
        for table in LEFTOVERS:
            connection.execute(sa.delete(table).where(table.c.batch_day_id == day))
        none = {"doubtful_rows": 0}
        connection.execute(sa.update(batch_day).where(batch_day.c.batch_day_id == day).values(none))
    versions.rise(connection, {day, *moved.values(), *others})
    return Left(len(rows), len(gone))


def _move(connection: sa.Connection, keys: list[Key], before: dt.date) -> dict[Key, int]:
    """Let keys that a later date has listed as well stand there from now on; which, and under which batch day."""
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
    return place


def _delete(connection: sa.Connection, keys: list[Key]) -> set[int]:
    """Delete checks, and what refers to them; the batch days in which something did."""
    days = set[int]()
    for table, query in _CHILDREN.items():
        found = list(having_keys(connection, query, table, keys))
        _delete_from(connection, table, {(row.message_id, row.phone) for row in found})
        days |= {row.batch_day_id for row in found}
    _delete_from(connection, number_check, keys)
    return days


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


def _require_room(*costs: Decimal | None) -> None:
    """Raise Misconfigured if no column can hold the cost; SQLite would, and a copy of it would fail."""
    if abs(sum(filter(None, costs), Decimal(0))) >= MOST_COST:
        raise Misconfigured(
            f"The prices of one batch day add up to {MOST_COST:,} or more: no total can hold that.",
            "ask the vendor about these prices.",
        )


def _save_total(connection: sa.Connection, key: dict[str, int], total: _Total, before: Any) -> None:
    values: dict[str, Any] = {**total.counts, "priced_rows": total.priced_rows, "cost": total.cost}
    _require_room(total.cost, None if before is None else before.cost)
    if before is None:
        connection.execute(sa.insert(daily_total).values(**key, **values))
        return
    for name, value in values.items():
        if name != "cost" or before.cost is not None:
            values[name] = getattr(before, name) + (value or 0)
    mine = [daily_total.c[name] == number for name, number in key.items()]
    connection.execute(sa.update(daily_total).where(*mine).values(values))
