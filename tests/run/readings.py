"""Batch days that are read without a network and a database: a vendor, and what becomes of its answers."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterable
from typing import Any

from etl.core.batchday import BatchDay
from etl.core.checkrow import CheckRow
from etl.core.fields import Fields
from etl.core.page import Page
from etl.core.pagesize import PAGE_SIZE, PageSize
from etl.core.reading import Reading
from etl.core.steps import Ask, Memory
from etl.errors import BatchDayFailed
from etl.run.fetch import Fetcher, Taking
from etl.run.gate import Gate
from etl.vendor.client import Question

DAY = dt.date(2026, 3, 10)
BLANK: dict[str, Any] = dict.fromkeys(Fields._fields)
MOST = 4_000
ROWS = [CheckRow(**(BLANK | {"message_id": f"m{n:04}", "phone": "p"})) for n in range(MOST)]

Answer = Callable[[Question, int], Page]
"""What is answered to a question; the number counts the questions of the run, from 1."""


def page_of(number: int, total: int, size: int = PAGE_SIZE) -> Page:
    """A page as an honest vendor sends it, which has `size` rows on a page."""
    rows = ROWS[:total][size * (number - 1) : size * number]
    return Page(number, total, tuple(rows), (), {}, {}, len(rows), "page", size)


class Asked:
    """A client that keeps what it was asked, and answers from several threads."""

    def __init__(self, answer: Answer) -> None:
        self.questions: list[Question] = []
        self._answer = answer
        self._changed = threading.Condition()

    def ask(self, question: Question) -> Page:
        with self._changed:
            self.questions.append(question)
            number = len(self.questions)
            self._changed.notify_all()
        return self._answer(question, number)

    def wait_for(self, number: int) -> None:
        """Wait until so many questions have been asked."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.questions) >= number, 60)


class Run:
    """Reads batch days of these sizes; the vendor answers their pages, or whatever `answer` says.

    `held`: what is stored of each batch day. `storing` is called with the number of answers, before they are stored.
    """

    def __init__(self, gate: Gate, in_flight: int, days: Iterable[BatchDay], answer: Answer | None = None) -> None:
        self.days = list(days)
        self.client = Asked(answer or self.honest)
        self.failed: list[tuple[BatchDay, BatchDayFailed]] = []
        self.closed: list[BatchDay] = []
        self.storing: Callable[[int], None] = lambda _: None
        self.held: dict[str, set[CheckRow]] = {day.batch_no: set() for day in self.days}
        self.sizes = {day.batch_no: day.submitted or 0 for day in self.days}
        self._page_size = PageSize()
        taking = Taking(self._store, self._close, lambda reading, why: self.failed.append((reading.day, why)))
        self.fetcher = Fetcher(self.client, gate, in_flight, taking)  # type: ignore[arg-type]

    def go(self, *, full: bool = False) -> None:
        self.fetcher.run(Reading(d, Memory(), full=full, page_size=self._page_size) for d in self.days)

    def honest(self, question: Question, _number: int) -> Page:
        return page_of(question.page, self.sizes[question.batch_no])

    def _store(self, answers: list[tuple[Reading, Ask, Page]]) -> None:
        self.storing(len(answers))
        for reading, ask, page in answers:
            held = self.held[reading.day.batch_no]
            for answered in reading.sort_out(ask, page):
                reading.take(*answered)
                held.update(answered[1].rows)
                reading.day.stored = len(held)
                reading.conclude()

    def _close(self, readings: list[Reading]) -> None:
        self.closed += [reading.day for reading in readings]


def days_of(*sizes: int, dates: int = 1) -> list[BatchDay]:
    """Batch days of so many rows each, on so many dates in turn; what is submitted is what is there."""
    return [
        BatchDay(f"B{number}", DAY + dt.timedelta(days=number % dates), id=number + 1, submitted=size)
        for number, size in enumerate(sizes)
    ]
