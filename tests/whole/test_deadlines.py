"""What is asked for first, what is at risk, what is lost, and rows that come late."""

from __future__ import annotations

import pytest

from etl.emulator import Fault, Faults, VendorRow
from tests.whole.world import DAY, DAYS, HOUR, World, at, rows


def test_a_bounded_run_spends_its_requests_where_loss_is_nearest(world: World) -> None:
    for back in range(14):
        world.book.add(f"B{back:02}", DAY - back * DAYS, rows(150, start=1000 * back))
    world.job.list(f"B{back:02},{DAY - back * DAYS}," for back in range(14))
    result = world.sync(at(DAY, 13), max_requests="4", spill_days="0")
    assert (result.exit_code, result.requests) == (75, 4)
    assert [asked[0] for asked in world.asked()] == ["B13", "B13", "B12", "B12"]
    # The day before the last leaves the window within 48 hours, and is not complete.
    assert [day.batch_no for day in result.at_risk] == []
    world.vendor.behaviour.faults = Faults(
        {Fault("status", batch_no="B11"): 1.0, Fault("html", batch_no="B10"): 1.0}
    )
    result = world.sync(at(DAY + 1 * DAYS, 13), max_attempts="1", spill_days="0")
    assert result.exit_code == 75
    assert [day.batch_no for day in result.at_risk] == ["B11"]
    world.asked()
    # What is nearest to its deadline comes first, before what was never asked.
    world.job.list([f"B{back:02},{DAY - back * DAYS}," for back in range(14)] + [f"NEW,{DAY},"])
    world.vendor.behaviour.faults = Faults()
    world.sync(at(DAY + 1 * DAYS, 14), spill_days="0")
    assert [batch for batch, _, _ in world.asked()][:5] == ["B11", "B11", "B10", "B10", "NEW"]


def test_what_leaves_the_window_is_lost_reported_once_and_kept(world: World) -> None:
    world.book.add("A", DAY, rows(150))
    world.job.list([f"A,{DAY},"])
    world.vendor.behaviour.faults = Faults({Fault("status", batch_no="A", page=2): 1.0})
    assert world.sync(at(DAY + DAYS, 13), max_attempts="1").exit_code == 75
    # A day longer than the window: the vendor might still answer.
    last_chance = at(DAY + 14 * DAYS, 12)
    world.vendor.behaviour.faults = Faults()
    assert world.sync(last_chance).exit_code == 65
    assert world.job.states()["A", str(DAY)] == "lost"
    again = world.sync(last_chance + HOUR)
    assert (again.exit_code, again.requests) == (0, 0)
    coverage = world.job.coverage()["A", str(DAY)]
    assert (coverage["state"], coverage["stored_rows"], coverage["missing_rows"]) == ("lost", 100, 50)


def test_never_asked_is_lost_too(world: World) -> None:
    world.book.add("A", DAY, rows(1))
    world.job.list([f"A,{DAY},", f"B,{DAY},"])
    assert world.sync(at(DAY + DAYS, 13), max_requests="1").exit_code == 75
    assert world.job.states() == {("A", str(DAY)): "settled", ("B", str(DAY)): "pending"}
    assert world.sync(at(DAY + 16 * DAYS)).exit_code == 65
    assert world.job.states()["B", str(DAY)] == "lost"
    assert world.job.coverage()["B", str(DAY)]["missing_rows"] is None


def test_a_generous_vendor_is_asked_a_day_longer(world: World) -> None:
    world.book.add("A", DAY, rows(150))
    world.job.list([f"A,{DAY},"])
    world.vendor.behaviour.window_days = 15
    world.sync(at(DAY + DAYS, 13), max_requests="1")
    assert world.sync(at(DAY + 14 * DAYS, 12)).exit_code == 0
    assert world.job.states()["A", str(DAY)] == "settled"


def test_an_open_day_that_was_not_looked_at_again_is_no_complete_one(world: World) -> None:
    world.book.add("A", DAY, rows(10))
    world.job.list([f"A,{DAY},"])
    assert world.sync(at(DAY, 20)).exit_code == 0
    assert world.job.states()["A", str(DAY)] == "open"
    assert world.sync(at(DAY + 20 * DAYS)).exit_code == 65
    assert "before its rows were final" in world.job.coverage()["A", str(DAY)]["note"]


