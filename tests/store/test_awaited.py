from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa

from etl.core.checkrow import CheckRow
from etl.core.steps import Awaited
from etl.schema.tables import awaited_check
from etl.store import awaited
from etl.store.awaited import SLACK
from etl.store.checks import store
from etl.store.lookups import Lookups
from tests import servers
from tests.store.made import HOUR, NOW, batch_day, check, hlr, page, table

MICROSECOND = dt.timedelta(microseconds=1) / HOUR


class Desk:
    """Stores pages of one batch day at a given number of hours after NOW."""

    def __init__(self, connection: sa.Connection, batch_no: str = "B1") -> None:
        self.connection = connection
        self.day = batch_day(connection, batch_no)
        self.lookups = Lookups()

    def store(self, hours: float, *rows: CheckRow, at_page: int | None = 1, total: int | None = None) -> None:
        answer = page(*rows, number=at_page or 1, total=total)
        moment = NOW + hours * HOUR
        store(self.connection, self.lookups, self.day, answer, at_page=at_page, moment=moment)

    def line(self, message_id: str = "m1") -> dict[str, Any] | None:
        """What is noted about a check; the time is in hours after NOW, without the slack."""
        mine = [row for row in table(self.connection, awaited_check) if row["batch_day_id"] == self.day]
        found = [row for row in mine if row["message_id"] == message_id]
        if not found:
            return None
        [row] = found
        hours = (row["due_at"] + SLACK - NOW) / HOUR
        return {"page": row["page"], "total": row["total"], "wait": row["wait_hours"], "due": hours}

    def of_day(self) -> tuple[int, dt.datetime | None]:
        return awaited.of_days(self.connection, [self.day])[self.day]

    def due(self, hours: float) -> list[Any]:
        return awaited.due(self.connection, self.day, NOW + hours * HOUR)

    def postpone(self, hours: float) -> None:
        awaited.postpone(self.connection, [self.day], NOW + hours * HOUR)


@pytest.fixture
def desk(connection: sa.Connection) -> Desk:
    return Desk(connection)


@pytest.mark.parametrize(
    "row",
    [
        hlr(validity="YES"),
        hlr(pre_check="NO"),
        check(check_level=4, response="busy"),
        check(check_level=1),
        check(),
    ],
)
def test_what_has_its_outcome_or_never_gets_one_does_not_wait(desk: Desk, row: CheckRow) -> None:
    desk.store(0, row)
    assert desk.line() is None
    assert desk.of_day() == (0, None)


@pytest.mark.parametrize("row", [hlr(), hlr(mnc="04", price=None), check(check_level=4, answered="YES")])
def test_a_check_without_an_outcome_is_due_after_an_hour(desk: Desk, row: CheckRow) -> None:
    desk.store(0, row, at_page=3, total=250)
    assert desk.line() == {"page": 3, "total": 250, "wait": 1, "due": 1}
    assert desk.of_day() == (1, NOW + HOUR - SLACK)
    assert desk.due(1 - SLACK / HOUR - MICROSECOND) == []
    assert desk.due(1 - SLACK / HOUR) == [Awaited("m1", 3, 250)]


def test_the_interval_doubles_only_where_the_look_was_due(desk: Desk) -> None:
    desk.store(0, hlr())
    desk.store(0.5, hlr())
    assert desk.line() == {"page": 1, "total": 1, "wait": 1, "due": 1}
    for hours, wait in ((1, 2), (2.8, 2), (3, 4), (3, 4), (8, 8), (15.8, 8), (16, 16), (100, 32)):
        desk.store(hours, hlr())
        line = desk.line() or {}
        assert line["wait"] == wait
    assert desk.line() == {"page": 1, "total": 1, "wait": 32, "due": 132}


def test_another_change_of_a_waiting_check_does_not_restart_its_wait(desk: Desk) -> None:
    desk.store(0, hlr())
    desk.store(0.5, hlr(carrier="C"))
    desk.store(0.6, hlr(carrier="D"))
    assert desk.line() == {"page": 1, "total": 1, "wait": 1, "due": 1}


def test_page_and_total_follow_what_was_seen_last(desk: Desk) -> None:
    desk.store(0, hlr(), at_page=1, total=90)
    desk.store(0.1, hlr(), at_page=2, total=180)
    assert desk.line() == {"page": 2, "total": 180, "wait": 1, "due": 1}
    desk.store(1, hlr(), at_page=7, total=650)
    assert desk.line() == {"page": 7, "total": 650, "wait": 2, "due": 3}


def test_an_answer_for_its_message_id_gives_no_page(desk: Desk) -> None:
    desk.store(0, hlr(), at_page=4, total=400)
    desk.store(0.1, hlr(), at_page=None, total=1)
    assert desk.line() == {"page": 4, "total": 400, "wait": 1, "due": 1}
    desk.store(2, hlr(), at_page=None, total=1)
    assert desk.line() == {"page": 4, "total": 400, "wait": 2, "due": 4}


