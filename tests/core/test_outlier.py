"""An answer that claims far more rows than known waits for another, and is never left unheard."""

from __future__ import annotations

import datetime as dt

import pytest

from etl.core.batchday import BatchDay, State
from etl.core.page import Page
from etl.core.pagesize import rows_on
from etl.core.reading import Reading
from etl.core.steps import Awaited, Memory


def held(rows: int) -> BatchDay:
    day = BatchDay("A", dt.date(2026, 3, 10), id=7, state=State.OPEN, reported=rows, claimed=rows, stored=rows)
    day.unresolved = 1
    return day


def read(day: BatchDay, *totals: int) -> list[int]:
    """Read a day whose answers say these totals, the last one for ever; the pages asked for."""
    awaited = [Awaited("m", page=2, total=day.reported or 0)]
    reading = Reading(day, Memory(awaited=lambda: awaited))
    asked: list[int] = []
    for step in reading.steps():
        for ask in step.asks:
            if step.enough() or ask is None or len(asked) > 50:
                break
            total = totals[min(len(asked), len(totals) - 1)]
            asked.append(ask.page)
            page = Page(ask.page, total, (), (), {}, {}, rows_on(ask.page, total, 100), "page", None)
            for one in reading.sort_out(ask, page):
                reading.take(*one)
                reading.conclude()
    return asked


@pytest.mark.parametrize("total", [10**6, 10_250, 5_251])
def test_rows_that_came_with_the_last_answer_are_no_secret(total: int) -> None:
    """The look says 250, the page with the awaited check says more: the day is not complete."""
    day = held(250)
    read(day, 250, total)
    assert not day.proven
    assert day.claimed == total


@pytest.mark.parametrize("total", [2**31 - 1, 5_251])
def test_a_false_total_with_the_last_answer_costs_one_request(total: int) -> None:
    day = held(250)
    assert read(day, 250, total, 250) == [1, 2, 2]
    assert day.proven
    assert day.claimed == 250
