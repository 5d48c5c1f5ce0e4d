"""Why a batch day is asked for, and in which order."""

from __future__ import annotations

import dataclasses
import datetime as dt
import random
from typing import Any

import pytest

from etl.core.batchday import BatchDay, State
from etl.core.planning import Plan, Why
from tests.core.plans import (
    GONE,
    HOURS,
    LAST,
    asked,
    at,
    date,
    incomplete,
    line,
    make,
    pending,
    places,
    settled,
    whole,
    window,
)

# -- why, and in which order -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (at(date(14), 0), Why.LOOK),
        (at(date(15), 0), Why.LOOK),
        (at(date(15), 11.9), Why.LOOK),
        (at(date(15), 12), Why.SETTLE),
        (at(date(27), 0), Why.SETTLE),
    ],
)
def test_an_open_day_is_looked_at_until_it_settled(moment: dt.datetime, expected: Why) -> None:
    made = make([line("B", 14)], [whole("B", 14, looked=1)], moment, spill_days=0)
    assert asked(made) == [("B", 14, expected)]


def test_an_open_day_whose_submitted_rows_are_all_there_is_not_looked_at() -> None:
    made = make([line("B", 14, 10)], [whole("B", 14, looked=1)], at(LAST, 20))
    assert made == Plan([], [], [])
    made = make([line("B", 14, 11)], [whole("B", 14, looked=1)], at(LAST, 20))
    assert asked(made) == [("B", 14, Why.LOOK)]


OUTCOMES = [
    # last look, outcome due and moment (hours after its start); asked for?
    (1, None, 20, False),
    (1, 20, 19.9, False),
    (1, 20, 20, True),
    (1, 20, 71.9, True),
    (1, 80, 71, False),
]


@pytest.mark.parametrize(("looked", "due", "hours", "expected"), OUTCOMES)
def test_outcomes_are_asked_for_when_they_are_due(
    looked: float, due: float | None, hours: float, expected: bool
) -> None:
    due_at = None if due is None else at(date(10), due)
    day = whole("B", 10, looked=looked, unresolved=3, next_outcome_at=due_at)
    made = make([line("B", 10, 10)], [day], at(date(10), hours), spill_days=0)
    assert asked(made) == ([("B", 10, Why.LOOK)] if expected else [])


def test_outcomes_are_waited_for_no_longer_than_two_days() -> None:
    day = whole("B", 10, looked=50, unresolved=3, next_outcome_at=at(date(10), 70))
    assert make([line("B", 10)], [day], at(date(10), 72), spill_days=0).settle == [day]


@pytest.mark.parametrize(
    ("runs", "hours_ago", "expected"),
    [(2, 1, True), (3, 1, False), (3, 19.99, False), (3, 20, True), (9, 5, False), (9, 24, True), (3, None, True)],
)
@pytest.mark.parametrize("day", [1, 10])
def test_what_does_not_come_out_is_asked_once_a_day(
    runs: int, hours_ago: float | None, expected: bool, day: int
) -> None:
    last = None if hours_ago is None else at() - hours_ago * HOURS
    made = make([], [incomplete("B", day, fruitless_runs=runs, last_asked_at=last)])
    assert asked(made) == ([("B", day, Why.RESCUE if day == 1 else Why.FETCH)] if expected else [])


LAST_LOOKS = [
    (settled("B", 1), {}, {}, True),
    (settled("B", 2), {}, {}, False),
    (settled("B", 1), {}, {"last_look": False}, False),
    (settled("B", 1, last_look_at=at(LAST, 1)), {}, {}, False),
    (settled("B", 1), {"rows": 10}, {}, False),
    (settled("B", 1), {"rows": 11}, {}, True),
    (settled("B", 1, 0), {}, {}, True),
    (settled("B", 1, 0, spill=True), {}, {}, False),
    (settled("B", 1, 3, spill=True), {}, {}, True),
]


@pytest.mark.parametrize(("day", "listed", "rules", "expected"), LAST_LOOKS)
def test_the_last_look(day: BatchDay, listed: dict[str, Any], rules: dict[str, Any], expected: bool) -> None:
    made = make([line("B", day.date.day, **listed)], [dataclasses.replace(day)], spill_days=0, **rules)
    assert asked(made) == ([("B", 1, Why.LAST_LOOK)] if expected else [])
    assert made.requests == expected


