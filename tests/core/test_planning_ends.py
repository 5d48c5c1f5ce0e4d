"""When a batch day is settled or lost without a request."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest

from etl.core import planning
from etl.core.batchday import BatchDay, State
from etl.core.planning import Plan, Why
from tests.core.plans import (
    GONE,
    HOURS,
    asked,
    at,
    date,
    incomplete,
    line,
    make,
    pending,
    settled,
    whole,
    window,
)

# -- settling, losing ----------------------------------------------------------------------------------------

# The 10th ends 24 hours after its start and settles after 36; its outcomes are awaited until 72.
SETTLES = [
    # rows submitted; last look and moment (hours after its start); other figures; settled now?
    (None, 24, 40, {}, False),
    (None, 35.9, 40, {}, False),
    (None, 36, 40, {}, True),
    (None, 36, 36, {}, True),
    (10, 1, 23.9, {}, False),
    (10, 1, 24, {}, True),
    (9, 1, 24, {}, True),
    (11, 1, 40, {}, False),
    (11, 36, 40, {}, True),
    (0, 1, 24, {"reported": 0, "stored": 0}, True),
    (10, 36, 40, {"stored": 9}, False),
    (10, 36, 40, {"stored": 9, "rejected": 1}, True),
    (10, 36, 40, {"stored": 8, "repeated": 1, "rejected": 1}, True),
    (10, 36, 40, {"stored": 11}, False),
    (10, 36, 40, {"needs_pass": True}, False),
    (10, 36, 40, {"reported": None, "stored": 0}, False),
    (10, 36, 71.9, {"unresolved": 1}, False),
    (10, 36, 72, {"unresolved": 1}, True),
    (None, 24, 72, {"unresolved": 1}, False),
    (10, 36, 40, {"state": State.INCOMPLETE}, False),
    (10, 36, 40, {"state": State.PENDING}, None),
]


@pytest.mark.parametrize(("submitted", "looked", "hours", "values", "expected"), SETTLES)
def test_when_a_batch_day_settles(
    submitted: int | None, looked: float, hours: float, values: dict[str, Any], expected: bool | None
) -> None:
    day = (
        whole("B", 10, looked=looked, **values)
        if "state" not in values
        else dataclasses.replace(whole("B", 10, looked=looked), **values)
    )
    made = make([line("B", 10, submitted)], [day], at(date(10), hours), spill_days=0)
    if expected is None:
        assert day.state is State.PENDING
        return
    assert (made.settle == [day]) is expected
    assert planning.can_settle(day, window(at(date(10), hours))) is expected
    assert made.lose == []
    if expected:
        assert made.tasks == []


def test_what_settled_is_not_settled_again() -> None:
    assert make([line("B", 10, 10)], [settled("B", 10)], spill_days=0) == Plan([], [], [])


@pytest.mark.parametrize(
    ("day", "lost"),
    [
        (pending("B", 1), True),
        (incomplete("B", 1), True),
        (incomplete("B", 1, fruitless_runs=9, last_asked_at=GONE - HOURS), True),
        (whole("B", 1, looked=35.9), True),
        (whole("B", 1, looked=36), False),
        (whole("B", 1, looked=36, unresolved=3), False),
        (settled("B", 1), False),
    ],
)
def test_what_is_lost_when_it_is_gone(day: BatchDay, lost: bool) -> None:
    """An open day whose last look was before its rows were final may have lost some."""
    made = make([line("B", 1)], [day], GONE, spill_days=0)
    assert made.lose == ([day] if lost else [])
    assert made.tasks == []
    early = make([line("B", 1)], [day], GONE - dt.timedelta(microseconds=1), spill_days=0)
    assert early.lose == []
    assert [task.day for task in early.tasks if day.fruitless_runs == 0] == (
        [day] if lost and not day.fruitless_runs else []
    )


def test_a_day_of_grace_is_used() -> None:
    """The vendor does not say whether its 14 days include today."""
    moment = window().deadline(date(1)) + HOURS
    assert moment in (at(date(15), 1),)
    made = make([], [pending("B", 1), whole("C", 1, looked=24)], moment)
    assert asked(made) == [("B", 1, Why.RESCUE), ("C", 1, Why.SETTLE)]


def test_all_submitted_there_is_lost_by_nobody() -> None:
    day = whole("B", 1, looked=1)
    made = make([line("B", 1, 10)], [day], GONE, spill_days=0)
    assert (made.settle, made.lose) == ([day], [])


def test_what_is_gone_for_long_is_lost_as_well() -> None:
    days = [pending("B", -40), incomplete("C", -400)]
    assert make([], days).lose == days
