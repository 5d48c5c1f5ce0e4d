"""Takes dates out of this database whose rows a lake has: what `numbercheck lake retire` does here."""

from __future__ import annotations

import datetime as dt
import time
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from etl.admin.leaving import FINISHED, leave, locked, something_left
from etl.core.window import Window
from etl.errors import TryLater
from etl.schema.tables import KEY, batch, batch_day, further_sighting, number_check
from etl.store import lakedates, lock, versions
from etl.store.lock import RETIRING

ROWS_RETIRED = 2000
"""Rows that are deleted in one transaction."""
TURN_SECONDS = 1.0
"""For so long at most, and one slice, the lock of the account is held before a sync may have it."""
REST_SECONDS = 0.25
"""A sync that waits for the lock looks for it more often than that."""
SAFETY = dt.timedelta(hours=48)
"""How long after it has left the window a date stays at least: a vendor may answer for longer than documented."""


class Stays(StrEnum):
    """Why a date has to stay in this database."""

    UNFINISHED = "it has batch days that are neither settled nor lost"
    RECENT = "it has not left the vendor's window for 48 hours yet"
    LISTED_LATER = "a later date that has to stay lists some of its keys as well"


@dataclass(frozen=True, slots=True)
class RetireOrder:
    """A date of an account that is to leave, as the lake has it at this `version` (see `DateState`)."""

    account_id: int
    date: dt.date
    version: int
    window: Window


# -- which dates ---------------------------------------------------------------------------------------------


def staying(
    connection: sa.Connection, account_id: int, window: Window, kept: Collection[dt.date] = ()
) -> dict[dt.date, Stays | None]:
    """The dates of an account with nothing archived, the newest first, and why each has to stay; None: it may go.

    `kept`: dates that stay for another reason, such as a lake that does not have them.

    In this order, a date that goes changes no other one: where two share keys, the later one lists them, and the
    earlier one has their rows.
    """
    listed = _listed_later(connection, account_id)
    found: dict[dt.date, Stays | None] = {}
    for date, unfinished in _dates(connection, account_id):
        if unfinished:
            found[date] = Stays.UNFINISHED
        elif window.moment < window.deadline(date) + SAFETY:
            found[date] = Stays.RECENT
        else:
            stays = any(later in kept or found.get(later) for later in listed.get(date, ()))
            found[date] = Stays.LISTED_LATER if stays else None
    return found


def _dates(connection: sa.Connection, account_id: int) -> list[tuple[dt.date, bool]]:
    """The dates with nothing archived, the newest first, and whether any of their batch days is unfinished."""
    finished = sa.or_(batch_day.c.state.in_(FINISHED), batch_day.c.expired_at.is_not(None))
    unfinished = sa.func.count(sa.case((sa.not_(finished), 1)))
    query = sa.select(batch_day.c.check_date, unfinished).join_from(batch_day, batch)
    query = query.where(batch.c.account_id == account_id).group_by(batch_day.c.check_date)
    query = query.having(sa.func.count(batch_day.c.archived_at) == 0).order_by(batch_day.c.check_date.desc())
    return [(date, number > 0) for date, number in connection.execute(query)]


def _listed_later(connection: sa.Connection, account_id: int) -> dict[dt.date, set[dt.date]]:
    """For each date, the later ones that list a key which stands there."""
    own, later = batch_day.alias("own"), batch_day.alias("later")
    same = sa.and_(*(number_check.c[name] == further_sighting.c[name] for name in KEY))
    joined = (
        further_sighting.join(number_check, same)
        .join(own, own.c.batch_day_id == number_check.c.batch_day_id)
        .join(later, later.c.batch_day_id == further_sighting.c.batch_day_id)
        .join(batch, batch.c.batch_id == own.c.batch_id)
    )
    query = sa.select(own.c.check_date, later.c.check_date).select_from(joined).distinct()
    query = query.where(batch.c.account_id == account_id, later.c.check_date > own.c.check_date)
    found = defaultdict[dt.date, set[dt.date]](set)
    for date, other in connection.execute(query):
        found[date].add(other)
    return found


def half_gone(connection: sa.Connection, account_id: int) -> list[dt.date]:
    """Dates that began to leave and were interrupted; `retire` brings each to its end, whatever its version."""
    query = sa.select(batch_day.c.check_date).distinct().join_from(batch_day, batch)
    mine = sa.and_(batch.c.account_id == account_id, batch_day.c.archived_at.is_not(None))
    query = query.where(mine, something_left())
    return list(connection.execute(query.order_by(batch_day.c.check_date.desc())).scalars())


# -- a date leaves -------------------------------------------------------------------------------------------


def retire(engine: sa.Engine, order: RetireOrder, more: Callable[[int], bool]) -> int:
    """Mark a date as archived, in one transaction, then delete its rows, slice by slice; returns how many.

    Their totals stay. The lock of the account is given back again and again, and a sync that runs is waited for.
    `more`: whether to go on; asked between slices, with the rows that are deleted so far. Killed meanwhile, the
    next call goes on. Raises TryLater where the date is no longer what the lake has, or has to stay.
    """
    rows, ended = 0, False
    with engine.connect() as connection:
        while not ended and more(rows):
            with locked(connection, order.account_id, RETIRING) as held:
                if held is not None:
                    gone, ended = _for_a_moment(connection, held, order)
                    rows += gone
            if not ended:
                time.sleep(REST_SECONDS)
    return rows


def _for_a_moment(connection: sa.Connection, held: lock.Lock, order: RetireOrder) -> tuple[int, bool]:
    """Delete some slices; how many rows that were, and whether nothing is left."""
    end, rows = time.monotonic() + TURN_SECONDS, 0
    with connection.begin():
        days = _marked(connection, order)
        lock.verify(held)
    for day in days:
        looked_at = ROWS_RETIRED
        while looked_at == ROWS_RETIRED:
            with connection.begin():
                left = leave(connection, day, ROWS_RETIRED, dt.date.max)
                lock.verify(held)
            rows, looked_at = rows + left.rows, left.looked_at
            if time.monotonic() >= end:
                return rows, False
    return rows, True


def _marked(connection: sa.Connection, order: RetireOrder) -> list[int]:
    """The batch days of the date, all of them archived by now, that still have something here."""
    states = {state.date: state for state in lakedates.date_states(connection, order.account_id)}
    if order.date not in states:
        return []
    if not states[order.date].archived:
        _require_fit(connection, order, states[order.date].version)
        _mark(connection, order)
    return list(connection.execute(_days(order).where(something_left())).scalars())


def _days(order: RetireOrder) -> sa.Select[Any]:
    mine = sa.and_(batch.c.account_id == order.account_id, batch_day.c.check_date == order.date)
    query = sa.select(batch_day.c.batch_day_id).join_from(batch_day, batch).where(mine)
    return query.order_by(batch_day.c.batch_day_id)


def _require_fit(connection: sa.Connection, order: RetireOrder, version: int) -> None:
    if version != order.version:
        raise TryLater(
            f"Something of {order.date} has changed since the lake was compared with it: run this again."
        )
    if why := staying(connection, order.account_id, order.window)[order.date]:
        raise TryLater(f"The date {order.date} has to stay: {why}.")


def _mark(connection: sa.Connection, order: RetireOrder) -> None:
    days = list(connection.execute(_days(order)).scalars())
    mark = sa.update(batch_day).where(batch_day.c.batch_day_id == sa.bindparam("day_id"))
    values = {"archived_at": order.window.moment, "version": versions.risen()}
    now = versions.present()
    connection.execute(mark.values(values), [{"day_id": day, "now": now} for day in days])
