"""Batch days that came and went while no run planned them, and what is settled however late somebody looks."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl.core.line import Line
from etl.core.planning import Rules, Selection
from etl.emulator import Fault, Faults
from etl.store import accounts, listings
from tests.whole.world import DAY, DAYS, HOUR, World, at, rows

LOST = "lost"


def name(date: dt.date) -> str:
    return f"B{date:%m%d}"


def daily(world: World, first: int, last: int, count: int = 20) -> None:
    """List a batch for each date, so many days after DAY; the vendor holds all of them."""
    lines = []
    for back in range(first, last + 1):
        date = DAY + back * DAYS
        world.book.add(name(date), date, rows(count, start=1000 * (back + 500)))
        lines.append(f"{name(date)},{date},{count}")
    world.job.list(lines)


def orders(file: Path, days: range) -> None:
    """A database that lists a batch of 8 numbers for each date, so many days after DAY."""
    engine = sa.create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE orders (batch_no TEXT, date TEXT, rows INTEGER)")
        for n in days:
            connection.exec_driver_sql("INSERT INTO orders VALUES (?, ?, ?)", (f"Q{n}", str(DAY + n * DAYS), 8))
    engine.dispose()


def lost(world: World) -> dict[int, int | None]:
    """The lost batch days by how many days after DAY they are, and their missing rows."""
    found = world.job.coverage().items()
    return {
        (dt.date.fromisoformat(date) - DAY).days: day["missing_rows"]
        for (_, date), day in found
        if day["state"] == LOST
    }


GAPS = [
    # days between two runs, window → the first and the last day lost, counted from the first run; None: nothing
    (1, 14, None),
    (14, 14, None),
    (15, 14, (1, 1)),
    (19, 14, (1, 5)),
    (31, 14, (1, 17)),
    (9, 5, (1, 4)),
    (5, 5, None),
    (21, 20, (1, 1)),
]


@pytest.mark.parametrize(("gap", "days", "expected"), GAPS)
def test_days_whose_whole_life_no_run_saw_are_lost_once(
    world: World, gap: int, days: int, expected: tuple[int, int] | None
) -> None:
    daily(world, -40, gap)
    world.vendor.behaviour.window_days = days
    settings = {"window_days": str(days)}
    assert world.sync(at(DAY, 20), **settings).exit_code == 0
    later = at(DAY + gap * DAYS, 13)
    result = world.sync(later, **settings)
    wanted = range(expected[0], expected[1] + 1) if expected else range(0)
    assert lost(world) == dict.fromkeys(wanted, 20)
    assert result.exit_code == (65 if expected else 0)
    assert sorted(day.date for day in result.lost) == [DAY + n * DAYS for n in wanted]
    assert {day.submitted for day in result.lost} <= {20}
    world.asked()
    again = world.sync(later + HOUR, **settings)
    assert (again.exit_code, again.requests, lost(world)) == (0, 0, dict.fromkeys(wanted, 20))


def test_without_the_number_of_rows_nobody_knows_how_many_are_missing(world: World) -> None:
    world.job.list([f"A,{DAY}", f"B,{DAY + DAYS},", f"C,{DAY + 2 * DAYS},7"])
    world.sync(at(DAY, 13))
    assert world.sync(at(DAY + 30 * DAYS, 13)).exit_code == 65
    # A was open and had no row at the last look, before it was over.
    assert lost(world) == {0: 0, 1: None, 2: 7}


def test_lines_older_than_the_first_run_are_no_loss(world: World, caplog: pytest.LogCaptureFixture) -> None:
    daily(world, -400, 0)
    caplog.set_level("INFO")
    for moment in (at(DAY, 20), at(DAY + DAYS, 20), at(DAY + 5 * DAYS, 20)):
        assert world.sync(moment).exit_code == 0
        assert lost(world) == {}
        told = [record.getMessage() for record in caplog.records if "outside the window" in record.getMessage()]
        assert len(told) == 1
        assert told[0].startswith("387 lines")
        caplog.clear()


def test_a_list_that_appears_late(world: World) -> None:
    """Of its dates, those are lost that were in the window of any run, whichever list is set by then."""
    world.job.list([f"A,{DAY},3"])
    world.book.add("A", DAY, rows(3))
    world.sync(at(DAY, 20))
    world.sync(at(DAY + 10 * DAYS, 20))
    daily(world, -30, 10)
    assert world.sync(at(DAY + 18 * DAYS, 13)).exit_code == 65
    assert lost(world) == dict.fromkeys(range(-13, 5), 20)


def test_a_narrowed_run_declares_only_what_it_covers(world: World) -> None:
    daily(world, 0, 30)
    world.sync(at(DAY, 20))
    later = at(DAY + 30 * DAYS, 13)

    def narrowed(*, batches: set[str] = frozenset(), dates: set[dt.date] = frozenset()) -> int:  # type: ignore[assignment]
        rules = Rules(selection=Selection(frozenset(batches), frozenset(dates)))
        world.vendor.now = lambda: later
        return world.job.sync(later, rules).exit_code

    assert narrowed(dates={DAY + 30 * DAYS}) == 0
    assert lost(world) == {}
    assert narrowed(batches={name(DAY + 3 * DAYS)}) == 65
    assert lost(world) == {3: 20}
    assert narrowed(dates={DAY + 4 * DAYS, DAY + 5 * DAYS}) == 65
    assert set(lost(world)) == {3, 4, 5}
    whole = world.sync(later + HOUR)
    assert whole.exit_code == 65
    assert len(whole.lost) == 16 - 3
    assert set(lost(world)) == set(range(1, 17))
    assert world.sync(later + 2 * HOUR).exit_code == 0


@pytest.mark.parametrize("first", ["narrowed", "unanswered", "bounded"])
def test_the_first_run_counts_however_it_went(world: World, first: str) -> None:
    daily(world, -20, 20)
    if first == "narrowed":
        world.vendor.now = lambda: at(DAY, 13)
        world.job.sync(at(DAY, 13), Rules(selection=Selection(frozenset({name(DAY)}))))
    elif first == "bounded":
        world.sync(at(DAY, 13), max_requests="1")
    else:
        world.vendor.behaviour.faults = Faults({Fault("status"): 1.0})
        assert world.sync(at(DAY, 13), max_attempts="1").exit_code == 75
        world.vendor.behaviour.faults = Faults()
    assert world.sync(at(DAY + 20 * DAYS, 13)).exit_code == 65
    held = {"narrowed": {0}, "bounded": {-13}, "unanswered": set()}[first]
    assert set(lost(world)) == set(range(-13, 7)) - held


class Told:
    """What `numbercheck batches` tells the database, at a moment of the test's choice."""

    def __init__(self, world: World) -> None:
        self._engine = world.job.engine

    def add(self, moment: dt.datetime, *lines: Line) -> None:
        with self._engine.begin() as connection:
            account = accounts.register(connection, "default")
            listings.add(connection, account, lines, more=True, moment=moment)

    def retire(self, batch_no: str, moment: dt.datetime, date: dt.date | None = None) -> None:
        with self._engine.begin() as connection:
            account = accounts.register(connection, "default")
            if date is None:
                assert listings.retire(connection, account, batch_no, moment)
            else:
                assert listings.retire_date(connection, account, batch_no, date, moment)


