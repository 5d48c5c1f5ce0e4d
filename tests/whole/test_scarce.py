"""Requests that are scarce: where they are spent first, and where not at all; reading in full, bit by bit."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import pytest

from etl.core.batchday import pages_of
from etl.core.planning import Rules, Selection
from etl.emulator import Fault, Faults
from etl.run.result import Result
from tests.whole.world import DAY, DAYS, HOUR, World, at, rows

# -- overload --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("back", [12, 13])
@pytest.mark.parametrize(("undated", "bound"), [(40, 40), (9, 6)])
def test_nothing_is_spent_where_nothing_can_be_won(world: World, back: int, undated: int, bound: int) -> None:
    """Batches without a date, and one whose rows are known to be there, in the last run before it is gone."""
    date = DAY - back * DAYS
    world.book.add("Z", date, rows(500))
    world.job.list([f"A{n:02},," for n in range(undated)] + [f"Z,{date},500"])
    world.sync(at(DAY, 13), max_requests=str(bound), spill_days="0")
    assert world.job.states()["Z", str(date)] == "settled"
    spent = Counter(batch for batch, _, _ in world.asked())
    assert spent["Z"] == 5
    assert spent.total() == bound


def test_a_batch_that_has_rows_on_other_dates_comes_before_one_that_never_had_any(world: World) -> None:
    for back in range(1, 9):
        world.book.add("R", DAY - back * DAYS, rows(3, start=10 * back))
    world.job.list([f"{batch},," for batch in ("A", "B", "R", "Z")])
    world.sync(at(DAY, 13))
    assert world.asked()
    today = DAY + DAYS
    world.book.add("N", today, rows(3, start=900))
    world.job.list([f"{batch},," for batch in ("A", "B", "R", "Z")] + [f"N,{today},", f"M,{today},3"])
    world.sync(at(today, 1), spill_days="0")
    fresh = [batch for batch, date, _ in world.asked() if date == f"{today:%m-%d}"]
    assert fresh == ["M", "N", "R", "A", "B", "Z"]


@pytest.mark.parametrize("in_flight", ["1", "4"])
@pytest.mark.parametrize("known", [0, 3])
def test_a_date_that_is_refused_is_confirmed_once(world: World, in_flight: str, known: int) -> None:
    """Whether or not something was answered before it in that run."""
    for n in range(30):
        world.book.add(f"A{n:02}", DAY, rows(5, start=10 * n))
    world.job.list([f"A{n:02},{DAY}," for n in range(30)])
    world.vendor.behaviour.window_days = 10
    for n in range(known):
        world.book.add(f"K{n}", DAY + (4 + n) * DAYS, rows(120, start=5000 + 200 * n))
        world.job.list(
            [f"K{m},{DAY + (4 + m) * DAYS},120" for m in range(n + 1)] + [f"A{n:02},{DAY}," for n in range(30)]
        )
    result = world.sync(at(DAY + 11 * DAYS, 13), max_in_flight=in_flight, spill_days="0")
    assert result.exit_code == 75
    asked = Counter(date for _, date, _ in world.asked())
    assert asked[f"{DAY:%m-%d}"] == 2
    states = Counter(state for (batch, _), state in world.job.states().items() if batch.startswith("A"))
    assert states == {"incomplete": 2, "pending": 28}
    assert sum(state == "settled" for state in world.job.states().values()) == known
    # They are lost in the end, and none is asked for in vain until then.
    assert world.sync(at(DAY + 14 * DAYS, 13), spill_days="0").exit_code == 65
    states = Counter(state for (batch, _), state in world.job.states().items() if batch.startswith("A"))
    assert states == {"lost": 30}
    assert Counter(date for _, date, _ in world.asked())[f"{DAY:%m-%d}"] == 2


def test_a_batch_that_is_refused_among_others_stops_no_date(world: World) -> None:
    for n in range(9):
        world.book.add(f"A{n}", DAY, rows(5, start=10 * n))
    world.job.list([f"A{n},{DAY}," for n in range(9)])
    refused = {Fault("code", code=88, msg="wrong date", batch_no=f"A{n}"): 1.0 for n in (0, 2, 4, 6)}
    world.vendor.behaviour.faults = Faults(refused)
    assert world.sync(at(DAY + DAYS, 13), spill_days="0").exit_code == 75
    states = Counter(world.job.states().values())
    assert states == {"settled": 5, "incomplete": 4}


@pytest.mark.parametrize("refused", [{0, 1}, {0, 1, 2, 3}, {2, 3, 4}])
def test_batches_that_are_refused_each_time_keep_no_others_from_being_asked(
    world: World, refused: set[int]
) -> None:
    for n in range(9):
        world.book.add(f"A{n}", DAY, rows(5, start=10 * n))
    world.job.list([f"A{n},{DAY},5" for n in range(9)])
    world.vendor.behaviour.faults = Faults(
        {Fault("code", code=88, msg="wrong date", batch_no=f"A{n}"): 1.0 for n in refused}
    )
    for hours in range(13, 16):
        assert world.sync(at(DAY + DAYS, hours), spill_days="0").exit_code == 75
    settled = {batch for (batch, _), state in world.job.states().items() if state == "settled"}
    assert settled == {f"A{n}" for n in range(9) if n not in refused}


# -- reading in full, bit by bit -------------------------------------------------------------------------------


class Once(Faults):
    """One fault, for the request with this number (from 1)."""

    def __init__(self, number: int, fault: Fault) -> None:
        super().__init__()
        self._left, self._fault = number, fault

    def draw(self, batch_no: object = None, page: object = None) -> Fault | None:
        self._left -= 1
        return super().draw(batch_no, page) if self._left else self._fault


class Full:
    """A vendor with some batch days, all read, and `--full` under a bound."""

    def __init__(self, world: World, sizes: list[int]) -> None:
        self.world = world
        self.moment = at(DAY + DAYS, 13)
        for n, size in enumerate(sizes):
            world.book.add(f"B{n}", DAY - n * DAYS, rows(size, start=10_000 * n))
        world.job.list(f"B{n},{DAY - n * DAYS},{size}" for n, size in enumerate(sizes))
        assert world.sync(self.moment, spill_days="0").exit_code == 0
        world.asked()

    def run(self, bound: int | None, later: dt.timedelta = HOUR, **selection: Any) -> tuple[Result, list[Any]]:
        """One run with --full, and what it asked for."""
        self.moment += later
        self.world.vendor.now = lambda: self.moment
        given = {} if bound is None else {"max_requests": str(bound)}
        result = self.world.job.sync(self.moment, Rules(0, selection=Selection(full=True, **selection)), **given)
        return result, self.world.asked()


SIZES = [
    # sizes of the batch days, requests of a run
    ([120, 90, 250, 40, 310, 70, 60, 20, 100], 4),
    ([50] * 12, 5),
    ([2_300], 6),
    ([2_300, 10], 1),
    ([0, 0, 130], 2),
]


@pytest.mark.parametrize(("sizes", "bound"), SIZES)
@pytest.mark.parametrize("later", [HOUR, 0 * HOUR])
def test_reading_in_full_goes_on_where_the_last_run_ended(
    world: World, sizes: list[int], bound: int, later: dt.timedelta
) -> None:
    full, pages = (
        Full(world, sizes),
        [(f"B{n}", p + 1) for n, size in enumerate(sizes) for p in range(pages_of(size))],
    )
    for _ in range(2):
        asked: list[Any] = []
        began = None
        for _ in range(3 * len(pages)):
            result, some = full.run(bound, later)
            asked += some
            assert result.full is not None
            began = began or result.full.began
            assert result.full.began == began
            read = {(batch, page) for batch, _, page in asked}
            assert result.full.left == len({batch for batch, page in pages if (batch, page) not in read})
            if not result.full.left:
                break
            assert result.exit_code == 75
        assert result.exit_code == 0
        assert Counter((batch, page) for batch, _, page in asked) == Counter(pages), "each page once"
        # Then a new one begins.


def test_a_reading_in_full_finds_what_changed(world: World) -> None:
    full = Full(world, [450, 80])
    day = world.book.first.days[DAY]["B0"]
    for index in range(len(day)):
        day.row(index).fields["validity"] = "NO"
    changed = 0
    for _ in range(9):
        result, _ = full.run(2)
        changed += result.rows.updated
    assert changed == 450
    world.job.assert_equals_vendor()


def test_rows_that_come_in_the_middle_of_it(world: World) -> None:
    full = Full(world, [450, 80])
    full.run(2)
    world.book.add("B0", DAY, rows(60, start=7_000))
    for _ in range(12):
        result, _ = full.run(2)
        if result.full and not result.full.left:
            break
    assert result.exit_code == 0
    world.job.assert_equals_vendor()
    world.job.assert_claims_hold()


@pytest.mark.parametrize(("cap", "bound"), [(50, 3), (40, 1), (7, 11)])
def test_reading_in_full_counts_in_pages_as_they_are(world: World, cap: int, bound: int) -> None:
    world.vendor.behaviour.page_size_cap = cap
    sizes = [120, 90, 250]
    full, left, asked = Full(world, sizes), 1, list[Any]()
    while left:
        result, some = full.run(bound)
        asked, left = asked + some, result.full.left if result.full else 0
    pages = [(f"B{n}", p + 1) for n, size in enumerate(sizes) for p in range(pages_of(size, cap))]
    assert Counter((batch, page) for batch, _, page in asked) == Counter(pages), "each page once"


@pytest.mark.parametrize(("before", "after"), [(None, 50), (50, None), (60, 40), (None, 30)])
def test_pages_become_smaller_or_larger_in_the_middle_of_it(
    world: World, before: int | None, after: int | None
) -> None:
    world.vendor.behaviour.page_size_cap = before
    full = Full(world, [450, 180])
    full.run(4)
    world.vendor.behaviour.page_size_cap = after
    for day in world.book.first.days.values():
        for held in day.values():
            for index in range(len(held)):
                held.row(index).fields["validity"] = "NO"
    for _ in range(30):
        result, _ = full.run(5)
        if result.full and not result.full.left:
            break
    else:
        pytest.fail("never finished")
    assert result.exit_code == 0
    world.job.assert_claims_hold()
    # What was read before it changed is read again by the next one.
    full.run(None)
    world.job.assert_equals_vendor()


@pytest.mark.parametrize("total", [2**31 - 1, 54_321, 4_321, 451, 12])
@pytest.mark.parametrize("number", [1, 3])
def test_a_false_total_in_the_middle_of_it(world: World, total: int, number: int) -> None:
    full = Full(world, [450])
    full.run(2)
    world.vendor.behaviour.faults = Once(number, Fault("data", data={"totalSize": total}))
    for _ in range(30):
        result, _ = full.run(8)  # what nobody can be sure of takes a whole pass
        if result.full and not result.full.left:
            break
    else:
        pytest.fail("never finished")
    world.job.assert_equals_vendor()
    assert full.run(None)[0].exit_code == 0
    world.job.assert_claims_hold()


def test_narrowed_readings_in_full_go_on_by_themselves(world: World) -> None:
    full = Full(world, [120, 250, 90, 310])
    assert {batch for batch, _, _ in full.run(2)[1]} == {"B3"}  # the oldest date comes first
    only = frozenset({"B1"})
    narrowed = [full.run(2, batches=only)[1] for _ in range(2)]
    assert [[(batch, page) for batch, _, page in some] for some in narrowed] == [
        [("B1", 1), ("B1", 2)],
        [("B1", 3)],
    ]
    rest, left = list[Any](), 1
    while left:
        result, asked = full.run(2)
        rest, left = rest + asked, result.full.left if result.full else 0
    # What was read in full meanwhile is not read again.
    assert Counter(batch for batch, _, _ in rest)["B1"] == 0
    assert Counter(batch for batch, _, _ in rest)["B3"] == 2
    dated = frozenset({DAY})
    assert [page for _, _, page in full.run(None, dates=dated)[1]] == [1, 2]
    assert [page for _, _, page in full.run(None, dates=dated)[1]] == [1, 2], "a finished one begins again"


def test_days_that_settle_or_appear_meanwhile(world: World) -> None:
    full = Full(world, [250, 250])
    today = DAY + DAYS
    world.book.add("T", today, rows(30, start=90_000))
    world.job.list([f"B0,{DAY},250", f"B1,{DAY - DAYS},250", f"T,{today},"])
    result, asked = full.run(2)
    assert {batch for batch, _, _ in asked} == {"T", "B1"}
    world.sync(full.moment + 12 * HOUR, spill_days="0")
    world.asked()
    full.moment += 12 * HOUR
    left = []
    for _ in range(4):
        result, _ = full.run(2)
        assert result.full
        left.append(result.full.left)
        if not left[-1]:
            break
    assert left[-1] == 0
    assert sorted(left, reverse=True) == left
