"""Dates that the vendor refuses, so that no run spends its requests on asking for one of them batch by batch."""

from __future__ import annotations

import datetime as dt
import logging
from collections import Counter

from etl.core.page import Page
from etl.errors import DateNotAsked, DateRefused

ENOUGH = 2
"""How many refusals in a row say that it is the date that is refused, and not just one batch."""

log = logging.getLogger(__name__)


class Refusals:
    """What the vendor said to each date in this run.

    Until it has said something else than a refusal, there is one request at a time for a date.
    """

    def __init__(self) -> None:
        self._refused: Counter[dt.date] = Counter()
        self._not_refused: set[dt.date] = set()
        self._under_way: Counter[dt.date] = Counter()
        self._told: set[dt.date] = set()

    def send(self, date: dt.date) -> None:
        """A request for this date is sent."""
        self._under_way[date] += 1

    def put_back(self, date: dt.date) -> None:
        """A request for this date is not sent after all."""
        self._under_way[date] -= 1

    def take(self, date: dt.date, result: Page | BaseException) -> None:
        """What became of a request for this date."""
        self._under_way[date] -= 1
        if isinstance(result, DateRefused):
            self._not_refused.discard(date)
            self._refused[date] += 1
            return
        self._not_refused.add(date)
        if isinstance(result, Page):
            self._refused[date] = 0

    def must_wait(self, date: dt.date) -> bool:
        """Whether the answer to a request that is under way has to come first."""
        return date not in self._not_refused and self._under_way[date] > 0

    def of(self, date: dt.date) -> DateNotAsked | None:
        """Why this date is not asked for again in this run; None: it may be. The log says it once."""
        if self._refused[date] < ENOUGH:
            return None
        why = DateNotAsked(
            f"The vendor refused the date {date} for {ENOUGH} batches, so it was not asked for others."
        )
        if date not in self._told:
            self._told.add(date)
            log.warning("%s", why, extra={"date": date.isoformat()})
        return why
