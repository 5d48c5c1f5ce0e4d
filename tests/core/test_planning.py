from __future__ import annotations

import dataclasses
import datetime as dt
import random
import tracemalloc
from collections.abc import Callable, Iterable
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core import planning
from etl.core.batchday import BatchDay, State
from etl.core.line import Line, Lists, RowsByDay
from etl.core.planning import Known, Plan, Rules, Selection, Why
from etl.core.window import GRACE, Window
from tests.steps import assert_grows_no_faster

ZONE = ZoneInfo("Asia/Shanghai")
DAYS, HOURS = dt.timedelta(days=1), dt.timedelta(hours=1)
FIRST, LAST = dt.date(2026, 3, 1), dt.date(2026, 3, 14)


def at(date: dt.date = LAST, hours: float = 12.5) -> dt.datetime:
    """So many hours after the start of `date`, where the vendor is."""
    return dt.datetime.combine(date, dt.time(), ZONE).astimezone(dt.UTC) + hours * HOURS


def window(moment: dt.datetime | None = None, days: int = 14, settle: float = 12) -> Window:
    """Where nothing else is asked for: 2026-03-01 to 14, half an hour after the 13th has settled."""
    return Window(moment or at(), days, ZONE, settle * HOURS)


def date(day: int) -> dt.date:
    """A day of March; 0 is the last of February."""
    return dt.date(2026, 3, 1) + (day - 1) * DAYS


def line(name: str, day: int | None = None, rows: int | None = None, appkey: str | None = None) -> Line:
    return Line(name, None if day is None else date(day), rows, appkey)


def pending(name: str, day: int, **values: Any) -> BatchDay:
    return BatchDay(name, date(day), id=day + 1000, **values)


def incomplete(name: str, day: int, reported: int = 500, stored: int = 100, **values: Any) -> BatchDay:
    return pending(name, day, state=State.INCOMPLETE, reported=reported, stored=stored, **values)


def whole(
    name: str, day: int, rows: int = 10, looked: float = 24, state: State = State.OPEN, **values: Any
) -> BatchDay:
    """A batch day that held all that was reported when it was looked at, so many hours after its start."""
    found = {"reported": rows, "stored": rows, "last_synced_at": at(date(day), looked)} | values
    return pending(name, day, state=state, **found)


def settled(name: str, day: int, rows: int = 10, **values: Any) -> BatchDay:
    return whole(name, day, rows, 36, State.SETTLED, **values)


def make(
    lines: Iterable[Line] = (), days: Iterable[BatchDay] = (), moment: dt.datetime | None = None, **rules: Any
) -> Plan:
    return planning.make(known_of(lines, days), window(moment), Rules(**_selected(rules)))


def _selected(rules: dict[str, Any]) -> dict[str, Any]:
    chosen = {name: rules.pop(name) for name in ("batches", "dates", "full") if name in rules}
    return rules | {"selection": Selection(**chosen)}


def known_of(lines: Iterable[Line], days: Iterable[BatchDay] = (), settled: RowsByDay | None = None) -> Known:
    """What is known where the lists say this, and the ledger that; its batch days get to know what the lists say."""
    lists, told = Lists.of(list(lines)), list(days)
    for day in told:
        day.submitted = lists.submitted_on(day.batch_no, day.date)
        day.dated = lists.dates(day.batch_no, day.date)
    return Known(lists, told, settled or {})


def asked(made: Plan) -> list[tuple[str, int, Why]]:
    """Batch, day of March and reason of each task, in order."""
    return [(task.day.batch_no, (task.day.date - FIRST).days + 1, task.why) for task in made.tasks]


def places(made: Plan) -> set[tuple[str, int]]:
    return {(name, day) for name, day, _ in asked(made)}


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
    """The list that tells it may be another one than the list that gives the date."""
    made = make([*lines, line("C", 9)])
    assert {task.day.appkey for task in made.tasks if task.day.batch_no == "B"} == {"key"}
    assert {task.day.appkey for task in made.tasks if task.day.batch_no == "C"} == {None}


def test_a_new_batch_day_is_pending_and_has_no_number() -> None:
    [task] = make([line("B", 14, 250, "key")]).tasks
    assert task.day == BatchDay("B", LAST, 0, "key", submitted=250, dated=True)


def test_dated_tells_whether_a_list_gives_this_date() -> None:
    day, other = whole("B", 14, looked=1), whole("C", 14, looked=1)
    made = make([line("B", 14), line("C"), line("D", 9)], [day, other])
    assert (day.dated, other.dated) == (True, False)
    assert {t.day.date.day: t.day.dated for t in made.tasks if t.day.batch_no == "D"} == {9: True, 10: False}


