"""An answer whose total goes far beyond all that is known waits until another bears it out (docs/adr/0015)."""

from __future__ import annotations

from etl.core.batchday import BatchDay
from etl.core.page import Page
from etl.core.steps import Ask
from etl.core.totals import LEAP, Totals

Answered = tuple[Ask, Page]


class Outlier:
    """The answer about one batch day that waits, if any. Nothing of it is counted or stored meanwhile."""

    def __init__(self, day: BatchDay, totals: Totals) -> None:
        self._day = day
        self._totals = totals
        self._waiting: Answered | None = None
        # An earlier run may have ended while its answer waited: then the next one decides at once.
        self._asked_in_vain = day.asked_in_vain

    @property
    def page(self) -> int | None:
        """The number of the page that waits."""
        return self._waiting[1].number if self._waiting else None

    def sort_out(self, ask: Ask, page: Page) -> list[Answered]:
        """Which answers count now that this one has come.

        A total that is not far off takes away the one that waits, as if it had never come: its page is asked for
        again. Two that are far off in a row both count: then it is either true, or the vendor is wrong for good.
        """
        if not ask.whole_day:
            return [(ask, page)]
        waiting, self._waiting = self._waiting, None
        if not self._is_far_off(page):
            return [(ask, page)]
        if waiting is not None or self._asked_in_vain:
            self._asked_in_vain = False
            return [*filter(None, [waiting]), (ask, page)]
        self._waiting = (ask, page)
        return []

    def _is_far_off(self, page: Page) -> bool:
        known = self._day.claimed if self._totals.highest is None else self._totals.highest
        return page.total > max(self._totals.seen, known or 0) + LEAP
