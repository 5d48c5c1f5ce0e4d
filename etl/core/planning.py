"""Which batch days to ask for, in which order, why, and how many requests that takes.

Pure: a function of what the lists say, what the ledger holds and one moment. No clock, no I/O.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain

from etl.core import unseen, worth
from etl.core.batchday import UNFINISHED, BatchDay, State, pages_of
from etl.core.guess import Guess, Guesses
from etl.core.line import Lists, NamesByDate, RowsByDay
from etl.core.pagesize import PAGE_SIZE
from etl.core.window import OUTCOMES_WITHIN, Window

FRUITLESS_RUNS = 3
# A little under a day, so that a daily run that starts some minutes early still asks.
ONCE_A_DAY = dt.timedelta(hours=20)


class Why(StrEnum):
    """Why a batch day is asked for, in the order in which a run proceeds."""

    RESCUE = "not complete, leaves the window within 48 hours"
    FETCH = "never asked, or not complete"
    SETTLE = "the day is over: last check before it is settled"
    LAST_LOOK = "last look before it leaves the window"
    FULL = "asked for in full"
    LOOK = "open, may have grown"


ORDER = ((Why.RESCUE,), (Why.FETCH,), (Why.SETTLE, Why.LAST_LOOK), (Why.FULL,), (Why.LOOK,))
RANK = {why: (rank, 0.0) for rank, reasons in enumerate(ORDER) for why in reasons}
# Behind all others of its rank, whatever their deadline.
BEHIND = {why: (rank, 1.0) for why, (rank, _) in RANK.items()}


@dataclass(frozen=True, slots=True)
class Task:
    """One batch day to ask for, and how many requests that is expected to take.

    `guess`: where nobody knows how many rows it has, how many requests it may take; `requests` is then the likely
    number.
    """

    day: BatchDay
    why: Why
    requests: int
    guess: Guess | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What is known before a run: what all lists say, and the ledger.

    `days` holds every batch day that may still need something, with what the lists say about it (`submitted`,
    `dated`); `settled` holds the reported rows of the others, by date and batch. `missed`: the batches that lists
    name for dates before the window, of which the ledger knows nothing, because no run planned them in time.
    `full_began`: when the reading in full of this selection began that is to go on (UTC); None: it begins now.
    `page_size`: rows per page, as far as this account's answers have shown it. `archived`: dates that have left
    for the lake; nothing more of them is asked for.
    """

    lists: Lists
    days: Collection[BatchDay]
    settled: RowsByDay = field(default_factory=dict)
    page_size: int = PAGE_SIZE
    missed: NamesByDate = field(default_factory=dict)
    full_began: dt.datetime | None = None
    archived: frozenset[dt.date] = frozenset()


@dataclass(frozen=True, slots=True)
class Selection:
    """What a run is narrowed to. No batches, or no dates, means all of them. `full`: also what is settled."""

    batches: frozenset[str] = frozenset()
    dates: frozenset[dt.date] = frozenset()
    full: bool = False

    @property
    def narrow(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self.batches or self.dates)

    def covers(self, day: BatchDay) -> bool:
        """Whether it includes this batch day."""
        return (not self.batches or day.batch_no in self.batches) and (not self.dates or day.date in self.dates)


EVERYTHING = Selection()


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings that decide what is asked for, and what the run is narrowed to."""

    spill_days: int = 1
    last_look: bool = True
    selection: Selection = EVERYTHING


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run has to do. `settle` and `lose` take no request."""

    tasks: list[Task]
    settle: list[BatchDay]
    lose: list[BatchDay]

    @property
    def requests(self) -> int:
        """Requests that all tasks are expected to take."""
        return sum(task.requests for task in self.tasks)

    @property
    def requests_at_least(self) -> int:
        """The same where every guess turns out lowest."""
        return sum(task.guess.least if task.guess else task.requests for task in self.tasks)

    @property
    def requests_at_most(self) -> int:
        """The same where every guess turns out highest."""
        return sum(task.guess.most if task.guess else task.requests for task in self.tasks)


def make(known: Known, window: Window, rules: Rules) -> Plan:
    """The plan for this moment."""
    settle, lose, asked = [], [], []
    for day in filter(rules.selection.covers, chain(_unseen(known, window, rules), known.days)):
        finished = day.state is State.SETTLED
        if not finished and not _in_full(day, known, window, rules) and can_settle(day, window):
            settle.append(day)
        elif not finished and window.is_gone(day.date):
            lose.append(day)
        elif day.date not in known.archived:
            asked.append(day)
    return Plan(_tasks(asked, known, window, rules), settle, lose)


def _in_full(day: BatchDay, known: Known, window: Window, rules: Rules) -> bool:
    """Whether this run is to read it in full: it was asked for, and not in full since that began."""
    if not rules.selection.full or day.date not in window or day.state is State.PENDING:
        return False
    return known.full_began is None or day.full_at is None or day.full_at < known.full_began


def left_in_full(known: Known, window: Window, rules: Rules) -> bool:
    """Whether a reading in full that began earlier still has something to read."""
    return any(_in_full(day, known, window, rules) for day in known.days if rules.selection.covers(day))


def can_settle(day: BatchDay, window: Window) -> bool:
    """Whether nothing more is expected of this batch day: it is proven and over, and no outcome is awaited.

    Once true, it stays so while the figures and the settings do: no answer depends on when it is computed.
    """
    if not day.proven or day.state is State.INCOMPLETE or not window.is_over(day.date):
        return False
    if day.unresolved and window.moment < window.end(day.date) + OUTCOMES_WITHIN:
        return False
    return day.all_submitted_there or _looked_after_settling(day, window)