# -- settling, losing ----------------------------------------------------------------------------------------

# The 10th ends with hour 24 after its start, settles with 36, its outcomes are waited for until 72.
SETTLES = [
    # rows submitted, looked at, moment (hours after its start); other figures; settled now?
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


GONE = window().deadline(date(1)) + GRACE


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
    """The vendor does not say whether its 14 days count today."""
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
    # hours after its start: looked at, outcome due, moment; asked for?
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
    made = make([line("new", 14, 150)], days, full=True)
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


# -- requests --------------------------------------------------------------------------------------------------


def test_requests_are_those_that_are_lacking() -> None:
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
    # 25 pages on the average of those of whom a count is known: a, b, c, e, i.
    expected = {
        "a": 4,
        "b": 5,
        "c": 1,
        "d": 1,
        "e": 1,
        "f": 2,
        "g": 1,
        "h": 13,
        "i": 1,
        "j": 1,
        "k": 1,
        "l": 1,
        "m": 1,
    }
    assert {task.day.batch_no: task.requests for task in made.tasks} == expected
    assert made.requests == sum(expected.values())


@pytest.mark.parametrize(
    ("rows", "expected"),
    [([], 1), ([0], 1), ([1], 1), ([100], 1), ([101], 2), ([5000, 5000], 50), ([100, 500], 3)],
)
def test_a_batch_day_never_asked_is_taken_to_be_like_the_others(rows: list[int], expected: int) -> None:
    known = known_of([line("new", 14)], [], {date(5): {str(n): count for n, count in enumerate(rows)}})
    assert planning.make(known, window(), Rules()).requests == expected


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


# -- whatever is known -----------------------------------------------------------------------------------------

NAMES = st.sampled_from(["A", "B", "a"])
NUMBERS = st.integers(-3, 17)
MOMENTS = st.floats(-20, 30).map(lambda hours: at(LAST, hours))
LINES = st.builds(line, NAMES, st.none() | NUMBERS, st.none() | st.integers(0, 150), st.none() | st.just("key"))


@st.composite
def ledger_days(draw: st.DrawFn, number: int) -> BatchDay:
    state = draw(st.sampled_from([State.PENDING, State.INCOMPLETE, State.OPEN, State.SETTLED]))
    day = pending(draw(NAMES), number, state=state, spill=draw(st.booleans()))
    if state is not State.PENDING:
        day.reported = draw(st.integers(0, 150))
        day.stored = day.reported if state is not State.INCOMPLETE else draw(st.integers(0, 150))
        day.last_synced_at = day.last_asked_at = draw(MOMENTS)
        day.unresolved = draw(st.integers(0, 2))
        day.next_outcome_at = draw(MOMENTS) if day.unresolved else None
        day.fruitless_runs = draw(st.integers(0, 4))
    return day


@st.composite
def knowns(draw: st.DrawFn) -> Known:
    days = {}
    for number in draw(st.lists(NUMBERS, max_size=8)):
        day = draw(ledger_days(number))
        days[day.batch_no, day.date] = day
    counts: dict[dt.date, dict[str, int]] = {}
    for name, number in draw(st.lists(st.tuples(NAMES, NUMBERS), max_size=4)):
        if (name, date(number)) not in days:
            counts.setdefault(date(number), {})[name] = draw(st.integers(0, 150))
    return known_of(draw(st.lists(LINES, max_size=6)), list(days.values()), counts)


RULES = st.builds(
    Rules,
    spill_days=st.integers(0, 3),
    last_look=st.booleans(),
    selection=st.builds(Selection, full=st.booleans()),
)


def key(day: BatchDay) -> tuple[str, dt.date]:
    return day.batch_no, day.date


def keys(made: Plan) -> tuple[list[Any], set[Any], set[Any]]:
    tasks = [(*key(task.day), task.why, task.requests) for task in made.tasks]
    return tasks, set(map(key, made.settle)), set(map(key, made.lose))


def called_for(known: Known, at: Window, spill_days: int) -> dict[tuple[str, dt.date], bool]:
    """By the words of DESIGN, point 1: the batch days that lists call for and whether they are spill days."""
    found: dict[tuple[str, dt.date], bool] = {}
    reported = {key(day): day.reported for day in known.days}
    reported |= {(name, when): rows for when, names in known.settled.items() for name, rows in names.items()}
    for each in known.lists.lines:
        for when in at.dates:
            if each.date in (None, when):
                found[each.batch_no, when] = False
    for name, own in {(each.batch_no, each.date) for each in known.lists.lines if each.date is not None}:
        told = [
            each.rows
            for each in known.lists.lines
            if (each.batch_no, each.date) == (name, own) and each.rows is not None
        ]
        there = reported.get((name, own))
        for when in (own + n * DAYS for n in range(1, spill_days + 1)):
            if when not in at or at.moment < at.end(when) + at.settle:
                continue
            if not told or (there or 0) < sum(told):
                found.setdefault((name, when), True)
    return {which: spill for which, spill in found.items() if which not in reported}


@given(knowns(), MOMENTS, RULES)
def test_what_holds_for_every_plan(known: Known, moment: dt.datetime, rules: Rules) -> None:
    now = window(moment)
    made = planning.make(known, now, rules)
    tasks, settle, lose = keys(made)
    asked_for = {task[:2] for task in tasks}
    assert len(asked_for) == len(tasks), "asked for twice"
    assert not asked_for & settle
    assert not asked_for & lose
    assert not settle & lose
    ranks = [
        planning.RANK[task.why]
        for task in made.tasks
        if not (rules.selection.full and task.day.state is State.INCOMPLETE)
    ]
    assert ranks == sorted(ranks)
    new = {key(task.day): task.day.spill for task in made.tasks if not task.day.id}
    assert new == called_for(known, now, rules.spill_days)
    assert all(task.requests >= 1 for task in made.tasks)
    assert not any(now.is_gone(task.day.date) for task in made.tasks)
    for day in known.days:
        if day.state is State.SETTLED:
            assert key(day) not in settle | lose
        elif key(day) not in asked_for | settle | lose:
            assert not now.is_gone(day.date)
            tired = day.state is State.INCOMPLETE and day.fruitless_runs >= planning.FRUITLESS_RUNS
            assert tired or (day.state is State.OPEN and not planning.wants_look(day, now))
        if key(day) in settle:
            assert day.proven
            assert now.is_over(day.date)
        if key(day) in lose:
            assert now.is_gone(day.date)


@given(knowns(), MOMENTS, RULES, st.randoms(use_true_random=False))
def test_the_order_in_which_things_are_known_does_not_matter(
    known: Known, moment: dt.datetime, rules: Rules, dice: random.Random
) -> None:
    now, first = window(moment), keys(planning.make(known, window(moment), rules))
    lines, days = list(known.lists.lines), list(known.days)
    dice.shuffle(lines)
    dice.shuffle(days)
    assert keys(planning.make(known_of(lines, days, known.settled), now, rules)) == first


@given(knowns(), MOMENTS, RULES, st.sets(NAMES, max_size=2), st.sets(NUMBERS.map(date), max_size=6))
def test_a_narrowed_plan_is_a_part_of_the_whole(
    known: Known, moment: dt.datetime, rules: Rules, names: set[str], dates: set[dt.date]
) -> None:
    narrow = dataclasses.replace(
        rules, selection=Selection(frozenset(names), frozenset(dates), rules.selection.full)
    )
    whole_plan, part = (keys(planning.make(known, window(moment), each)) for each in (rules, narrow))

    def inside(entry: Any) -> bool:
        return (not names or entry[0] in names) and (not dates or entry[1] in dates)

    assert part == (
        [task for task in whole_plan[0] if inside(task)],
        set(filter(inside, whole_plan[1])),
        set(filter(inside, whole_plan[2])),
    )


@given(knowns(), MOMENTS, RULES)
def test_in_full_nothing_is_left_out_that_is_asked_for_otherwise(
    known: Known, moment: dt.datetime, rules: Rules
) -> None:
    some, everything = (
        planning.make(known, window(moment), dataclasses.replace(rules, selection=Selection(full=full)))
        for full in (False, True)
    )
    assert {key(task.day) for task in some.tasks} <= {key(task.day) for task in everything.tasks}
    assert {key(day) for day in some.lose} == {key(day) for day in everything.lose}


# -- cost ------------------------------------------------------------------------------------------------------


def large_account(batches: int) -> list[Line]:
    """14 days of so many batches."""
    return [line(f"{day:02}{n:06}", day) for day in range(1, 15) for n in range(batches)]


def test_an_account_twice_as_large_is_twice_as_much_work() -> None:
    def making_plans(batches: int) -> Callable[[], object]:
        known = known_of(large_account(batches), [])
        return lambda: planning.will_miss(planning.make(known, window(), Rules()), window(), 10.0)

    assert_grows_no_faster(making_plans, 100)


def test_a_large_account_fits_into_memory() -> None:
    """Half a KiB for each batch day, what may have spilled among them."""
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