def test_the_last_look_finds_late_rows(world: World) -> None:
    world.book.add("A", DAY, rows(120) + rows(30, start=120, appears_at=at(DAY + 5 * DAYS)))
    world.book.add("B", DAY, rows(20, start=900))
    world.job.list([f"A,{DAY},", f"B,{DAY},20"])
    world.sync(at(DAY + DAYS, 13))
    assert set(world.job.states().values()) == {"settled"}
    world.asked()
    assert world.sync(at(DAY + 8 * DAYS)).requests == 1  # the batch's spill day, once
    world.asked()
    result = world.sync(at(DAY + 13 * DAYS, 2))
    assert result.rows.inserted == 30
    # All rows submitted to B are there: nothing is looked for.
    assert {batch for batch, _, _ in world.asked()} == {"A"}
    world.job.assert_equals_vendor()
    assert world.sync(at(DAY + 13 * DAYS, 3)).requests == 0


def test_without_the_last_look(world: World) -> None:
    world.book.add("A", DAY, rows(20))
    world.job.list([f"A,{DAY},"])
    for day in range(1, 14):
        world.sync(at(DAY + day * DAYS, 13), last_look="false")
    assert world.asked() == [("A", "03-10", 1), ("A", "03-11", 1)]


def test_outcomes_are_asked_for_at_doubling_intervals(world: World) -> None:
    waiting = rows(1, resolves_at=at(DAY + 4 * DAYS))
    world.book.add("A", DAY, rows(150, start=10) + waiting)
    world.job.list([f"A,{DAY},"])
    begun = at(DAY + DAYS, 13)
    runs = [begun + hour * HOUR for hour in range(60)]
    asked = []
    for moment in runs:
        world.sync(moment)
        asked += [round((moment - begun) / HOUR)] * sum(
            batch == "A" and date == "03-10" for batch, date, _ in world.asked()
        )
        assert world.job.coverage()["A", str(DAY)]["missing_rows"] == 0
    assert asked == [0, 0, 1, 3, 7, 15, 31]
    coverage = world.job.coverage()["A", str(DAY)]
    assert (coverage["state"], coverage["unresolved_rows"]) == ("settled", 1)


def test_an_outcome_that_comes_is_fetched_by_its_page_alone(world: World) -> None:
    world.book.add("A", DAY, rows(450) + rows(1, start=450, resolves_at=at(DAY + DAYS, 14)))
    world.job.list([f"A,{DAY},"])
    assert world.sync(at(DAY + DAYS, 13)).requests == 5
    assert world.job.states()["A", str(DAY)] == "open"
    world.asked()
    result = world.sync(at(DAY + DAYS, 15))
    assert world.asked() == [("A", "03-10", 5)]
    assert (result.rows.updated, world.job.states()["A", str(DAY)]) == (1, "settled")
    world.job.assert_equals_vendor()


def test_rows_of_a_batch_that_runs_past_midnight_are_found(world: World) -> None:
    world.book.add("A", DAY, rows(60))
    world.book.add("A", DAY + DAYS, rows(40, start=60))
    world.job.list([f"A,{DAY},100"])
    world.sync(at(DAY + 2 * DAYS, 13))
    world.job.assert_equals_vendor()
    assert set(world.job.states().values()) == {"settled"}


def test_a_batch_without_a_date_is_looked_for_on_every_date(world: World) -> None:
    world.book.add("A", DAY - 3 * DAYS, rows(5))
    world.job.list(["A,,"])
    assert world.sync(at(DAY, 13)).requests == 14
    world.job.assert_equals_vendor()
    assert world.sync(at(DAY + DAYS, 13)).requests <= 3
    world.job.list([])
    assert world.sync(at(DAY + 2 * DAYS, 13)).requests == 2


def test_a_hopeless_batch_day_is_asked_once_a_day_after_three_runs(world: World) -> None:
    world.vendor.behaviour.order = "shuffled"
    world.book.add("A", DAY, rows(100) + [VendorRow({"phone": "8490"}), VendorRow({"phone": "8490"})])
    world.job.list([f"A,{DAY},"])
    counts = [world.sync(at(DAY + DAYS, 13 + hour / 10)).requests for hour in range(6)]
    assert all(counts[:3])
    assert counts[3:] == [0, 0, 0]
    assert world.sync(at(DAY + 2 * DAYS, 13.1)).requests > 1


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault("status"), "answered 5 batch days in a row alike"),
        (Fault("reset"), "5 batch days in a row got no answer from 127.0.0.1:"),
    ],
)
def test_a_run_stops_when_the_vendor_no_longer_answers(world: World, fault: Fault, told: str) -> None:
    for number in range(9):
        world.book.add(f"B{number}", DAY, rows(1, start=number))
    world.job.list(f"B{number},{DAY}," for number in range(9))
    world.vendor.behaviour.faults = Faults({fault: 1.0})
    result = world.sync(at(DAY + DAYS, 13), max_attempts="1")
    assert (result.exit_code, result.requests) == (75, 5)
    assert told in str(result.reasons[-1])
