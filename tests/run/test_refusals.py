from __future__ import annotations

import datetime as dt

import pytest

from etl.core.page import Page
from etl.errors import BatchDayFailed, DateRefused, Unanswered
from etl.run.refusals import Refusals

DAY, OTHER = dt.date(2026, 3, 1), dt.date(2026, 3, 2)
PAGE = Page(1, 0, (), (), {}, {}, 0, "page")
REFUSED, SILENT = DateRefused("the date is refused"), Unanswered("no answer")

CASES: list[tuple[list[Page | BatchDayFailed], bool]] = [
    ([], False),
    ([REFUSED], False),
    ([REFUSED, REFUSED], True),
    ([PAGE, REFUSED, REFUSED], True),
    ([REFUSED, PAGE, REFUSED], False),
    ([REFUSED, SILENT, REFUSED], True),
    ([SILENT, SILENT, SILENT], False),
]


@pytest.mark.parametrize(("results", "given_up"), CASES)
def test_a_date_is_given_up_after_one_confirmation(results: list[Page | BatchDayFailed], given_up: bool) -> None:
    refusals = Refusals()
    for result in results:
        refusals.send(DAY)
        refusals.take(DAY, result)
    assert (refusals.of(DAY) is not None) is given_up
    assert refusals.of(OTHER) is None


@pytest.mark.parametrize(("result", "alone"), [(None, True), (REFUSED, True), (PAGE, False), (SILENT, False)])
def test_one_request_at_a_time_until_a_date_is_known_not_to_be_refused(
    result: Page | BatchDayFailed | None, alone: bool
) -> None:
    refusals = Refusals()
    if result:
        refusals.send(DAY)
        refusals.take(DAY, result)
    assert not refusals.must_wait(DAY)
    refusals.send(DAY)
    assert refusals.must_wait(DAY) is alone
    assert not refusals.must_wait(OTHER)


def test_a_date_that_is_given_up_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals()
    for _ in range(2):
        refusals.send(DAY)
        refusals.take(DAY, REFUSED)
    assert {str(refusals.of(DAY)) for _ in range(9)} == {record.getMessage() for record in caplog.records}
    assert len(caplog.records) == 1
