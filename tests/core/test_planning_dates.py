"""Which batch days the lists call for."""

from __future__ import annotations

import datetime as dt

import pytest

from etl.core import planning
from etl.core.batchday import BatchDay, State
from etl.core.line import Line, Lists, Retired
from etl.core.planning import Known, Plan, Rules
from tests.core.plans import (
    LAST,
    asked,
    at,
    date,
    known_of,
    line,
    make,
    pending,
    places,
    whole,
    window,
)

# -- which dates ---------------------------------------------------------------------------------------------


def test_nothing_known_nothing_to_do() -> None:
    assert make() == Plan([], [], [])
    assert make().requests == 0


@pytest.mark.parametrize(("day", "expected"), [(0, []), (1, [1]), (7, [7]), (14, [14]), (15, [])])
def test_a_dated_batch_is_looked_for_on_its_date_within_the_window(day: int, expected: list[int]) -> None:
    assert [number for _, number, _ in asked(make([line("B", day)], spill_days=0))] == expected


def test_a_batch_without_a_date_is_looked_for_on_every_date_of_the_window() -> None:
    made = make([line("B")])
    assert places(made) == {("B", day) for day in range(1, 15)}
    assert not any(task.day.spill for task in made.tasks)


def test_a_date_that_is_retired_is_not_looked_for_whatever_calls_for_it() -> None:
    """A batch without a date, and one that may run past midnight; its other dates go on."""
    lists = Lists.of(
        [line("A"), line("B", 10, 5), line("C", 11)], Retired((), {date(11): {"A", "B"}, date(20): {"C"}})
    )
    made = planning.make(Known(lists, []), window(), Rules())
    days = {("A", day) for day in range(1, 15)} - {("A", 11)} | {("B", 10), ("C", 11), ("C", 12)}
    assert places(made) == days


def test_a_batch_day_is_asked_for_once_however_many_lines_call_for_it() -> None:
    lines = [line("B"), line("B", 3), line("B", 3, 7), line("B", 4), line("B", 2)]
    made = make(lines, [pending("B", 5)])
    assert len(made.tasks) == 14
    assert {task.day.date.day: task.day.submitted for task in made.tasks if task.day.submitted} == {3: 7}
    assert not any(task.day.spill for task in made.tasks)


def test_names_that_differ_in_case_or_spaces_are_batches_of_their_own() -> None:
    assert places(make([line("b", 14), line("B", 14), line("b ", 14)])) == {("b", 14), ("B", 14), ("b ", 14)}


@pytest.mark.parametrize("state", [State.PENDING, State.INCOMPLETE, State.OPEN])
def test_what_the_ledger_has_is_no_second_batch_day(state: State) -> None:
    made = make([line("B", 14)], [whole("B", 14, state=state, looked=1)])
    assert [task.day.id for task in made.tasks] == [1014]


def test_what_is_settled_costs_no_request() -> None:
    known = known_of(
        [line("B", 5), line("C")], [], {date(5): {"B": 7}} | {d: {"C": 1, "B": 0} for d in window().dates}
    )
    assert planning.make(known, window(), Rules()) == Plan([], [], [])


# -- spill ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "spill_days", "expected"),
    [
        (at(date(10), 23), 1, []),
        (at(date(12), 0), 1, []),
        (at(date(12), 11.99), 1, []),
        (at(date(12), 12), 1, [11]),
        (at(date(12), 13), 2, [11]),
        (at(date(13), 12), 2, [11, 12]),
        (at(date(14), 12), 7, [11, 12, 13]),
        (at(date(14), 12), 0, []),
    ],
)
def test_a_further_date_is_looked_at_once_it_is_over_and_settled(
    moment: dt.datetime, spill_days: int, expected: list[int]
) -> None:
    made = make([line("B", 10)], [whole("B", 10, looked=1)], moment, spill_days=spill_days)
    spilled = [task.day.date.day for task in made.tasks if task.day.spill]
    assert spilled == expected
    assert all(task.requests == 1 for task in made.tasks if task.day.spill)


@pytest.mark.parametrize(
    ("rows", "reported", "expected"),
    [
        (None, 10, True),
        (11, 10, True),
        (10, 10, False),
        (9, 10, False),
        (0, 0, False),
        (1, 0, True),
        (5, None, True),
    ],
)
@pytest.mark.parametrize("is_settled", [True, False])
def test_no_further_date_where_all_that_was_submitted_came(
    rows: int | None, reported: int | None, expected: bool, is_settled: bool
) -> None:
    lines = [line("B", 10, rows)]
    if is_settled:
        known = known_of(lines, [], {} if reported is None else {date(10): {"B": reported}})
    else:
        known = known_of(lines, [pending("B", 10, state=State.INCOMPLETE, reported=reported)])
    made = planning.make(known, window(), Rules())
    assert ("B", 11) in places(made) if expected else ("B", 11) not in places(made)


def test_submitted_rows_of_one_batch_and_date_add_up_over_lines_and_lists() -> None:
    lists = Lists.of([line("B", 10, 7), line("B", 10, 5), line("B", 10), line("B", 11, 9), line("B", None, 3)])
    assert lists.submitted_on("B", date(10)) == 12
    assert Lists.of([line("B", 10)]).submitted_on("B", date(10)) is None


def test_what_spilled_out_of_a_date_before_the_window_is_looked_for() -> None:
    assert places(make([line("B", 0)])) == {("B", 1)}
    assert places(make([line("B", 0)], spill_days=3)) == {("B", 1), ("B", 2), ("B", 3)}
    assert places(make([line("B", 0)], spill_days=0)) == set()


def test_a_date_that_is_listed_itself_is_no_spill() -> None:
    made = make([line("B", 9), line("B", 10), line("C", 9), line("C")], spill_days=2)
    assert {(t.day.batch_no, t.day.date.day) for t in made.tasks if t.day.spill} == {("B", 11), ("B", 12)}


def test_a_spill_day_of_the_ledger_is_not_looked_for_again() -> None:
    known = known_of([line("B", 9)], [pending("B", 9)], {date(10): {"B": 0}})
    assert places(planning.make(known, window(), Rules())) == {("B", 9)}


# -- what a new batch day knows --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lines",
    [
        [line("B", 9, None, "key"), line("B", 10)],
        [line("B", 10), line("B", 9, None, "key")],
        [line("B", None, None, "key")],
        [line("B"), line("B", 13, None, "key")],
    ],
)
def test_an_appkey_is_the_batchs_own_on_whatever_line_it_stands(lines: list[Line]) -> None:
    """It may be in another list than the one that gives the date."""
    made = make([*lines, line("C", 9)])
    assert {task.day.appkey for task in made.tasks if task.day.batch_no == "B"} == {"key"}
    assert {task.day.appkey for task in made.tasks if task.day.batch_no == "C"} == {None}


def test_a_new_batch_day_is_pending_and_has_no_number() -> None:
    [task] = make([line("B", 14, 250, "key")]).tasks
    assert task.day == BatchDay("B", LAST, 0, "key", submitted=250, dated=True)


def test_dated_says_whether_a_list_gives_this_date() -> None:
    day, other = whole("B", 14, looked=1), whole("C", 14, looked=1)
    made = make([line("B", 14), line("C"), line("D", 9)], [day, other])
    assert (day.dated, other.dated) == (True, False)
    assert {t.day.date.day: t.day.dated for t in made.tasks if t.day.batch_no == "D"} == {9: True, 10: False}
