"""The ledger of batch days: what was asked for, what was received, and what is proven."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from sys import intern
from typing import Any

import sqlalchemy as sa

from etl.core import notes
from etl.core.batchday import BatchDay, State
from etl.core.line import NO_LISTS, Lists, NamesByDate, RowsByDay
from etl.core.pagesize import PAGE_SIZE
from etl.core.planning import Known
from etl.core.window import Window
from etl.database.sql import STREAMED, Shared, analyze
from etl.schema.tables import awaited_check, batch, batch_day, batch_listing
from etl.store import accounts, listings, versions

BEGUN = (State.INCOMPLETE, State.OPEN)

# Column of batch_day → attribute of BatchDay. These are written after every answer.
FIGURES = {
    "state": "state",
    "reported_rows": "reported",
    "claimed_rows": "claimed",
    "page_size": "page_size",
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
    "full_at": "full_at",
    "full_pages": "full_pages",
}

# What v_coverage shows of them, times aside. `version` is compared with them before they are written.
_SHOWN = ("state", "reported_rows", "stored_rows", "repeated_rows", "rejected_rows", "note")

# What `_day` takes, in this order.
_OWN = (batch.c.batch_no, batch_day.c.check_date, batch_day.c.batch_day_id, batch.c.appkey, batch_day.c.spill)


def load(connection: sa.Connection, account_id: int, lists: Lists, window: Window, *, full: bool = False) -> Known:
    """What the ledger knows that may matter now.

    Settled batch days are loaded in full only if they may be asked for again: those on the first date of the
    window, and with `full` all in the window. Of the others only the count of rows is loaded. A lost batch day
    that is in the window again (the window was extended, or a clock was corrected) becomes incomplete. Batch days
    of a retired batch that were never asked for are left out. Of archived dates, nothing is asked for any more.
    """
    mine = batch.c.account_id == account_id
    settled = batch_day.c.state == State.SETTLED
    in_window = batch_day.c.check_date >= window.first
    # Of what has expired, and of dates that are archived, nothing may be read again.
    archived = _archived(connection, mine, in_window)
    held = sa.and_(batch_day.c.expired_at.is_(None), batch_day.c.check_date.not_in(archived))
    again = sa.and_(held, in_window if full else batch_day.c.check_date == window.first)
    back = sa.and_(batch_day.c.state == State.LOST, in_window, held)
    settled_or_gone = sa.or_(settled, sa.and_(sa.not_(held), in_window))
    which = sa.or_(batch_day.c.state.in_(BEGUN), back, sa.and_(settled, again))
    days = _days(connection, sa.and_(mine, which), lists)
    _add_kept_lines(connection, sa.and_(mine, which), days)
    days += _pending(connection, mine, lists)
    for day in days:
        day.state = State.INCOMPLETE if day.state is State.LOST else day.state
    since = window.first - dt.timedelta(days=window.days)
    counts = _counts(connection, mine, settled_or_gone, sa.not_(again), batch_day.c.check_date >= since)
    return Known(lists, days, counts, accounts.page_size(connection, account_id), archived=archived)


def _archived(connection: sa.Connection, *which: sa.ColumnElement[bool]) -> frozenset[dt.date]:
    """Dates of which the lake has rows that are no longer here: what came now would never get there."""
    query = sa.select(batch_day.c.check_date).distinct().join_from(batch_day, batch)
    return frozenset(connection.execute(query.where(*which, batch_day.c.archived_at.is_not(None))).scalars())


def _add_kept_lines(connection: sa.Connection, which: sa.ColumnElement[bool], days: list[BatchDay]) -> None:
    """Tell batch days what lists once said of them: those of dates long past, and of retired batches, are not
    among the lists of today, and what is settled must not depend on when somebody looks."""
    kept = _submitted(connection, which) if days else {}
    for day in days:
        if not day.dated and day.id in kept:
            day.submitted, day.dated = kept[day.id], True


def _submitted(connection: sa.Connection, which: sa.ColumnElement[bool]) -> dict[int, int | None]:
    """How many numbers were submitted to batch days that lists name with their date, as the database has it.

    The mark of a date that was retired names nothing.
    """
    rows = sa.cast(sa.func.sum(batch_listing.c.submitted_rows), sa.BigInteger())
    query = sa.select(batch_day.c.batch_day_id, rows.label("submitted")).join_from(batch_day, batch)
    same = sa.and_(
        batch_listing.c.batch_id == batch_day.c.batch_id,
        batch_listing.c.check_date == batch_day.c.check_date,
        batch_listing.c.retired_at.is_(None),
    )
    found = connection.execute(query.join(batch_listing, same).where(which).group_by(batch_day.c.batch_day_id))
    return {row.batch_day_id: row.submitted for row in found}


def names(
    connection: sa.Connection, account_id: int, since: dt.date, before: dt.date, states: Collection[State] = ()
) -> NamesByDate:
    """Which batches the ledger has, in one of these states if any are given, for each date from `since` to the day
    before `before`."""
    between = sa.and_(batch_day.c.check_date >= since, batch_day.c.check_date < before)
    query = sa.select(batch_day.c.check_date, batch.c.batch_no).join_from(batch_day, batch)
    query = query.where(batch_day.c.state.in_(states)) if states else query
    found: NamesByDate = defaultdict(set)
    for date, batch_no in connection.execute(
        query.where(batch.c.account_id == account_id, between), execution_options=STREAMED
    ):
        found[date].add(intern(batch_no))
    return dict(found)


def _counts(connection: sa.Connection, *which: sa.ColumnElement[bool]) -> RowsByDay:
    query = sa.select(batch_day.c.check_date, batch.c.batch_no, batch_day.c.reported_rows)
    query = query.join_from(batch_day, batch).where(*which)
    counts: RowsByDay = defaultdict(dict)
    for date, batch_no, rows in connection.execute(query, execution_options=STREAMED):
        counts[date][intern(batch_no)] = rows or 0
    return counts


def _pending(connection: sa.Connection, mine: sa.ColumnElement[bool], lists: Lists) -> list[BatchDay]:
    """Batch days that were never asked for: nothing is known about them, and there may be 100,000 of them."""
    query = sa.select(*_OWN).join_from(batch_day, batch).where(mine, batch_day.c.state == State.PENDING)
    found = connection.execute(query.where(batch.c.retired_at.is_(None)), execution_options=STREAMED)
    dates = Shared()
    return [
        _day(lists, intern(batch_no), dates[date], *rest)
        for batch_no, date, *rest in found
        if batch_no not in lists.retired.on(date)
    ]


def _days(connection: sa.Connection, which: sa.ColumnElement[bool], lists: Lists = NO_LISTS) -> list[BatchDay]:
    query = sa.select(*_OWN, *(batch_day.c[name] for name in FIGURES)).join_from(batch_day, batch).where(which)
    waiting, days, dates = _waiting(connection), [], Shared()
    for batch_no, date, *row in connection.execute(query, execution_options=STREAMED):
        own, figures = row[: len(_OWN) - 2], dict(zip(FIGURES.values(), row[len(_OWN) - 2 :], strict=True))
        figures["state"], figures["note"] = State(figures["state"]), notes.from_ledger(figures["note"])
        figures["page_size"] = figures["page_size"] or PAGE_SIZE
        figures["unresolved"], figures["next_outcome_at"] = waiting.get(own[0], (0, None))
        days.append(_day(lists, intern(batch_no), dates[date], *own, **figures))
    return days


def _day(
    lists: Lists, batch_no: str, date: dt.date, number: int, appkey: str | None, spill: bool, **figures: Any
) -> BatchDay:
    """A batch day, made from its columns in `_OWN`, its figures, and what the lists say about it."""
    return BatchDay(
        batch_no=batch_no,
        date=date,
        id=number,
        appkey=appkey,
        spill=spill,
        submitted=lists.submitted_on(batch_no, date),
        dated=lists.dates(batch_no, date),
        **figures,
    )


def _waiting(connection: sa.Connection) -> dict[int, tuple[int, dt.datetime | None]]:
    """How many checks of each unfinished batch day are waiting, and when the first is due."""
    query = (
        sa.select(awaited_check.c.batch_day_id, sa.func.count(), sa.func.min(awaited_check.c.due_at))
        .join_from(awaited_check, batch_day)
        .where(batch_day.c.state.in_(BEGUN))
        .group_by(awaited_check.c.batch_day_id)
    )
    return {day_id: (count, due_at) for day_id, count, due_at in connection.execute(query)}


def record(connection: sa.Connection, account_id: int, days: Sequence[BatchDay], window: Window) -> None:
    """Insert batch days that were never seen before, as pending, and set their numbers.

    The caller must hold the account's lock. Batch days of a retired batch that were never asked for are deleted.
    """
    _drop(connection, account_id)
    if not days:
        return
    batches = listings.batches(connection, account_id, {day.batch_no for day in days})
    ids = {name: batch_id for name, (batch_id, _) in batches.items()}
    rows = [
        {
            "batch_id": ids[day.batch_no],
            "check_date": day.date,
            "spill": day.spill,
            "deadline": window.deadline(day.date),
            "state": State.PENDING,
            "version": versions.present(),
        }
        for day in days
    ]
    connection.execute(sa.insert(batch_day), rows)
    analyze(connection, len(rows), batch_day)
    new = sa.select(batch_day.c.batch_id, batch_day.c.check_date, batch_day.c.batch_day_id)
    new = new.join_from(batch_day, batch).where(
        batch.c.account_id == account_id, batch_day.c.state == State.PENDING
    )
    numbers = {(batch_id, date): day_id for batch_id, date, day_id in connection.execute(new)}
    for day in days:
        day.id = numbers[ids[day.batch_no], day.date]


def _drop(connection: sa.Connection, account_id: int) -> None:
    # By number: MariaDB locks every row that a DELETE examines, including those of other accounts.
    never_asked = sa.and_(batch.c.account_id == account_id, batch_day.c.state == State.PENDING)
    days = sa.select(batch_day.c.batch_day_id).join(batch).where(never_asked)
    mark = sa.and_(
        batch_listing.c.batch_id == batch_day.c.batch_id,
        batch_listing.c.check_date == batch_day.c.check_date,
        batch_listing.c.retired_at.is_not(None),
    )
    gone = sa.union(days.where(batch.c.retired_at.is_not(None)), days.join(batch_listing, mark))
    retired = [{"day_id": day_id} for day_id in connection.execute(gone).scalars()]
    if retired:
        connection.execute(sa.delete(batch_day).where(batch_day.c.batch_day_id == sa.bindparam("day_id")), retired)


def save(connection: sa.Connection, day: BatchDay) -> None:
    """Write a batch day's figures as they are now."""
    save_all(connection, [day])


