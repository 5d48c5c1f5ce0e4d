"""Which of the totals that the answers of one run report for a batch day counts, and how far it is believed.

A total is a claim: it is believed as far as rows bear it out (docs/adr/0015).
"""

from __future__ import annotations

from collections import Counter

from etl.core.batchday import BatchDay
from etl.core.page import Page
from etl.core.pagesize import rows_on

LEAP = 5_000
"""Rows beyond those seen that a total is believed to have: one submission to the vendor holds as many."""
AHEAD = 8
"""Pages beyond the rows seen that may be asked for: enough for the requests under way at once."""
SHORT_IN_A_ROW = 3
"""After this many pages in a row with fewer rows than the total says, the total is contradicted."""


def believable(day: BatchDay) -> int | None:
    """The reported rows of a batch day from the ledger, in case a total was written down before it was doubted."""
    return None if day.reported is None else min(day.reported, day.accounted + LEAP)


class Totals:
    """The totals of one run. `highest`: the highest that is not refuted; None: nothing was answered yet."""

    def __init__(self, day: BatchDay) -> None:
        self.highest: int | None = None
        self.taken = 0
        self._day = day
        self._said: Counter[int] = Counter()
        self._refuted: set[int] = set()
        self._first_said = 0
        self._furthest = day.accounted
        self._short = 0

    @property
    def seen(self) -> int:
        """Rows that are known to be listed: those held, and those in front of a page that had rows.

        A vendor that answers the same page to every question shows no row twice as far: hence the bound.
        """
        held = self._day.accounted
        return max(held, min(self._furthest, 2 * held))

    @property
    def believed(self) -> int:
        """The highest total as far as it is believed."""
        more = AHEAD * self._day.page_size if self.contradicted else LEAP
        return min(self.highest or 0, self.seen + more)

    @property
    def last_page(self) -> int:
        """The last page that may be asked for now. If the first answer goes far, another has to come next."""
        ahead = 1 if self.taken == 1 and self.is_wild(self.highest or 0) else AHEAD
        return min(self._day.pages, (self.seen + self._day.page_size - 1) // self._day.page_size + ahead)

    @property
    def contradicted(self) -> bool:
        """Whether the last pages had fewer rows than the total says: no more of them should be asked for."""
        return self._short >= SHORT_IN_A_ROW

    def try_again(self) -> None:
        """A new step begins: pages that came short may come whole now."""
        self._short = 0

    def times(self, total: int) -> int:
        """How many answers reported this total."""
        return self._said[total]

    def is_wild(self, total: int) -> bool:
        """Whether a total goes far beyond what was seen."""
        return total > self.seen + LEAP

    def take(self, page: Page, asked_after: int) -> bool:
        """Learn from an answer; whether it refuted the highest total.

        `asked_after`: how many answers had been taken when it was asked for. An answer that may be older than
        the highest total refutes nothing.
        """
        self.taken += 1
        if page.total in self._refuted:
            if self.is_wild(page.total):
                return False
            self._refuted.remove(page.total)
        self._said[page.total] += 1
        if page.received:
            self._furthest = max(self._furthest, self._day.page_size * (page.number - 1) + page.received)
        refuted = False
        if self.highest is None or page.total > self.highest:
            self.highest, self._first_said = page.total, self.taken
        elif asked_after >= self._first_said and self._refutes(page, self.highest):
            self._forget(self.highest)
            refuted = True
        short = page.received < rows_on(page.number, self.highest, self._day.page_size)
        self._short = self._short + 1 if short else 0
        return refuted

    def may_count(self, page: Page, total: int | None) -> bool:
        """Whether an answer may be part of a pass under `total` (None: none has begun), or begin another one.

        An answer with more rows than its own total allows says nothing about the whole, and neither does a wild
        total that was refuted, or that only one answer reported.
        """
        size = self._day.page_size
        if page.total in self._refuted:
            return False
        if page.received and page.total < size * (page.number - 1) + min(page.received, size):
            return False
        return total is None or page.total <= total + LEAP or self._said[page.total] > 1

    def accept(self, total: int) -> None:
        """A whole pass has proven that so many rows are listed."""
        self.highest = total
        self._first_said = self.taken

    def _refutes(self, page: Page, highest: int) -> bool:
        """Whether a later answer shows that there are not so many rows.

        What only one answer said is refuted by another that is consistent in itself and has fewer rows than the
        total says there; a wild total, by any other. Whether rows vanished or the total never was true makes
        no difference: from here on, only a whole pass under the lower total proves anything.
        """
        size, wild = self._day.page_size, self.is_wild(highest)
        if page.total == highest or page.received != rows_on(page.number, page.total, size):
            return False
        alone = self._said[highest] == 1
        return (wild and alone) or ((wild or alone) and page.received < rows_on(page.number, highest, size))

    def _forget(self, total: int) -> None:
        self._refuted.add(total)
        del self._said[total]
        self.highest, self._first_said, self._short = max(self._said), self.taken, 0
