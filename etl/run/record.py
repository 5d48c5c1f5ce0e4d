"""What is written when an answer arrives, and when a batch day ends in a run."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence

import sqlalchemy as sa

from etl.core import notes, planning
from etl.core.batchday import BatchDay, Note, NoteKind, State
from etl.core.page import Page
from etl.core.planning import Task, Why
from etl.core.reading import Reading
from etl.core.steps import Ask
from etl.core.window import Window
from etl.errors import BatchDayFailed, DateNotAsked, DateRefused
from etl.store import awaited, checks, ledger
from etl.store.lookups import Lookups

HELD_ELSEWHERE = (
    "{:,} rows are held by another account of this database, which alone may change them: kept as rejected "
    "(held_by_another_account)"
)

log = logging.getLogger(__name__)


def store_answers(
    connection: sa.Connection,
    lookups: Lookups,
    answers: Sequence[tuple[Reading, Ask, Page]],
    moment: dt.datetime,
) -> checks.Stored:
    """Store rows, and the figures that count them, in the caller's transaction."""
    counted = [(reading, *one) for reading, ask, page in answers for one in reading.sort_out(ask, page)]
    pages = [(reading.day.id, page) for reading, _, page in counted]
    first_time = all(reading.first_time for reading, _, _ in answers)
    load = checks.Load(connection, lookups, pages, moment, first_time=first_time)
    stored = sum((_take(connection, load, *answer, moment) for answer in counted), checks.Stored())
    changed = load.flush()
    days = {reading.day.id: reading.day for reading, _, _ in answers}
    for day in days.values():
        day.last_asked_at = moment
        # Also where its only answer waits to be borne out: it was asked.
        day.state = State.INCOMPLETE if day.state is State.PENDING else day.state
    ledger.save_all(connection, days.values(), changed)
    return stored


def _take(
    connection: sa.Connection, load: checks.Load, reading: Reading, ask: Ask, page: Page, moment: dt.datetime
) -> checks.Stored:
    day, page = reading.day, load.marked(reading.day.id, page)
    listed = reading.take(ask, page)
    at_page = page.number if ask.whole_day else None
    several = checks.listed(connection, day.id) if day.rejected and ask.whole_day else {}
    fixed = {key for key, found in several.items() if found.conflicts}
    stored = load.add(day.id, page, at_page=at_page, fixed=fixed)
    day.stored += stored.new_keys
    day.rejected += stored.new_rejected + stored.new_elsewhere
    if listed is not None and ask.message_id and ask.phone:
        day.repeated += checks.note_listed(connection, day.id, (ask.message_id, ask.phone), listed)
    reading.conclude(stored.new_elsewhere)
    if stored.new_elsewhere:
        log.warning("%s", HELD_ELSEWHERE.format(stored.new_elsewhere), extra=notes.place(day))
    if ask.whole_day:
        day.last_synced_at = moment
    if not (day.state is State.SETTLED and day.proven):
        day.state = State.OPEN if day.proven else State.INCOMPLETE
    return stored


def look_after_awaited(connection: sa.Connection, days: Sequence[BatchDay], window: Window) -> None:
    """These batch days were read to their ends: ask later for the checks that still wait, and count them."""
    ids = [day.id for day in days]
    waiting = awaited.of_days(connection, ids)
    if any(due_at is not None and due_at <= window.moment for _, due_at in waiting.values()):
        awaited.postpone(connection, ids, window.moment)
        waiting = awaited.of_days(connection, ids)
    for day in days:
        day.unresolved, day.next_outcome_at = waiting[day.id]


def conclude(task: Task, reading: Reading, window: Window) -> None:
    """A batch day was read to its end: settle it, or record why it is not complete. The caller saves it."""
    day = task.day
    if task.why is Why.LAST_LOOK:
        day.last_look_at = window.moment
    if task.why is Why.FULL:
        day.full_at, day.full_pages = window.moment, None
    if not day.proven:
        day.state, day.note = State.INCOMPLETE, notes.on_incomplete(day)
    elif reading.first_time and notes.is_empty_too_late(day, window):
        # An answer that proves nothing counts as none: all that was submitted is missing.
        day.state, day.note = State.LOST, Note(NoteKind.EMPTY_TOO_LATE)
        day.reported = day.claimed = day.pages_read = None
    else:
        day.note = reading.note or notes.still_true(day) or notes.on_complete(day, window)
        if day.state is not State.SETTLED:
            day.state = State.OPEN
            if planning.can_settle(day, window):
                day.state = State.SETTLED
    if day.note:
        log.warning("%s", day.note, extra=notes.place(day))


def needs_nothing(day: BatchDay, failure: BatchDayFailed) -> bool:
    """Whether a failure needs no action: the vendor no longer answers for the date, but all its rows are held."""
    return isinstance(failure, DateRefused) and day.proven


def fail(day: BatchDay, failure: BatchDayFailed, window: Window) -> None:
    """A batch day could not be read to its end. The caller saves it."""
    if needs_nothing(day, failure):
        day.last_look_at = window.moment
        _tell(logging.INFO, day, failure)
        return
    if isinstance(failure, DateRefused) and window.moment >= window.deadline(day.date) and not day.proven:
        day.state = State.LOST
    elif not day.proven and not isinstance(failure, DateNotAsked):
        day.state = State.INCOMPLETE
    day.note = Note(NoteKind.WORDS, (failure.note,))
    _tell(logging.WARNING, day, failure)


def _tell(level: int, day: BatchDay, failure: BatchDayFailed) -> None:
    if not isinstance(failure, DateNotAsked):  # said once for the date, not for each batch
        log.log(level, "%s", failure, extra=notes.place(day))