def save_all(connection: sa.Connection, days: Iterable[BatchDay], changed: Collection[int] = ()) -> None:
    """Write the figures of several batch days. `changed`: the numbers of batch days, these or others, of which the
    views show something else by now."""
    now = versions.present()
    lines = [_figures(day) | {"now": now, "changed": day.id in changed} for day in days]
    if lines:
        connection.execute(_SAVE, lines)
    versions.rise(connection, set(changed).difference(line["day_id"] for line in lines))


def _figures(day: BatchDay) -> dict[str, Any]:
    figures = {f"_{column}": getattr(day, name) for column, name in FIGURES.items()}
    return figures | {"_note": None if day.note is None else str(day.note), "day_id": day.id}


def _save() -> sa.Update:
    new = {name: sa.bindparam(f"_{name}", type_=batch_day.c[name].type) for name in FIGURES}
    differs = (batch_day.c[name].is_distinct_from(new[name]) for name in _SHOWN)
    rises = sa.or_(sa.bindparam("changed", type_=sa.Boolean()), *differs)
    # Ordered, and the version first: MariaDB compares with what was set before it in the same statement.
    return (
        sa.update(batch_day)
        .where(batch_day.c.batch_day_id == sa.bindparam("day_id"))
        .ordered_values(
            (batch_day.c.version, sa.case((rises, versions.risen()), else_=batch_day.c.version)),
            *((batch_day.c[name], value) for name, value in new.items()),
            # A lost batch day that is asked for again may be lost again, and then has to be reported again.
            (batch_day.c.loss_told, sa.false()),
        )
    )


_SAVE = _save()


def unreported_losses(connection: sa.Connection, account_id: int) -> list[BatchDay]:
    """Lost batch days that no run has reported yet."""
    mine = sa.and_(batch.c.account_id == account_id, batch_day.c.state == State.LOST)
    untold = sa.and_(mine, batch_day.c.loss_told == sa.false())
    days = _days(connection, untold)
    _add_kept_lines(connection, untold, days)
    return days


def mark_reported(connection: sa.Connection, days: Iterable[BatchDay]) -> None:
    """Note that a run that ended normally has reported these losses."""
    reported = sa.update(batch_day).where(batch_day.c.batch_day_id == sa.bindparam("day_id"))
    lines = [{"day_id": day.id} for day in days]
    if lines:
        connection.execute(reported.values(loss_told=True), lines)