def test_what_batches_add_was_told_between_two_runs(world: World) -> None:
    told = Told(world)
    world.sync(at(DAY, 13))
    told.add(at(DAY + 2 * DAYS), Line("A", DAY + 2 * DAYS, 70), Line("A", DAY + 19 * DAYS, 5))
    told.add(at(DAY + 3 * DAYS), Line("B", DAY - 2 * DAYS, 9), Line("OLD", DAY - 14 * DAYS, 9))
    told.add(at(DAY + 3 * DAYS), Line("R", DAY + 3 * DAYS, 9))
    told.retire("R", at(DAY + 4 * DAYS))
    world.book.add("A", DAY + 19 * DAYS, rows(5))
    assert world.sync(at(DAY + 20 * DAYS, 13)).exit_code == 65
    assert lost(world) == {2: 70, -2: 9}
    assert world.job.states()["A", str(DAY + 19 * DAYS)] == "settled"
    assert not any(batch in ("R", "OLD") for batch, _ in world.job.states())
    assert world.sync(at(DAY + 20 * DAYS, 14)).exit_code == 0


def test_a_date_that_was_retired_is_not_missed(world: World) -> None:
    """Whichever list names it: that of the command, without and with a date, or a file."""
    told, dates = Told(world), [DAY + n * DAYS for n in range(4)]
    told.add(at(DAY - 5 * DAYS), Line("A"))
    world.sync(at(DAY, 13))
    told.add(at(DAY + DAYS), *(Line("B", date, 9) for date in dates[1:]))
    told.retire("A", at(DAY + DAYS), dates[2])
    told.retire("B", at(DAY + DAYS), dates[1])
    world.job.list(f"{batch},{date},9" for batch in "BC" for date in dates[1:])
    told.add(at(DAY + DAYS), Line("C", dates[3], 1))
    told.retire("C", at(DAY + DAYS), dates[3])
    assert world.sync(at(DAY + 20 * DAYS, 13)).exit_code == 65
    found = {key for key, state in world.job.states().items() if state == LOST and key[1] > str(DAY)}
    assert {key for key in found if key[1] <= str(dates[3])} == {
        ("A", str(dates[1])),
        ("A", str(dates[3])),
        ("B", str(dates[2])),
        ("B", str(dates[3])),
        ("C", str(dates[1])),
        ("C", str(dates[2])),
    }
    assert world.sync(at(DAY + 20 * DAYS, 14)).exit_code == 0


