"""The page size while it changes, with several requests under way whose answers come in any order."""

from __future__ import annotations

import datetime as dt
import math
import random
from collections.abc import Callable
from typing import Any

import pytest

from etl.core.batchday import BatchDay
from etl.core.checkrow import CheckRow
from etl.core.fields import Fields
from etl.core.page import Page
from etl.core.pagesize import PageSize
from etl.core.reading import Reading
from etl.core.steps import Ask, Memory
from etl.run.fetch import Active

IN_FLIGHT = 5
SIZES = (120, 1_730, 60, 1, 49, 400, 51)
BLANK: dict[str, Any] = dict.fromkeys(Fields._fields)
ROWS = [CheckRow(**(BLANK | {"message_id": f"m{n:04}", "phone": "p"})) for n in range(max(SIZES))]


class Vendor:
    """Puts on a page as many rows as asked for, at most what `most` says for the number of the request, from 0."""

    def __init__(self, most: Callable[[int], int]) -> None:
        self.requests = 0
        self._most = most

    def answer(self, ask: Ask, total: int) -> Page:
        size = min(ask.page_size, self._most(self.requests))
        self.requests += 1
        page = ROWS[:total][size * (ask.page - 1) : size * ask.page]
        return Page(ask.page, total, tuple(page), (), {}, {}, len(page), "page", size)


class Run:
    """Reads batch days of these sizes, as the fetcher does; `order` decides when each answer arrives."""

    def __init__(self, vendor: Vendor, order: random.Random) -> None:
        self._vendor = vendor
        self._order = order
        self.learnt = PageSize()
        self.days = [BatchDay("A", dt.date(2026, 3, 10), id=rows) for rows in SIZES]
        readings = (Reading(day, Memory(), page_size=self.learnt) for day in self.days)
        self._waiting = (Active(reading, reading.steps()) for reading in readings)
        self._active: list[Active] = []
        self._under_way: list[tuple[Active, Ask, Page]] = []
        self._held: dict[int, set[CheckRow]] = {day.id: set() for day in self.days}

    def read(self) -> None:
        while (active := self._next()) or self._under_way:
            full = len(self._under_way) == IN_FLIGHT
            if active is None or full or (self._under_way and self._order.random() < 0.3):
                self._store(*self._under_way.pop(self._order.randrange(len(self._under_way))))
            else:
                ask, _ = active.take()
                page = self._vendor.answer(ask, active.reading.day.id)
                self._under_way.append((active, ask, page))

    def _next(self) -> Active | None:
        for active in self._active:
            if active.ready():
                return active
        for active in self._waiting:
            self._active.append(active)
            if active.ready():
                return active
        return None

    def _store(self, active: Active, ask: Ask, page: Page) -> None:
        active.under_way -= 1
        reading, held = active.reading, self._held[active.reading.day.id]
        for answered in reading.sort_out(ask, page):
            reading.take(*answered)
            held.update(answered[1].rows)
            reading.day.stored = len(held)
            reading.conclude()


@pytest.mark.parametrize("after", range(12))
@pytest.mark.parametrize("less", [33, 20, 50])
def test_late_answers_from_before_the_change_change_nothing_back(less: int, after: int) -> None:
    pages = sum(math.ceil(rows / 100) for rows in SIZES)
    for seed in range(30):
        vendor = Vendor(lambda number: less if number < after else 100)
        run = Run(vendor, random.Random(seed))
        run.read()
        assert all(day.proven for day in run.days)
        # The day that is under way may be read in small pages to its end: the next page 1 shows that they have grown.
        assert vendor.requests <= pages + math.ceil(max(SIZES) / less) + 2 * IN_FLIGHT, seed
