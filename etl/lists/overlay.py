"""What is known about batches: the lists of earlier runs, brought up to date with those of this one. Pure."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from etl.core.line import NOTHING_RETIRED, Entry, Line, NamesByDate, Retired
from etl.core.window import Window
from etl.lists.listing import Listing


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of the dates before the window. Dates are in the vendor's zone.

    `begun`: the oldest date that a run of this account could have asked for; None where there was no run yet.
    `planned`: which batches the ledger has, for every date that matters here. `undecided`: which of them are
    neither settled nor lost yet.
    """

    begun: dt.date | None = None
    planned: NamesByDate = field(default_factory=dict)
    undecided: NamesByDate = field(default_factory=dict)

    def missed(self, batch_no: str, date: dt.date) -> bool:
        """Whether no run planned this batch day before the window, although one could have."""
        return self.could_ask(date) and batch_no not in self.planned.get(date, ())

    def is_undecided(self, batch_no: str, date: dt.date) -> bool:
        """Whether what the lists say now may decide if this batch day before the window is settled or lost."""
        return batch_no in self.undecided.get(date, ())

    def could_ask(self, date: dt.date) -> bool:
        """Whether that date has been in the window of any run."""
        return self.begun is not None and date >= self.begun


NO_PAST = Past()


class Outside(NamedTuple):
    """How many lines are `older` than the first run of the account, and how many are of dates to come."""

    older: int = 0
    ahead: int = 0


NOTHING_OUTSIDE = Outside()


def overlay(
    known: Iterable[Entry],
    listings: Collection[Listing],
    window: Window,
    retired: Retired = NOTHING_RETIRED,
    past: Past = NO_PAST,
) -> tuple[list[Entry], Outside]:
    """The entries after these lists were read, and how many lines no run could ever have asked for, or not yet.

    Of the lines before the window, those stay that no run planned in time, and those whose batch day is undecided.
    A dated line stays known when its list drops it, so that a shortened file loses nothing; a batch without a date
    is looked for only as long as it is listed. A list with lines that cannot be used drops no batch, and the plan
    does not build on the rows that it gives for what those lines are about, except of what was missed: of that, at
    least so many are missing.
    """
    read_whole = {listing.source for listing in listings if listing.whole and not listing.problems}
    entries = {
        entry.key: entry for entry in known if entry.line.date is not None or entry.source not in read_whole
    }
    older = ahead = 0
    first, last = window.first, window.last
    for listing in listings:
        for line in listing.lines:
            counts, date, missed = listing.counts(line), line.date, False
            if date is not None and date > last:
                ahead += 1
                continue
            if date is not None and date < first:
                missed = past.missed(line.batch_no, date)
                if not missed and not (counts and past.is_undecided(line.batch_no, date)):
                    older += not past.could_ask(date)
                    continue
            if not retired.covers(line):
                _put(entries, listing.source, line if counts or missed else replace(line, rows=None))
    return list(entries.values()), Outside(older, ahead)


def _put(entries: dict[tuple[str, str, dt.date | None], Entry], source: str, line: Line) -> None:
    """Take a line, unless it is there already: an entry that stays the same keeps since when it is known."""
    key = (source, line.batch_no, line.date)
    if key not in entries or entries[key].line != line:
        entries[key] = Entry(source, line)


def with_earlier_counts(
    entries: Iterable[Entry], known: Iterable[Entry], listings: Iterable[Listing]
) -> list[Entry]:
    """The entries as they are kept: where the plan does not build on the rows of a line, with their earlier count.

    A doubt must not vanish because of a mistake in another line.
    """
    torn = {
        (listing.source, line.batch_no, line.date): line.rows or 0
        for listing in listings
        for line in listing.lines
        if not listing.counts(line)
    }
    # Where the list gives more now, the earlier count is out of date.
    rows = {
        entry.key: entry.line.rows
        for entry in known
        if entry.line.rows is not None and entry.line.rows >= torn.get(entry.key, math.inf)
    }
    return [
        replace(entry, line=replace(entry.line, rows=rows[entry.key])) if entry.key in rows else entry
        for entry in entries
    ]