def test_a_batch_without_a_date_is_missed_on_the_dates_on_which_it_was_to_be_looked_for(world: World) -> None:
    told = Told(world)
    told.add(at(DAY - 5 * DAYS), Line("A"), Line("R"))
    world.book.add("A", DAY, rows(5))
    world.sync(at(DAY, 13))
    told.add(at(DAY + 16 * DAYS), Line("LATE"))
    told.retire("R", at(DAY + DAYS))
    assert world.sync(at(DAY + 20 * DAYS, 13)).exit_code == 65
    assert {key for key, state in world.job.states().items() if state == LOST and key[0] == "A"} == {
        ("A", str(DAY + n * DAYS)) for n in range(7)
    }
    # Told on the 16th day, when the window began with the third.
    assert {key for key, state in world.job.states().items() if state == LOST and key[0] == "LATE"} == {
        ("LATE", str(DAY + n * DAYS)) for n in range(3, 7)
    }
    assert {key[1] for key, state in world.job.states().items() if state == LOST and key[0] == "R"} == {str(DAY)}
    # What came back was not to be looked for meanwhile.
    told.add(at(DAY + 50 * DAYS), Line("R"))
    world.sync(at(DAY + 50 * DAYS, 13))
    dates = {dt.date.fromisoformat(date) for batch, date in world.job.states() if batch == "R"}
    assert all(date < DAY + DAYS or date >= DAY + 37 * DAYS for date in dates)