def test_the_order_is_by_what_may_be_lost() -> None:
    days = [
        whole("looked at long ago", 14, looked=1),
        whole("looked at now", 14, looked=12),
        settled("last look", 1),
        whole("settling late", 12, looked=1),
        whole("settling", 3, looked=1),
        incomplete("incomplete, far", 9),
        incomplete("incomplete, near", 2),
        incomplete("incomplete, nearest", 1),
        pending("pending, near", 1),
        pending("pending, far", 8),
    ]
    random.Random(3).shuffle(days)
    lines = [line("new, near", 2), line("new, far", 10), line("new, today", 14)]
    lines += [line("pending, near", 1), line("pending, far", 8)]
    assert asked(make(lines, days, spill_days=0)) == [
        ("incomplete, nearest", 1, Why.RESCUE),
        ("pending, near", 1, Why.RESCUE),
        ("incomplete, near", 2, Why.RESCUE),
        ("new, near", 2, Why.RESCUE),
        ("pending, far", 8, Why.FETCH),
        ("incomplete, far", 9, Why.FETCH),
        ("new, far", 10, Why.FETCH),
        ("new, today", 14, Why.FETCH),
        ("last look", 1, Why.LAST_LOOK),
        ("settling", 3, Why.SETTLE),
        ("settling late", 12, Why.SETTLE),
        ("looked at long ago", 14, Why.LOOK),
        ("looked at now", 14, Why.LOOK),
    ]


def test_what_was_asked_for_in_vain_comes_behind_others_of_its_date() -> None:
    """The vendor may refuse the first few in every run, and two refusals in a row end the asking for a date."""
    vain = {"state": State.INCOMPLETE, "last_asked_at": at(LAST, 1)}
    days = [pending("A", 2, **vain), pending("B", 2, **vain), pending("C", 2), incomplete("D", 2)]
    lines = [line(day.batch_no, 2, rows=900) for day in days]
    assert [name for name, _, _ in asked(make(lines, days, spill_days=0))] == ["C", "D", "A", "B"]


def test_what_is_at_risk_begins_48_hours_before_the_deadline() -> None:
    edge = window().deadline(date(5)) - 48 * HOURS
    for moment, why in ((edge - dt.timedelta(microseconds=1), Why.FETCH), (edge, Why.RESCUE)):
        assert asked(make([], [pending("B", 5)], moment)) == [("B", 5, why)]


def test_looks_of_one_moment_have_one_order() -> None:
    days = [whole(name, day, looked=0, last_synced_at=at(LAST, 1)) for name in "AB" for day in (13, 14)]
    orders = {tuple(asked(make([], random.Random(n).sample(days, 4), at(LAST, 2)))) for n in range(20)}
    assert len(orders) == 1


# -- in full, narrowed -----------------------------------------------------------------------------------------


def test_in_full_everything_of_the_window_is_asked_for_again() -> None:
    days = [
        settled("settled", 5, 250),
        settled("settled, before", 0),
        whole("open", 14, 120, looked=1),
        whole("could settle", 10, 70, looked=36),
        incomplete("incomplete", 4, 500, 100, pages_read="1"),
        incomplete("fruitless", 3, fruitless_runs=5, last_asked_at=at()),
        pending("pending", 6),
        pending("pending, gone today", 1),
    ]
    made = make(
        [line("new", 14, 150), line("pending", 6), line("pending, gone today", 1)], days, full=True, spill_days=0
    )
    assert asked(made) == [
        ("pending, gone today", 1, Why.RESCUE),
        ("fruitless", 3, Why.FULL),
        ("incomplete", 4, Why.FULL),
        ("pending", 6, Why.FETCH),
        ("new", 14, Why.FETCH),
        ("settled", 5, Why.FULL),
        ("could settle", 10, Why.FULL),
        ("open", 14, Why.FULL),
    ]
    assert {task.day.batch_no: task.requests for task in made.tasks if task.why is Why.FULL} == {
        "fruitless": 5,
        "incomplete": 5,
        "settled": 3,
        "could settle": 1,
        "open": 2,
    }
    assert (made.settle, made.lose) == ([], [])


def test_in_full_what_is_gone_is_lost_all_the_same() -> None:
    day, done = pending("B", 1), whole("C", 1, looked=36)
    made = make([], [day, done], GONE, full=True)
    assert (made.tasks, made.lose, made.settle) == ([], [day], [done])


def test_narrowing_leaves_everything_else_alone() -> None:
    days = [
        pending("A", 1),
        whole("B", 10, looked=36),
        pending("C", -20),
        whole("A", 10, looked=36),
        pending("A", -20),
    ]
    lines = [line("A"), line("D", 10), line("A", 10)]
    made = make(lines, days, batches=frozenset({"A"}))
    assert {name for name, _ in places(made)} == {"A"}
    assert {(day.batch_no, day.date) for day in (*made.settle, *made.lose)} == {("A", date(10)), ("A", date(-20))}
    made = make(lines, days, dates=frozenset({date(10)}))
    assert places(made) == {("D", 10)}
    assert [day.batch_no for day in made.settle] == ["B", "A"]
    made = make(lines, days, batches=frozenset({"A"}), dates=frozenset({date(1), date(2)}))
    assert places(made) == {("A", 1), ("A", 2)}
    assert make(lines, days, batches=frozenset({"a"})) == Plan([], [], [])