def test_an_outcome_ends_the_wait(desk: Desk) -> None:
    desk.store(0, hlr(), hlr("m2"))
    desk.store(0.5, hlr(reachable="NO"), hlr("m2"))
    assert desk.line() is None
    assert desk.line("m2") is not None
    assert desk.of_day() == (1, NOW + HOUR - SLACK)
    desk.store(0.6, hlr())
    assert desk.line() is None, "a blank that arrives late must not restart the wait"


def test_an_outcome_ends_the_wait_in_every_batch_day(desk: Desk) -> None:
    other, third = Desk(desk.connection, "B2"), Desk(desk.connection, "B3")
    for each in (desk, other, third):
        each.store(0, hlr(), hlr("m2"), hlr("m1", "other phone"))
    assert [each.of_day()[0] for each in (desk, other, third)] == [3, 3, 3]
    other.store(0.5, hlr(validity="YES"))
    assert [each.of_day()[0] for each in (desk, other, third)] == [2, 2, 2]
    third.store(0.6, hlr("m2", active="NO"), hlr("m1", "other phone", ported="NO"))
    assert [each.of_day()[0] for each in (desk, other, third)] == [0, 0, 0]


def test_batch_days_wait_each_for_themselves(desk: Desk) -> None:
    other = Desk(desk.connection, "B2")
    desk.store(0, hlr(), at_page=5, total=500)
    other.store(2, hlr(), at_page=1, total=80)
    assert desk.line() == {"page": 5, "total": 500, "wait": 1, "due": 1}
    assert other.line() == {"page": 1, "total": 80, "wait": 1, "due": 3}
    desk.postpone(2)
    assert desk.line() == {"page": 5, "total": 500, "wait": 2, "due": 4}
    assert other.line() == {"page": 1, "total": 80, "wait": 1, "due": 3}


def test_a_row_that_had_its_outcome_elsewhere_does_not_wait_here(desk: Desk) -> None:
    other = Desk(desk.connection, "B2")
    desk.store(0, hlr(validity="YES"))
    other.store(1, hlr())
    assert other.of_day() == (0, None)


def test_postpone_doubles_what_is_due_and_nothing_else(desk: Desk) -> None:
    desk.store(0, hlr("a"), hlr("b"))
    desk.store(1, hlr("b"))
    desk.store(2.5, hlr("c"))
    desk.postpone(3)
    assert desk.line("a") == {"page": 1, "total": 2, "wait": 2, "due": 5}
    assert desk.line("b") == {"page": 1, "total": 1, "wait": 4, "due": 7}
    assert desk.line("c") == {"page": 1, "total": 1, "wait": 1, "due": 3.5}
    desk.postpone(3)
    desk.postpone(3.3)
    assert desk.line("a") == {"page": 1, "total": 2, "wait": 2, "due": 5}


def test_what_was_just_seen_is_not_postponed_as_well(desk: Desk) -> None:
    desk.store(0, hlr("a"), hlr("b"))
    desk.store(1, hlr("a"))
    desk.postpone(1)
    assert desk.line("a") == {"page": 1, "total": 1, "wait": 2, "due": 3}
    assert desk.line("b") == {"page": 1, "total": 2, "wait": 2, "due": 3}


def test_keys_that_differ_in_case_or_spaces_wait_each_for_themselves(desk: Desk) -> None:
    keys = ["k", "K", "k ", "0k"]
    desk.store(0, *(hlr(key, key) for key in keys))
    desk.store(0.5, hlr("k", "k", validity="YES"), hlr("K", "k"), hlr("k ", "k "))
    assert desk.line("k") is None
    assert desk.of_day()[0] == 4
    assert {row["message_id"] + row["phone"] for row in table(desk.connection, awaited_check)} == {
        "KK",
        "k k ",
        "0k0k",
        "Kk",
    }


def test_the_first_moment_of_a_day_is_that_of_its_first_check(desk: Desk) -> None:
    desk.store(0.25, hlr("b"))
    desk.store(0, hlr("a"))
    desk.store(0.75, hlr("c"))
    assert desk.of_day() == (3, NOW + HOUR - SLACK)


def test_a_whole_page_of_waiting_checks_resolves(desk: Desk) -> None:
    rows = [hlr("one", str(n)) for n in range(100)]
    desk.store(0, *rows, at_page=2, total=300)
    assert desk.of_day()[0] == 100
    desk.store(1, *(row._replace(validity="YES") for row in rows[:60]), *rows[60:], at_page=3, total=400)
    assert desk.of_day() == (40, NOW + 3 * HOUR - SLACK)
    assert desk.due(3) == [Awaited("one", 3, 400)] * 40


@pytest.mark.parametrize("shared", [servers.SQLITE], indirect=True)
def test_what_waits_is_found_by_its_key(connection: sa.Connection) -> None:
    """Not by reading all waiting checks of all batch days for each row of a page."""
    for statement in ("DELETE FROM awaited_check WHERE", "SELECT * FROM awaited_check WHERE"):
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement} message_id = 'm' AND phone = 'p'")
        assert "ix_awaited_check_message_id_phone" in str(plan.all())