def test_a_template_and_a_query_are_asked_for_the_dates_between(world: World, tmp_path: Path) -> None:
    orders(tmp_path / "orders.db", range(25))
    world.job.list([])
    settings = {
        "batch_database_url": f"sqlite:///{tmp_path}/orders.db",
        "batch_query": "SELECT * FROM orders WHERE date BETWEEN :first_date AND :last_date",
        "batch_template": "T{date:%m%d}",
    }
    world.sync(at(DAY, 13), **settings)
    assert world.sync(at(DAY + 20 * DAYS, 13), **settings).exit_code == 65
    found = {key for key, state in world.job.states().items() if state == LOST}
    between = [DAY + n * DAYS for n in range(1, 7)]
    assert {key for key in found if key[0][0] == "Q"} >= {(f"Q{n + 1}", str(d)) for n, d in enumerate(between)}
    assert {key for key in found if key[0][0] == "T"} >= {(f"T{date:%m%d}", str(date)) for date in between}
    assert {dt.date.fromisoformat(date) for _, date in found} == {DAY, *between}


def test_the_grace_day_of_a_missed_date_is_used(world: World) -> None:
    """The vendor does not say whether its days include today."""
    daily(world, 0, 20)
    world.vendor.behaviour.window_days = 15
    world.sync(at(DAY, 20))
    assert world.sync(at(DAY + 20 * DAYS, 13)).exit_code == 65
    assert set(lost(world)) == set(range(1, 6))
    assert world.job.states()[name(DAY + 6 * DAYS), str(DAY + 6 * DAYS)] == "settled"


def test_no_row_on_a_date_that_is_gone_proves_nothing(world: World) -> None:
    world.vendor.behaviour.window_days = 400
    world.job.list([f"A,{DAY + 6 * DAYS},50", f"B,{DAY + 7 * DAYS},"])
    world.sync(at(DAY, 13))
    assert world.sync(at(DAY + 20 * DAYS, 13)).exit_code == 65
    assert lost(world) == {6: 50}
    assert "after it had left" in world.job.coverage()["A", str(DAY + 6 * DAYS)]["note"]


# -- what is stored decides ------------------------------------------------------------------------------------


@pytest.mark.parametrize("gap", [1, 13, 14, 15, 16, 90])
@pytest.mark.parametrize("retired", [False, True])
def test_all_submitted_rows_held_is_settled_whenever_somebody_looks(world: World, gap: int, retired: bool) -> None:
    world.book.add("A", DAY, rows(130))
    world.job.list([f"A,{DAY},130"])
    assert world.sync(at(DAY, 20)).exit_code == 0
    assert world.job.states() == {("A", str(DAY)): "open"}
    if retired:
        Told(world).retire("A", at(DAY, 21))
    world.asked()
    result = world.sync(at(DAY + gap * DAYS, 13))
    assert (result.exit_code, world.asked()) == (0, [])
    assert world.job.states() == {("A", str(DAY)): "settled"}


@pytest.mark.parametrize(("submitted", "hour", "state"), [("", 20, LOST), ("131", 20, LOST), ("", 37, "settled")])
def test_where_more_rows_were_possible_the_day_is_lost(
    world: World, submitted: str, hour: int, state: str
) -> None:
    world.book.add("A", DAY, rows(130))
    world.job.list([f"A,{DAY},{submitted}"])
    world.sync(at(DAY, hour))
    world.sync(at(DAY + 15 * DAYS, 13))
    assert world.job.states()["A", str(DAY)] == state


NOT_COUNTED = {
    # the list while the day was open, and after the gap: all of them say at last that 50 numbers were submitted
    "a line that cannot be used": (["A,{},50", "B,{},x"], ["A,{},50"]),
    "a date far ahead of another batch": (["A,{},50", "B,2062-01-01,4"], ["A,{},50", "B,2062-01-01,4"]),
    "no number of rows": (["A,{},"], ["A,{},50"]),
    "another number of rows": (["A,{},500"], ["A,{},50"]),
}


