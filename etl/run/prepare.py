"""What happens before the first request: lists and ledger are brought up to date, and the plan is made."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from itertools import chain

import sqlalchemy as sa

from etl.core import notes, planning
from etl.core.batchday import BatchDay, State
from etl.core.planning import Plan, Rules, Selection, Why
from etl.core.window import Window
from etl.lists.listing import Listing
from etl.lists.overlay import Outside
from etl.run.gather import Gathered, gather, read_lists
from etl.run.result import InFull, Result, Unasked
from etl.run.session import Session
from etl.settings import Settings
from etl.store import accounts, fullreads, ledger, listings, runs
from etl.version import version

_DAY = dt.timedelta(days=1)

log = logging.getLogger(__name__)


def read(session: Session, settings: Settings, window: Window) -> list[Listing]:
    """What the lists say now. This may take long, and has begun nothing: a signal may break it off."""
    with session.transaction() as connection:
        planned_to = accounts.planned_to(connection, session.account_id)
    return read_lists(settings, window, planned_to)


def prepare(session: Session, settings: Settings, rules: Rules, result: Result, lists: Sequence[Listing]) -> Plan:
    """The plan of a run, stored with everything that is known without a request. `result` gets its batch days."""
    window, selection = result.window, rules.selection
    result.narrowed = selection.narrow
    with session.transaction() as connection:
        planned_to = accounts.planned_to(connection, session.account_id)
        known = gather(connection, session.account_id, lists, settings, window, rules)
        listings.save(connection, session.account_id, known.before, known.entries, window.moment)
        listings.seen(connection, session.account_id, window.moment)
        todo = planning.make(known.facts, window, rules)
        new = [day for day in (*(task.day for task in todo.tasks), *todo.lose) if not day.id]
        ledger.record(connection, session.account_id, new, window)
        _settle(connection, todo.settle, window)
        _lose(connection, todo.lose)
        if not selection.narrow:
            accounts.note_planned(connection, session.account_id, _planned_to(known, planned_to, window))
        if selection.full:
            result.full = _in_full(connection, session.account_id, known, todo, rules, window)
        runs.begin(connection, result.run_id, session.account_id, window, version(), narrowed=result.narrowed)
    result.reasons += known.complaints
    for notice in known.notices:
        log.warning("%s", notice)
    _tell_outside(known.outside, window)
    result.days = _of_this_run(known, todo, rules)
    result.planned = len(todo.tasks)
    if result.narrowed and not todo.tasks:
        result.unasked = _unasked(known, rules.selection, window)
    return todo


def _tell_outside(outside: Outside, window: Window) -> None:
    """Say in one line each how many lines no run could ever have asked for, and how many none can ask for yet."""
    if outside.older:
        first = "older than the first run of this account could ask for: they are ignored, and not counted as lost"
        log.info("%d lines of the batch lists are outside the window, %s", outside.older, first)
    if outside.ahead:
        log.info("%d lines of the batch lists are of dates after %s, and not due yet", outside.ahead, window.last)


def _planned_to(known: Gathered, before: dt.date | None, window: Window) -> dt.date:
    """Up to which date everything that the lists name is planned.

    Not those of today while a list cannot be read or has to be corrected: until then, nobody knows what it names,
    and a query is asked again for the dates since.
    """
    if not known.complaints:
        return window.last
    return window.first - _DAY if before is None else before


def _in_full(
    connection: sa.Connection, account_id: int, known: Gathered, todo: Plan, rules: Rules, window: Window
) -> InFull:
    """The reading in full that goes on, or begins."""
    began, days = known.facts.full_began, [task.day for task in todo.tasks if task.why is Why.FULL]
    if began is None:
        began = window.moment
        fullreads.begin(connection, account_id, rules.selection, began)
        for day in days:
            day.full_at = day.full_pages = None
        ledger.save_all(connection, days)
    return InFull(began, len(days))


def _unasked(known: Gathered, selection: Selection, window: Window) -> Unasked:
    """Why a narrowed run asks for nothing."""
    if selection.dates and not any(date in window for date in selection.dates):
        return Unasked.OUTSIDE
    settled = (BatchDay(name, date) for date, rows in known.facts.settled.items() for name in rows)
    fits = any(map(selection.covers, chain(known.facts.days, settled)))
    return Unasked.NOT_DUE if fits else Unasked.UNKNOWN


def _settle(connection: sa.Connection, days: list[BatchDay], window: Window) -> None:
    for day in days:
        # The run that looked last may have ended before it came to this.
        day.state, day.note = State.SETTLED, notes.still_true(day) or notes.on_complete(day, window)
    ledger.save_all(connection, days)


def _lose(connection: sa.Connection, days: list[BatchDay]) -> None:
    for day in days:
        day.state, day.note = State.LOST, notes.on_lost(day)
    ledger.save_all(connection, days)


def _of_this_run(known: Gathered, todo: Plan, rules: Rules) -> list[BatchDay]:
    """The batch days asked for, those that are not settled but need no request now, and those settled just now."""
    covered = [day for day in known.facts.days if rules.selection.covers(day) and day.state is not State.SETTLED]
    asked = {id(task.day) for task in todo.tasks}
    unasked = [day for day in covered if id(day) not in asked and day.state is not State.LOST]
    return [task.day for task in todo.tasks] + unasked + todo.settle
