"""How many requests a plan takes, and what a plan itself costs."""

from __future__ import annotations

import dataclasses
import datetime as dt
import tracemalloc
from collections.abc import Callable

import pytest

from etl.core import planning
from etl.core.batchday import State
from etl.core.line import Line
from etl.core.planning import Rules
from tests.core.plans import (
    HOURS,
    date,
    incomplete,
    known_of,
    line,
    make,
    pending,
    settled,
    whole,
    window,
)
from tests.steps import assert_grows_no_faster

# -- requests --------------------------------------------------------------------------------------------------


def test_requests_are_those_that_are_missing() -> None:
    days = [
        incomplete("a", 10, 500, 100, pages_read="1"),
        incomplete("b", 10, 500, 100),
        incomplete("c", 10, 450, 449, pages_read="1-4"),
        incomplete("d", 10, 0, 7),
        incomplete("e", 10, 100, 150, pages_read="1"),
        pending("f", 10),
        pending("g", 10, spill=True),
        pending("h", 10),
        whole("i", 10, 5000, looked=1),
        pending("j", 10, state=State.INCOMPLETE),
    ]
    made = make([line("f", 10, 101), line("k", 10, 0), line("l", 10, 1), line("m", 10, 100)], days, spill_days=0)
    # h: no list dates its batch, and no such batch was seen; j is one of those.
    expected = {
        "a": 4,
        "b": 5,
        "c": 1,
        "d": 1,
        "e": 1,
        "f": 2,
        "g": 1,
        "h": 7,
        "i": 1,
        "j": 7,
        "k": 1,
        "l": 1,
        "m": 1,
    }
    assert {task.day.batch_no: task.requests for task in made.tasks} == expected
    assert made.requests == sum(expected.values())


@pytest.mark.parametrize(
    ("rows", "expected"),
    [([], 7), ([0], 7), ([1], 1), ([100], 1), ([101], 2), ([5000, 5000], 50), ([100, 500], 3)],
)
def test_a_batch_day_never_asked_is_taken_to_be_like_the_others(rows: list[int], expected: int) -> None:
    known = known_of([line("new", 14)], [], {date(5): {str(n): count for n, count in enumerate(rows)}})
    assert planning.make(known, window(), Rules()).requests == expected


GUESSES = [
    # rows that dated batch days had, rows that the batch without a date had; the guess for each
    ([], [], (1, 7, 50), (1, 7, 50)),
    ([250], [], (3, 3, 3), (1, 7, 50)),
    ([100, 4_900, 0], [0, 0, 0], (1, 25, 49), (1, 1, 1)),
    ([1_000] * 9 + [30_000], [0, 900, 150], (10, 39, 300), (1, 4, 9)),
]


@pytest.mark.parametrize(("dated", "undated", "one", "other"), GUESSES)
def test_a_guess_is_what_such_batch_days_held_or_a_range(
    dated: list[int], undated: list[int], one: tuple[int, int, int], other: tuple[int, int, int]
) -> None:
    counts = {date(2 + n): {f"D{n}": rows} for n, rows in enumerate(dated)}
    for n, rows in enumerate(undated):
        counts.setdefault(date(2 + n), {})["U"] = rows
    lines = [line("U"), line("NEW", 14), line("known", 14, 250)]
    made = planning.make(known_of(lines, [], counts), window(), Rules(spill_days=0))
    guessed = {
        (task.day.batch_no, task.guess.least, task.requests, task.guess.most) for task in made.tasks if task.guess
    }
    assert guessed == {("NEW", *one), ("U", *other)}
    days = 14 - len(undated)
    assert made.requests_at_least == 3 + one[0] + days * other[0]
    assert made.requests == 3 + one[1] + days * other[1]
    assert made.requests_at_most == 3 + one[2] + days * other[2]


@pytest.mark.parametrize(
    ("size", "never", "seen", "submitted"), [(50, 10, 5, 3), (20, 16, 12, 7), (1_000, 2, 1, 1)]
)
def test_guesses_count_in_pages_as_they_are(size: int, never: int, seen: int, submitted: int) -> None:
    lines = [line("NEW", 14), line("known", 14, 130)]
    for counts, guess in (({}, never), ({date(5): {"B": 240}}, seen)):
        known = dataclasses.replace(known_of(lines, [], counts), page_size=size)
        assert planning.make(known, window(), Rules(spill_days=0)).requests == guess + submitted


def test_what_misses_its_deadline_at_this_pace() -> None:
    moment = window().deadline(date(1)) - 100 * dt.timedelta(seconds=3)
    days = [
        incomplete("a", 1, 5000, 0),
        incomplete("b", 1, 5000, 0),
        incomplete("c", 1, 100, 0),
        pending("d", 2),
        whole("e", 1, looked=1),
        settled("f", 1),
        whole("g", 14, looked=1),
    ]
    known = known_of([line("d", 2, 100)], days)
    made = planning.make(known, window(moment), Rules(spill_days=0))
    assert [t.day.batch_no for t in made.tasks] == ["a", "b", "c", "d", "e", "f", "g"]

    def missed(interval: float) -> list[str]:
        return [day.batch_no for day in planning.will_miss(made, window(moment), interval)]

    assert missed(3.0) == ["c", "e"]
    assert missed(3.1) == ["b", "c", "e"]
    assert missed(6.1) == ["a", "b", "c", "e"]
    assert missed(0.0) == []
    assert missed(2.9) == []
    assert missed(900) == ["a", "b", "c", "d", "e"]


def test_what_is_past_its_deadline_misses_it_at_any_pace() -> None:
    moment = window().deadline(date(1)) + HOURS
    made = make([], [pending("B", 1)], moment)
    assert planning.will_miss(made, window(moment), 0.0) == [made.tasks[0].day]


# -- cost ------------------------------------------------------------------------------------------------------


def large_account(batches: int) -> list[Line]:
    """14 days, each with this many batches."""
    return [line(f"{day:02}{n:06}", day) for day in range(1, 15) for n in range(batches)]


def test_an_account_twice_as_large_is_twice_as_much_work() -> None:
    def making_plans(batches: int) -> Callable[[], object]:
        known = known_of(large_account(batches), [])
        return lambda: planning.will_miss(planning.make(known, window(), Rules()), window(), 10.0)

    assert_grows_no_faster(making_plans, 100)


def test_a_large_account_fits_into_memory() -> None:
    """Half a KiB for each batch day, including possible spill days."""
    lines = large_account(1000)
    made = planning.make(known_of(lines, []), window(), Rules())
    assert planning.will_miss(made, window(), 50.0)
    assert len(made.tasks) == 14_000 + 12 * 1000
    ledger = known_of(lines, [dataclasses.replace(task.day, id=1) for task in made.tasks])
    tracemalloc.start()
    try:
        again = planning.make(ledger, window(), Rules())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(again.tasks) == len(made.tasks)
    assert peak < 12 * 2**20
