"""Checks that still wait for their outcome: where they were last seen, and when to ask again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from typing import Any

import sqlalchemy as sa

from etl.api.answers import Page
from etl.api.rows import CheckRow
from etl.asking import Awaited
from etl.store.schema import KEY, awaited_check
from etl.store.sql import upsert

FIRST_WAIT_HOURS = 1
# A job that runs each hour never runs on the dot.
SLACK = dt.timedelta(minutes=10)

Key = tuple[str, str]


def of_day(connection: sa.Connection, day_id: int) -> tuple[int, dt.datetime | None]:
    """How many checks of a batch day wait, and when the first of them is due."""
    query = sa.select(sa.func.count(), sa.func.min(awaited_check.c.due_at))
    count, due_at = connection.execute(query.where(awaited_check.c.batch_day_id == day_id)).one()
    return count, due_at


def due(connection: sa.Connection, day_id: int, moment: dt.datetime) -> list[Awaited]:
    """The checks of a batch day whose outcome is due to be asked for."""
    table = awaited_check
    query = sa.select(table.c.message_id, table.c.page, table.c.total)
    found = connection.execute(query.where(table.c.batch_day_id == day_id, table.c.due_at <= moment))
    return [Awaited(*row) for row in found]


def postpone(connection: sa.Connection, day_id: int, moment: dt.datetime) -> None:
    """Double the interval of checks that were asked for and not found where they were thought to be."""
    table = awaited_check
    overdue = sa.and_(table.c.batch_day_id == day_id, table.c.due_at <= moment)
    waits = connection.execute(sa.select(table.c.wait_hours).where(overdue).distinct()).scalars().all()
    for hours in waits:
        later = sa.update(table).where(overdue, table.c.wait_hours == hours).values(_later(hours, moment))
        connection.execute(later)


def note(
    connection: sa.Connection,
    day_id: int,
    new: Iterable[CheckRow],
    seen_before: Collection[CheckRow],
    page: Page,
    at_page: int | None,
    moment: dt.datetime,
) -> None:
    """Bring the list of waiting checks up to date with a page, as it was stored."""
    table = awaited_check
    there = _of_rows(connection, seen_before)
    resolved = {row.key for row in seen_before if not row.awaits_outcome}
    _forget(connection, {key for _, key in there if key in resolved})
    place = {"page": at_page, "total": page.total} if at_page else {}
    first = {"page": at_page or 1, "total": page.total} | _wait(FIRST_WAIT_HOURS, moment)
    rows = []
    for row in (*new, *seen_before):
        if not row.awaits_outcome:
            continue
        before = there.get((day_id, row.key))
        after = (first if before is None else before | place) | _key(day_id, row.key)
        if before is not None and before["due_at"] <= moment:
            after |= _later(before["wait_hours"], moment)
        if after != before:
            rows.append(after)
    upsert(connection, table, rows, ("batch_day_id", *KEY))


def _key(day_id: int, key: Key) -> dict[str, Any]:
    return {"batch_day_id": day_id, "message_id": key[0], "phone": key[1]}


def _later(wait_hours: int, moment: dt.datetime) -> dict[str, Any]:
    return _wait(wait_hours * 2, moment)


def _wait(hours: int, moment: dt.datetime) -> dict[str, Any]:
    return {"wait_hours": hours, "due_at": moment + dt.timedelta(hours=hours) - SLACK}


def _of_rows(connection: sa.Connection, rows: Collection[CheckRow]) -> dict[tuple[int, Key], dict[str, Any]]:
    if not rows:
        return {}
    table = awaited_check
    query = sa.select(table).where(
        table.c.message_id.in_(sorted({row.message_id for row in rows})),
        table.c.phone.in_(sorted({row.phone for row in rows})),
    )
    return {
        (row.batch_day_id, (row.message_id, row.phone)): dict(row._mapping) for row in connection.execute(query)
    }


def _forget(connection: sa.Connection, keys: Collection[Key]) -> None:
    if keys:
        one = sa.and_(*(awaited_check.c[name] == sa.bindparam(f"_{name}") for name in KEY))
        rows = [{"_message_id": message_id, "_phone": phone} for message_id, phone in sorted(keys)]
        connection.execute(sa.delete(awaited_check).where(one), rows)