def wants_look(day: BatchDay, window: Window) -> bool:
    """Whether an open batch day may have grown, as far as is known."""
    return not day.all_submitted_there and not _looked_after_settling(day, window)


def will_miss(plan: Plan, window: Window, interval: float) -> list[BatchDay]:
    """Batch days whose deadline comes before this plan finishes them, at one request every `interval` seconds."""
    missed, requests = [], 0
    for task in plan.tasks:
        requests += task.requests
        left = window.deadline(task.day.date) - window.moment
        if requests * interval > left.total_seconds() and _will_be_lost(task.day, window):
            missed.append(task.day)
    return missed


def _will_be_lost(day: BatchDay, window: Window) -> bool:
    """Whether a batch day will be lost if it is not asked for again."""
    return day.state is not State.SETTLED and (day.state is not State.OPEN or wants_look(day, window))


def _tasks(days: list[BatchDay], known: Known, window: Window, rules: Rules) -> list[Task]:
    guesses = Guesses.of(known.settled, known.days, known.lists.named.get(None, set()), known.page_size)
    showed = worth.showing_rows(known.settled, known.days)
    tasks = []
    for day in days:
        why = Why.FULL if _in_full(day, known, window, rules) else _why(day, window, rules)
        if why:
            guess = _guess(day, guesses)
            tasks.append(Task(day, why, guess.likely if guess else _requests(day, why, known.page_size), guess))
    # Sorts by what counts most last: 130,000 keys made of all of it would take 15 MB.
    tasks.sort(key=lambda task: task.day.batch_no)
    # Otherwise the first few that are refused in every run would keep all others of their date from being asked.
    tasks.sort(key=lambda task: task.day.asked_in_vain)
    tasks.sort(key=lambda task: worth.of(task.day, showed))
    tasks.sort(key=lambda task: task.day.date)
    tasks.sort(key=lambda task: _rank(task, showed))
    return tasks


def _unseen(known: Known, window: Window, rules: Rules) -> Iterator[BatchDay]:
    return unseen.batch_days(known.lists, _reported(known), known.missed, window, rules.spill_days)


def _reported(known: Known) -> dict[dt.date, dict[str, int | None]]:
    """What the vendor reported for each batch day of the ledger; None where it was never asked."""
    reported: dict[dt.date, dict[str, int | None]] = defaultdict(dict)
    for date, rows in known.settled.items():
        reported[date].update(rows)
    for day in known.days:
        reported[day.date][day.batch_no] = day.reported
    return reported


def _why(day: BatchDay, window: Window, rules: Rules) -> Why | None:
    """Why this batch day is asked for now, if not in full; None: it is not."""
    match day.state:
        case State.PENDING | State.INCOMPLETE:
            return _why_unfinished(day, window)
        case State.OPEN:
            return _why_open(day, window)
        case State.SETTLED:
            return Why.LAST_LOOK if rules.last_look and _last_look_is_due(day, window) else None
    return None


def _why_unfinished(day: BatchDay, window: Window) -> Why | None:
    hopeless = day.fruitless_runs >= FRUITLESS_RUNS and day.last_asked_at is not None
    if hopeless and day.last_asked_at and window.moment - day.last_asked_at < ONCE_A_DAY:
        return None
    return Why.RESCUE if window.is_at_risk(day.date) else Why.FETCH


def _why_open(day: BatchDay, window: Window) -> Why | None:
    if wants_look(day, window):
        return Why.SETTLE if window.moment >= window.settles(day.date) else Why.LOOK
    due = day.next_outcome_at is not None and day.next_outcome_at <= window.moment
    return Why.LOOK if due and window.moment < window.end(day.date) + OUTCOMES_WITHIN else None


def _looked_after_settling(day: BatchDay, window: Window) -> bool:
    return day.last_synced_at is not None and day.last_synced_at >= window.settles(day.date)


def _last_look_is_due(day: BatchDay, window: Window) -> bool:
    empty_spill = day.spill and not day.reported
    return (
        day.date == window.first and day.last_look_at is None and not day.all_submitted_there and not empty_spill
    )


def _guess(day: BatchDay, guesses: Guesses) -> Guess | None:
    """How many requests may be needed, where nobody knows how many rows there are; None where somebody does."""
    if day.state not in UNFINISHED or day.spill or day.reported is not None or day.submitted is not None:
        return None
    return guesses.dated if day.dated else guesses.undated


def _requests(day: BatchDay, why: Why, page_size: int) -> int:
    if why is Why.FULL and day.reported is not None:
        return day.pages
    if day.state in UNFINISHED and day.reported is None:
        return 1 if day.spill else pages_of(day.submitted or 0, page_size)
    if day.state is State.INCOMPLETE:
        return pages_of(day.missing or 0, page_size) if day.pages_read else day.pages
    return 1


def _rank(task: Task, showed: Collection[str]) -> tuple[int, float]:
    """What comes first: among looks, the stalest; otherwise, the one with the nearest deadline.

    Where requests are scarce, none goes to a batch day of which nothing suggests that it has rows while one that
    has some may still be lost.
    """
    day = task.day
    if task.why is Why.LOOK and day.last_synced_at:
        return RANK[Why.LOOK][0], day.last_synced_at.timestamp()
    # --full spends no request on what is held while something else may still be lost.
    why = Why.FETCH if task.why is Why.FULL and day.state is State.INCOMPLETE else task.why
    return (BEHIND if worth.of(day, showed) is worth.Worth.UNLIKELY else RANK)[why]
