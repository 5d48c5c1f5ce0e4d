"""How far a total is believed, what refutes it, and what page size answers prove."""

from __future__ import annotations

import datetime as dt

import pytest

from etl.core.batchday import BatchDay, State
from etl.core.page import Page
from etl.core.pagesize import LARGEST, PAGE_SIZE, PageSize, rows_on
from etl.core.totals import AHEAD, LEAP, SHORT_IN_A_ROW, Totals, believable


def day(stored: int = 0, **values: object) -> BatchDay:
    made = BatchDay("A", dt.date(2026, 3, 10), id=7, state=State.INCOMPLETE, stored=stored)
    for name, value in values.items():
        setattr(made, name, value)
    return made


def page(number: int, total: int, received: int, size: int | None = None) -> Page:
    return Page(number, total, (), (), {}, {}, received, "page", size)


def taken(held: BatchDay, *answers: tuple[int, int, int], after: int | None = None) -> Totals:
    """Totals after these answers (page, total, rows), each asked for once the one before it had arrived."""
    totals = Totals(held)
    for answer in answers:
        totals.take(page(*answer), totals.taken if after is None else after)
        held.reported = totals.believed
    return totals


@pytest.mark.parametrize("total", [2**31 - 1, 10**6, 77_777])
@pytest.mark.parametrize("held", [0, 100, 12_300])
def test_a_total_is_believed_a_leap_beyond_the_rows_seen(total: int, held: int) -> None:
    totals = taken(day(held), (1, total, 100))
    assert totals.believed == held + LEAP
    assert totals.last_page == -(-held // PAGE_SIZE) + 1
    totals.take(page(1, total, 100), totals.taken)
    assert totals.last_page == -(-held // PAGE_SIZE) + AHEAD


@pytest.mark.parametrize("total", [0, 1, 100, 350, LEAP])
def test_a_total_within_a_leap_is_believed(total: int) -> None:
    assert taken(day(), (1, total, min(total, 100))).believed == total


@pytest.mark.parametrize(
    ("answers", "highest"),
    [
        pytest.param([(1, 10**6, 100), (2, 350, 100)], 350, id="wild, said once, any later answer"),
        pytest.param([(1, 3_000, 100), (2, 350, 100)], 3_000, id="believable, nothing short"),
        pytest.param([(1, 3_000, 100), (4, 350, 50)], 350, id="believable, said once, short"),
        pytest.param([(1, 3_000, 100), (2, 3_000, 100), (4, 350, 50)], 3_000, id="believable, said twice"),
        pytest.param([(1, 10**6, 100), (2, 10**6, 100), (3, 350, 100)], 10**6, id="wild, said twice"),
        pytest.param([(1, 10**6, 100), (2, 10**6, 100), (4, 350, 50)], 350, id="wild, said twice, short"),
        pytest.param([(1, 10**6, 100), (2, 350, 40)], 10**6, id="the later one contradicts itself"),
        pytest.param([(1, 350, 100), (2, 351, 100), (4, 350, 50)], 350, id="one row less"),
        pytest.param([(1, 10**6, 100), (2, 350, 100), (3, 10**6, 100)], 350, id="wild, refuted, said again"),
        pytest.param([(1, 351, 100), (4, 350, 50), (1, 351, 100)], 351, id="believable, refuted, said again"),
    ],
)
def test_what_refutes_a_total(answers: list[tuple[int, int, int]], highest: int) -> None:
    assert taken(day(100), *answers).highest == highest


@pytest.mark.parametrize("total", [10**6, 3_000, 351])
def test_an_answer_that_may_be_older_refutes_nothing(total: int) -> None:
    assert taken(day(100), (1, total, 100), (4, 350, 50), after=0).highest == total


def test_pages_that_come_short_in_a_row_contradict_a_total() -> None:
    held = day(350)
    answers = [(4 + n, 10**6, 50 if n == 0 else 0) for n in range(SHORT_IN_A_ROW)]
    assert not taken(held, *answers[:-1]).contradicted
    totals = taken(held, *answers)
    assert totals.contradicted
    assert totals.believed == 350 + AHEAD * PAGE_SIZE
    totals.try_again()
    assert not totals.contradicted


def test_the_same_page_again_and_again_shows_no_more_rows() -> None:
    assert taken(day(100), *((number, 10**6, 100) for number in range(1, 50))).seen == 200


@pytest.mark.parametrize(
    ("answer", "total", "counts"),
    [
        ((1, 350, 100), None, True),
        ((1, 10**6, 100), None, True),
        ((1, 10**6, 100), 350, False),
        ((1, 5_350, 100), 350, True),
        ((1, 5_351, 100), 350, False),
        ((1, 10, 100), 350, False),
        ((4, 350, 51), 350, False),
        ((4, 350, 50), 10**6, True),
        ((9, 350, 0), 350, True),
    ],
)
def test_which_answers_may_be_part_of_a_pass(
    answer: tuple[int, int, int], total: int | None, counts: bool
) -> None:
    assert taken(day(100), answer).may_count(page(*answer), total) is counts


@pytest.mark.parametrize(
    ("reported", "stored", "believed"), [(None, 0, None), (2**31 - 1, 100, 5_100), (400, 100, 400)]
)
def test_totals_of_an_older_ledger(reported: int | None, stored: int, believed: int | None) -> None:
    assert believable(day(stored, reported=reported)) == believed


@pytest.mark.parametrize(
    ("answers", "size"),
    [
        pytest.param([(1, 120, 50, 50)], 50, id="rows and claim agree"),
        pytest.param([(2, 60, 10, 50)], 50, id="they agree on the last page"),
        pytest.param([(1, 120, 50, 100)], 100, id="the claim says otherwise"),
        pytest.param([(1, 120, 50, None), (2, 120, 50, None)], 50, id="two pages agree"),
        pytest.param([(1, 60, 50, None), (2, 60, 10, None)], 50, id="the page after it is the last"),
        pytest.param([(1, 120, 50, None), (1, 120, 50, None)], 100, id="the same page twice"),
        pytest.param([(1, 120, 50, None), (2, 120, 20, None), (2, 120, 50, None)], 100, id="a whole page between"),
        pytest.param([(4, 350, 50, 50)], 100, id="the last page, as expected"),
        pytest.param([(1, 350, 100, 50)], 100, id="rows as expected, a wrong claim"),
        pytest.param([(1, 0, 0, 50)], 100, id="no rows"),
        pytest.param([(1, 500, 250, 250)], 250, id="more rows"),
        pytest.param([(1, 180, 180, 250)], 250, id="more rows, all of them"),
        pytest.param([(1, 10**6, LARGEST + 1, LARGEST + 1)], 100, id="far too many"),
        pytest.param([(1, 120, 50, 50), (1, 120, 100, 100)], 100, id="larger again"),
    ],
)
def test_the_page_size_that_answers_prove(answers: list[tuple[int, int, int, int | None]], size: int) -> None:
    learning = PageSize()
    for answer in answers:
        learning.take(7, page(*answer))
    assert learning.rows == size


def test_pages_of_two_batch_days_do_not_agree_about_the_size() -> None:
    learning = PageSize()
    learning.take(7, page(1, 120, 50))
    learning.take(8, page(2, 120, 50))
    assert learning.rows == PAGE_SIZE
    assert (learning.next_to(7), learning.next_to(8)) == (None, 3)


@pytest.mark.parametrize(("known", "rows"), [(None, 100), (0, 100), (-1, 100), (37, 37), (10**9, 100)])
def test_what_an_earlier_run_learnt(known: int | None, rows: int) -> None:
    assert PageSize(known).rows == rows


@pytest.mark.parametrize(
    ("number", "total", "size", "rows"),
    [(1, 350, 100, 100), (4, 350, 100, 50), (5, 350, 100, 0), (1, 0, 100, 0), (2**31, 2**31, 1, 1)],
)
def test_rows_on_a_page(number: int, total: int, size: int, rows: int) -> None:
    assert rows_on(number, total, size) == rows
