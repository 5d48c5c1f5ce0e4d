"""The ledger of batch days: what was asked for, what came, what is proven."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from etl.batchday import BatchDay, State
from etl.batches.listing import Line
from etl.plan import Known, Rows
from etl.store.schema import awaited_check, batch, batch_day
from etl.window import Window

UNFINISHED = (State.PENDING, State.INCOMPLETE, State.OPEN)

# column of batch_day → attribute of BatchDay, as they are written after every answer
FIGURES = {
    "state": "state",
    "reported_rows": "reported",
    "stored_rows": "stored",
    "repeated_rows": "repeated",
    "rejected_rows": "rejected",
    "pages_read": "pages_read",
    "needs_pass": "needs_pass",
    "growth": "growth",
    "fruitless_runs": "fruitless_runs",
    "last_asked_at": "last_asked_at",
    "last_synced_at": "last_synced_at",
    "last_look_at": "last_look_at",
    "note": "note",
}


def load(
    connection: sa.Connection, account_id: int, lines: Collection[Line], window: Window, *, full: bool = False
) -> Known:
    """What the ledger knows that may matter now.

    Settled batch days come whole only where they may be asked for again: on the last date in the window, and
    for `full`; of the others only the count.
    """
    mine = sa.and_(batch.c.account_id == account_id, batch_day.c.state != State.LOST)
    since = window.first - dt.timedelta(days=window.days)
    settled = batch_day.c.state == State.SETTLED
    again = batch_day.c.check_date >= window.first if full else batch_day.c.check_date == window.first
    recent = sa.and_(mine, batch_day.c.check_date >= since)
    unfinished = sa.and_(mine, sa.not_(settled))
    counts = sa.select(batch.c.batch_no, batch_day.c.check_date, batch_day.c.reported_rows)
    counts = counts.join_from(batch_day, batch).where(recent, settled, sa.not_(again))
    finished: Rows = defaultdict(dict)
    for batch_no, date, rows in connection.execute(counts):
        finished[date][batch_no] = rows or 0
    return Known(lines, _days(connection, sa.or_(unfinished, sa.and_(recent, settled, again))), finished)


def _days(connection: sa.Connection, which: sa.ColumnElement[bool]) -> list[BatchDay]:
    columns = [batch_day.c[name] for name in FIGURES]
    query = sa.select(
        batch.c.batch_no,
        batch_day.c.check_date,
        batch_day.c.batch_day_id,
        batch.c.appkey,
        batch_day.c.spill,
        *columns,
    ).join_from(batch_day, batch)
    waiting = _waiting(connection)
    days = []
    for batch_no, date, day_id, appkey, spill, *figures in connection.execute(query.where(which)):
        day = BatchDay(batch_no, date, day_id, appkey, bool(spill))
        for name, value in zip(FIGURES.values(), figures, strict=True):
            setattr(day, name, value)
        day.state = State(day.state)
        day.unresolved, day.next_outcome_at = waiting.get(day_id, (0, None))
        days.append(day)
    return days


def _waiting(connection: sa.Connection) -> dict[int, tuple[int, dt.datetime | None]]:
    """How many checks each unfinished batch day waits for, and when the first is due."""
    query = (
        sa.select(awaited_check.c.batch_day_id, sa.func.count(), sa.func.min(awaited_check.c.due_at))
        .join_from(awaited_check, batch_day)
        .where(batch_day.c.state.in_(UNFINISHED))
        .group_by(awaited_check.c.batch_day_id)
    )
    return {day_id: (count, due_at) for day_id, count, due_at in connection.execute(query)}


def record(connection: sa.Connection, account_id: int, days: Sequence[BatchDay], window: Window) -> None:
    """Write down batch days that were never seen before, as pending, and give them their numbers."""
    if not days:
        return
    query = sa.select(batch.c.batch_no, batch.c.batch_id).where(batch.c.account_id == account_id)
    ids = {row.batch_no: row.batch_id for row in connection.execute(query)}
    deadlines = {date: window.deadline(date) for date in {day.date for day in days}}
    rows = [
        {
            "batch_id": ids[day.batch_no],
            "check_date": day.date,
            "spill": day.spill,
            "deadline": deadlines[day.date],
            "state": State.PENDING,
        }
        for day in days
    ]
    connection.execute(sa.insert(batch_day), rows)
    new = sa.select(batch_day.c.batch_id, batch_day.c.check_date, batch_day.c.batch_day_id)
    new = new.join_from(batch_day, batch).where(
        batch.c.account_id == account_id, batch_day.c.state == State.PENDING
    )
    numbers = {(batch_id, date): day_id for batch_id, date, day_id in connection.execute(new)}
    for day in days:
        day.id = numbers[ids[day.batch_no], day.date]


def save(connection: sa.Connection, day: BatchDay) -> None:
    """Write a batch day's figures as they are now."""
    values: dict[str, Any] = {column: getattr(day, name) for column, name in FIGURES.items()}
    connection.execute(_SAVE, values | {"day_id": day.id})


_SAVE = (
    sa.update(batch_day)
    .where(batch_day.c.batch_day_id == sa.bindparam("day_id"))
    .values({name: sa.bindparam(name) for name in FIGURES})
)


def save_all(connection: sa.Connection, days: Iterable[BatchDay]) -> None:
    """Write the figures of several batch days."""
    for day in days:
        save(connection, day)


def untold_losses(connection: sa.Connection, account_id: int) -> list[BatchDay]:
    """Lost batch days of which no run has told yet."""
    mine = sa.and_(batch.c.account_id == account_id, batch_day.c.state == State.LOST)
    return _days(connection, sa.and_(mine, batch_day.c.loss_told == sa.false()))


def losses_told(connection: sa.Connection, days: Iterable[BatchDay]) -> None:
    """Note that a run which ended normally has told of these losses."""
    for day in days:
        told = sa.update(batch_day).where(batch_day.c.batch_day_id == day.id).values(loss_told=True)
        connection.execute(told)
