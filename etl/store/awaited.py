"""Checks that still wait for their outcome: where they were last seen, and when to ask again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable

import sqlalchemy as sa

from etl.core.checkrow import CheckRow, Key
from etl.core.page import Page
from etl.core.steps import Awaited
from etl.database.keys import having_keys
from etl.database.sql import chunks
from etl.database.upsert import upsert
from etl.schema.tables import KEY, awaited_check

FIRST_WAIT_HOURS = 1
# An hourly job never runs exactly on the hour.
SLACK = dt.timedelta(minutes=10)
_COLUMNS = ("batch_day_id", *KEY, "page", "total", "wait_hours", "due_at")


def of_days(connection: sa.Connection, days: Collection[int]) -> dict[int, tuple[int, dt.datetime | None]]:
    """How many checks of each of these batch days are waiting, and when the first of them is due."""
    day_id = awaited_check.c.batch_day_id
    query = sa.select(day_id, sa.func.count(), sa.func.min(awaited_check.c.due_at)).group_by(day_id)
    found: dict[int, tuple[int, dt.datetime | None]] = dict.fromkeys(days, (0, None))
    for some in chunks(days):
        found |= {day: (count, due_at) for day, count, due_at in connection.execute(query.where(day_id.in_(some)))}
    return found


def due(connection: sa.Connection, day_id: int, moment: dt.datetime) -> list[Awaited]:
    """The waiting checks of a batch day that are due to be asked for again."""
    table = awaited_check
    query = sa.select(table.c.message_id, table.c.page, table.c.total)
    found = connection.execute(query.where(table.c.batch_day_id == day_id, table.c.due_at <= moment))
    return [Awaited(*row) for row in found]


def postpone(connection: sa.Connection, days: Collection[int], moment: dt.datetime) -> None:
    """Double the interval of these days' checks that were asked for and not found where they were expected."""
    table = awaited_check
    for some in chunks(days):
        overdue = sa.and_(table.c.batch_day_id.in_(some), table.c.due_at <= moment)
        waits = connection.execute(sa.select(table.c.wait_hours).where(overdue).distinct()).scalars().all()
        for hours in waits:
            later = dict(zip(("wait_hours", "due_at"), _wait(hours * 2, moment), strict=True))
            connection.execute(sa.update(table).where(overdue, table.c.wait_hours == hours).values(later))


class Waiting:
    """The waiting checks among the rows of one transaction."""

    def __init__(self, connection: sa.Connection, keys: Collection[Key], moment: dt.datetime) -> None:
        """`keys`: those of the stored rows that had no outcome yet; nothing is noted about any others."""
        self._connection = connection
        self._moment = moment
        found = having_keys(connection, _NOTED, awaited_check, keys)
        self._noted = {(row[0], (row[1], row[2])): tuple(row[3:]) for row in found}
        self._days: dict[Key, set[int]] = {}
        for day_id, key in self._noted:
            self._days.setdefault(key, set()).add(day_id)
        self._changed: set[tuple[int, Key]] = set()
        self._gone: set[tuple[int, Key]] = set()
        self._recounted: set[int] = set()

    def note(self, day_id: int, rows: Iterable[CheckRow], page: Page, at_page: int | None) -> None:
        """Bring the list of waiting checks up to date with a page. `rows`: its rows as they are stored."""
        for row in rows:
            if row.awaits_outcome:
                self._wait(day_id, row.key, page, at_page)
            elif self._days:
                self._resolve(row.key)

    def _resolve(self, key: Key) -> None:
        for day_id in self._days.pop(key, ()):
            del self._noted[day_id, key]
            self._changed.discard((day_id, key))
            self._gone.add((day_id, key))
            self._recounted.add(day_id)

    def _wait(self, day_id: int, key: Key, page: Page, at_page: int | None) -> None:
        before = self._noted.get((day_id, key))
        if before is None:
            after = (at_page or 1, page.total, *_wait(FIRST_WAIT_HOURS, self._moment))
            self._recounted.add(day_id)
        else:
            place, times = (at_page, page.total) if at_page else before[:2], before[2:]
            after = (*place, *(_wait(times[0] * 2, self._moment) if times[1] <= self._moment else times))
        if after != before:
            self._noted[day_id, key] = after
            self._days.setdefault(key, set()).add(day_id)
            self._changed.add((day_id, key))

    def flush(self) -> set[int]:
        """Write what changed. Returns the batch days of which more or fewer checks wait by now."""
        gone = [(day_id, *key) for day_id, key in sorted(self._gone, key=lambda line: line[::-1])]
        if gone:
            names = [f"_{name}" for name in _COLUMNS[:3]]
            self._connection.execute(_FORGET, [dict(zip(names, line, strict=True)) for line in gone])
        waiting = sorted(self._changed)
        upsert(
            self._connection,
            awaited_check,
            _COLUMNS,
            [(day_id, *key, *self._noted[day_id, key]) for day_id, key in waiting],
        )
        return self._recounted


_NOTED = sa.select(*(awaited_check.c[name] for name in _COLUMNS))
_FORGET = sa.delete(awaited_check).where(
    *(awaited_check.c[name] == sa.bindparam(f"_{name}") for name in _COLUMNS[:3])
)


def _wait(hours: int, moment: dt.datetime) -> tuple[int, dt.datetime]:
    """The values of `wait_hours` and `due_at` for a check that waits so many hours from `moment` on."""
    return hours, moment + dt.timedelta(hours=hours) - SLACK