@pytest.mark.parametrize("case", NOT_COUNTED)
@pytest.mark.parametrize("gap", [13, 15, 40])
def test_what_the_lists_say_now_counts_for_days_before_the_window_too(world: World, case: str, gap: int) -> None:
    """It must not depend on whether somebody looks before or after the day has left the window."""
    world.book.add("A", DAY, rows(50))
    while_open, later = ([line.format(DAY) for line in lines] for lines in NOT_COUNTED[case])
    world.job.list(while_open)
    world.sync(at(DAY, 20))
    world.asked()
    world.job.list(later)
    result = world.sync(at(DAY + gap * DAYS, 13), spill_days="0")
    assert (result.exit_code, result.lost, world.asked()) == (78 if "far" in case else 0, [], [])
    assert world.job.states() == {("A", str(DAY)): "settled"}
    assert world.job.coverage()["A", str(DAY)]["submitted_rows"] == 50


def test_a_list_that_is_not_whole_takes_nothing_back_of_days_before_the_window(world: World) -> None:
    world.book.add("A", DAY, rows(50))
    world.job.list([f"A,{DAY},50"])
    world.sync(at(DAY, 20))
    world.job.list([f"A,{DAY},50", f"M,{DAY + DAYS},7", "B,today,1"])
    assert world.sync(at(DAY + 20 * DAYS, 13)).exit_code == 78
    assert world.job.states()["A", str(DAY)] == "settled"
    assert lost(world) == {1: 7}  # at least so many
    world.job.list([f"A,{DAY},50"])
    assert world.sync(at(DAY + 20 * DAYS, 14)).exit_code == 65
    assert world.sync(at(DAY + 20 * DAYS, 15)).exit_code == 0


@pytest.mark.parametrize("first_run_read_it", [True, False])
def test_a_query_that_failed_for_weeks_is_asked_for_those_dates_again(
    world: World, tmp_path: Path, first_run_read_it: bool
) -> None:
    file = tmp_path / "orders.db"
    orders(file, range(-20, 31))
    world.job.list([])
    settings = {
        "batch_database_url": f"sqlite:///{file}",
        "batch_query": "SELECT * FROM orders WHERE date BETWEEN :first_date AND :last_date",
        "spill_days": "0",
    }
    if first_run_read_it:
        assert world.sync(at(DAY, 13), **settings).exit_code == 0
    away = file.rename(tmp_path / "away.db")
    for days in (0, 1, 9, 17, 29):
        assert world.sync(at(DAY + days * DAYS, 14), **settings).exit_code == 78
    away.rename(file)
    later = at(DAY + 30 * DAYS, 13)
    assert world.sync(later, **settings).exit_code == 65
    # The vendor refuses the date that has its day of grace.
    assert lost(world) == dict.fromkeys(range(1 if first_run_read_it else -13, 17), 8)
    assert world.sync(later + HOUR, **settings).exit_code == 0


def test_a_narrowed_first_run_has_planned_nothing_else(world: World) -> None:
    """What a template, or a batch without a date, would have had on the other dates of its window was missed."""
    Told(world).add(at(DAY - DAYS), Line("U"))
    world.vendor.now = lambda: at(DAY, 13)
    rules = Rules(selection=Selection(frozenset(), frozenset({DAY})))
    world.job.sync(at(DAY, 13), rules, batch_template="T{date:%m%d}")
    assert world.sync(at(DAY + 20 * DAYS, 13), batch_template="T{date:%m%d}").exit_code == 65
    assert set(lost(world)) == set(range(-13, 7))
    assert {batch for batch, _ in world.job.states()} >= {"U", f"T{DAY - 13 * DAYS:%m%d}"}


def test_a_batch_is_told_no_later_than_a_run_sees_it(world: World) -> None:
    """The clock of the command may be ahead of that of the run, as in a drill with --now."""
    Told(world).add(at(DAY + 200 * DAYS), Line("U"))
    world.book.add("U", DAY, rows(5))
    world.sync(at(DAY, 13))
    assert world.sync(at(DAY + 20 * DAYS, 13)).exit_code == 65
    assert set(lost(world)) == set(range(7))
