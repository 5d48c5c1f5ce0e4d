"""A reading that is being read, and the requests that it makes."""

from __future__ import annotations

import datetime as dt
from collections import deque
from dataclasses import dataclass, field

from etl.core.page import Page
from etl.core.pagesize import rows_on
from etl.core.reading import Reading
from etl.core.steps import Ask, Step, Steps
from etl.errors import BatchDayFailed
from etl.vendor.client import Question


@dataclass(slots=True, eq=False)
class Active:
    """A reading that has begun, and its present step. Only the loop's thread may touch it.

    `ask`: what it asks next. `under_way`: requests whose answers are not stored yet. `arrived`: those of them that
    are answered. `returned`: requests that were handed over and not sent after all, each with the page size under
    which it was made.
    """

    reading: Reading
    steps: Steps
    step: Step | None = None
    ask: Ask | None = None
    under_way: int = 0
    arrived: int = 0
    failure: BatchDayFailed | None = None
    returned: deque[tuple[Ask, int]] = field(default_factory=deque)

    def ready(self) -> bool:
        """Whether it has something to ask now. Goes on to the next step once everything is answered."""
        while not self.failure:
            if self._has_more():
                return True
            if self.under_way:
                return False
            self.step, self.ask = next(self.steps, None), None
            self.returned.clear()
            if self.step is None:
                break
        return False

    def _has_more(self) -> bool:
        """Whether the present step has something to ask now: it may depend on the answers that are awaited."""
        if self.step is None or self.step.enough():
            return False
        self.ask = self.ask or self._returned() or next(self.step.asks, None)
        return self.ask is not None

    def _returned(self) -> Ask | None:
        while self.returned:
            if ask := self.reading.again(*self.returned.popleft()):
                return ask
        return None

    @property
    def date(self) -> dt.date:
        """The date that it asks for."""
        return self.reading.day.date

    @property
    def certain(self) -> bool:
        """Whether its next request is needed, whatever the answers that are not stored yet may say."""
        day = self.reading.day
        needed = (day.missing or 0) > day.page_size * self.under_way
        return needed and not self.failure and self._has_more()

    @property
    def wanted(self) -> bool:
        """Whether its next request is needed if the answers that are not stored yet are as expected."""
        if not self.under_way:
            return self.ready()
        every_page = self.step is not None and self.step.every_page and not self.failure
        return self.certain or (every_page and self._has_more())

    def take(self) -> tuple[Ask, Question]:
        """What it asks next, as found by `ready` or `certain`; it is under way from now on."""
        day, ask = self.reading.day, self.ask or Ask()
        self.ask, self.under_way = None, self.under_way + 1
        # The vendor may mask the phones in its answers; it cannot find a phone by its masked form.
        phone = None if ask.phone and "*" in ask.phone else ask.phone
        question = Question(
            day.batch_no, day.date, ask.page, ask.message_id, phone, day.appkey, page_size=ask.page_size
        )
        return ask, question

    @property
    def finished(self) -> bool:
        """Whether nothing more will be asked and nothing is awaited; valid after `ready` returned False."""
        return not self.under_way and (self.step is None or self.failure is not None)


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """One request of a reading, as threads see it.

    `total`: rows that the batch day is thought to have, or None where nobody knows. `page_size`: rows per page.
    """

    active: Active
    ask: Ask
    question: Question
    total: int | None
    page_size: int

    @classmethod
    def of(cls, active: Active) -> Request:
        """What a reading asks next; it is under way from now on."""
        day = active.reading.day
        return cls(active, *active.take(), day.claimed, day.page_size)

    def put_back(self) -> None:
        """It was not sent: the reading decides again whether it is needed."""
        self.active.under_way -= 1
        self.active.returned.append((self.ask, self.page_size))

    def expects(self, result: Page | BaseException) -> bool:
        """Whether this is an answer after which all that was thought to be needed still is."""
        if not isinstance(result, Page) or not self.ask.whole_day:
            return False
        total = result.total if self.total is None else self.total
        return result.total == total and result.received == rows_on(result.number, total, self.page_size)


@dataclass(frozen=True, slots=True)
class Arrival:
    """What became of one request."""

    request: Request
    result: Page | BaseException

    @property
    def active(self) -> Active:
        """Whose request it was."""
        return self.request.active
