"""What is known before a run: the lists of batches, read now or kept from earlier runs, and the ledger."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

import sqlalchemy as sa

from etl.core import planning
from etl.core.batchday import UNDECIDED
from etl.core.line import NOTHING_RETIRED, Entry, Line, Lists, NamesByDate, Retired
from etl.core.planning import Known, Rules
from etl.core.window import Window
from etl.errors import EtlError, Misconfigured
from etl.lists import contradictions
from etl.lists.listing import Listing
from etl.lists.overlay import NO_PAST, NOTHING_OUTSIDE, Outside, Past, overlay, with_earlier_counts
from etl.lists.sources import read_sources
from etl.settings import Settings
from etl.store import accounts, fullreads, ledger, listings, runs

_DAY = dt.timedelta(days=1)
NO_BATCHES = (
    "No batch source is set and no batch is known, so there is nothing to ask for. Set NUMBERCHECK_BATCH_FILE, "
    "NUMBERCHECK_BATCH_QUERY or NUMBERCHECK_BATCH_TEMPLATE, or run `numbercheck batches add BATCH --date DATE`."
)


@dataclass(frozen=True, slots=True)
class Gathered:
    """`entries`: all lists as of now; `before`: as the database had them.

    `outside`: how many lines have dates that no run could ever have asked for, or not yet.
    """

    facts: Known
    entries: list[Entry] = field(default_factory=list)
    before: list[Entry] = field(default_factory=list)
    outside: Outside = NOTHING_OUTSIDE
    read: list[Listing] = field(default_factory=list)

    @property
    def complaints(self) -> list[EtlError]:
        """What has to be corrected in the lists, or tried again."""
        return [complaint for listing in self.read for complaint in listing.complaints]

    @property
    def notices(self) -> list[str]:
        """What is odd about the lists, and allowed."""
        return [notice for listing in self.read for notice in listing.notices]


def has_source(settings: Settings) -> bool:
    """Whether any list of batches besides the database's is set."""
    return bool(settings.batch_file or settings.batch_query or settings.batch_template)


def require_batches(connection: sa.Connection, settings: Settings) -> None:
    """Raise Misconfigured where no source is set and no batch of this account was ever known."""
    account_id = accounts.find(connection, settings.account)
    known = account_id is not None and listings.any_batch(connection, account_id)
    if not known and not has_source(settings):
        raise Misconfigured(NO_BATCHES)


def read_lists(settings: Settings, window: Window, planned_to: dt.date | None = None) -> list[Listing]:
    """What the lists say now, also for dates since `planned_to`, which the last run over the whole window reached.

    Never raises: what is wrong with a list is in its listing.
    """
    return read_sources(settings, window.first, window.last, planned_to)


def gather(
    connection: sa.Connection | None,
    account_id: int | None,
    read: Sequence[Listing],
    settings: Settings,
    window: Window,
    rules: Rules,
) -> Gathered:
    """Lists and ledger together. `connection` or `account_id` is None where there is no database or account yet.

    Raises Misconfigured where there is nothing that could be asked for.
    """
    since = window.first - dt.timedelta(days=settings.spill_days)
    before, retired, past, planned_to = list[Entry](), NOTHING_RETIRED, NO_PAST, None
    if connection is not None and account_id is not None:
        before = listings.load(connection, account_id, since)
        retired = listings.retired(connection, account_id)
        planned_to = accounts.planned_to(connection, account_id)
        past = _past(connection, account_id, before, read, window, planned_to)
    agreed = contradictions.settled(read, before, window)
    entries, outside = overlay(before, agreed, window, retired, past)
    lines = [entry.line for entry in entries]
    _require_some(connection, account_id, lines, settings, rules)
    lists = Lists.of(lines, retired)
    facts = Known(lists, [])
    if connection is not None and account_id is not None:
        facts = ledger.load(connection, account_id, lists, window, full=rules.selection.full)
        missed = _missed(entries, before, past, window, planned_to)
        facts = dataclasses.replace(facts, missed=_without(retired, missed))
        if rules.selection.full:
            began = fullreads.began(connection, account_id, rules.selection, window)
            going_on = dataclasses.replace(facts, full_began=began)
            facts = going_on if planning.left_in_full(going_on, window, rules) else facts
    return Gathered(facts, with_earlier_counts(entries, before, agreed), before, outside, agreed)


def _past(
    connection: sa.Connection,
    account_id: int,
    before: list[Entry],
    read: Sequence[Listing],
    window: Window,
    planned_to: dt.date | None,
) -> Past:
    """What is known of the dates before the window; `before` gets the entries of what is not settled or lost."""
    begun, first = runs.first_date(connection, account_id), window.first
    if begun is None or begun >= first:
        return Past(begun)
    there = {entry.key for entry in before}
    before += [e for e in listings.undecided(connection, account_id, begun, first) if e.key not in there]
    lines = chain((entry.line for entry in before), *(listing.lines for listing in read))
    late = min((line.date for line in lines if line.date and begun <= line.date < first), default=first)
    unplanned = first if planned_to is None else max(begun, planned_to + _DAY)
    planned = ledger.names(connection, account_id, min(late, unplanned), first)
    return Past(begun, planned, ledger.names(connection, account_id, begun, first, UNDECIDED))


def _missed(
    entries: Collection[Entry],
    before: Collection[Entry],
    past: Past,
    window: Window,
    planned_to: dt.date | None,
) -> NamesByDate:
    """The batches that the lists name for dates before the window, and that no run planned in time."""
    missed: NamesByDate = defaultdict(set)
    for entry in entries:
        name, date = entry.line.batch_no, entry.line.date
        if date is not None and date < window.first and past.missed(name, date):
            missed[date].add(name)
    if planned_to is not None and planned_to + _DAY < window.first:
        # Every run over the whole window plans a batch without a date for all of its dates.
        on_every_date = {entry.key for entry in entries if entry.line.date is None}
        for entry in (entry for entry in before if entry.key in on_every_date):
            for date in _dates_since(planned_to, entry, window):
                if past.missed(entry.line.batch_no, date):
                    missed[date].add(entry.line.batch_no)
    return dict(sorted(missed.items()))


def _without(retired: Retired, missed: NamesByDate) -> NamesByDate:
    """Nobody missed what was not to be looked for on that date."""
    return {date: left for date, names in missed.items() if (left := names - retired.on(date))}


def _dates_since(planned_to: dt.date, entry: Entry, window: Window) -> Iterator[dt.date]:
    """The dates before the window on which a batch without a date was to be looked for, after `planned_to`."""
    date = planned_to + _DAY
    if entry.told_at is not None:
        date = max(date, dataclasses.replace(window, moment=entry.told_at).first)
    while date < window.first:
        yield date
        date += _DAY


def _require_some(
    connection: sa.Connection | None,
    account_id: int | None,
    lines: Collection[Line],
    settings: Settings,
    rules: Rules,
) -> None:
    missing = rules.selection.batches - {line.batch_no for line in lines}
    some = bool(lines) or has_source(settings)
    if connection is not None and account_id is not None:
        # These have dates outside the window only, or are retired.
        missing -= listings.batches(connection, account_id, missing).keys()
        some = some or listings.any_batch(connection, account_id)
    if not some:
        raise Misconfigured(NO_BATCHES)
    for unknown in sorted(missing):
        raise Misconfigured(
            f"The batch {unknown!r} is not known. Add it with `numbercheck batches add`, or check its spelling."
        )
