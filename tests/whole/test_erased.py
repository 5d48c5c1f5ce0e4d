"""Whoever is erased stays erased, and the counts stay as they are: through syncs, readings in full and kills."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl.admin.erasing import ErasureOrder, erase, order_of
from etl.core.planning import Rules, Selection
from etl.emulator import Emulator
from tests.job import Job
from tests.people import DAY, KEY, LATER, LINES, MACS, NEXT, TODAY, book, figures, number, traces

FULL = Rules(selection=Selection(full=True))
ERASED = tuple(number(n) for n in range(1, 13)) + (number(20),)
UNTIL = DAY + dt.timedelta(days=30)


@pytest.fixture
def vendor() -> Iterator[Emulator]:
    with Emulator(book(), now=lambda: TODAY) as made:
        yield made


@pytest.fixture
def job(database: sa.URL, engine: sa.Engine, vendor: Emulator, tmp_path: Path) -> Iterator[Job]:
    made = Job(database, vendor, LINES, tmp_path, privacy_key=KEY)
    yield made
    made.engine.dispose()


def erase_all(job: Job, *numbers: str, until: dt.date | None = UNTIL) -> dict[str, int]:
    order = ErasureOrder(MACS, order_of(MACS, numbers, until), numbers, len(numbers), "erase", "test", LATER)
    return erase(job.engine, order)


def cost(job: Job) -> tuple[Decimal, int]:
    days = job.query("SELECT cost, checked_rows FROM v_daily_summary")
    return sum(Decimal(str(day["cost"] or 0)) for day in days), sum(day["checked_rows"] for day in days)


def settle(job: Job) -> None:
    for moment in (TODAY, LATER):
        assert job.sync(moment).status == "complete"


def test_who_is_erased_is_nowhere_and_stays_away(job: Job) -> None:
    settle(job)
    before = figures(job.coverage())
    total = cost(job)
    assert traces(job.engine, *ERASED)
    erase_all(job, *ERASED)
    assert traces(job.engine, *ERASED) == set()
    for rules in (None, FULL, FULL):
        result = job.sync(LATER, rules)
        assert (result.status, result.rows.inserted) == ("complete", 0)
        assert result.rows.updated == 0
        assert traces(job.engine, *ERASED) == set()
        assert figures(job.coverage()) == before
    assert cost(job) == total


def test_erasing_again_changes_nothing(job: Job) -> None:
    settle(job)
    assert erase_all(job, *ERASED)["default"] > 0
    held = job.query("SELECT * FROM v_number_check ORDER BY message_id, phone")
    assert erase_all(job, *ERASED)["default"] == 0
    assert job.query("SELECT * FROM v_number_check ORDER BY message_id, phone") == held


def test_who_is_erased_before_a_row_arrives_is_never_stored(job: Job) -> None:
    with job.engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO account (name) VALUES ('default')"))
    erase_all(job, *ERASED)
    settle(job)
    assert traces(job.engine, *ERASED) == set()
    assert set(job.states().values()) == {"settled"}
    counts = {key: row["stored_rows"] for key, row in job.coverage().items()}
    assert [counts["A", str(DAY)], counts["B", str(DAY)], counts["A", str(NEXT)]] == [132, 60, 32]


def test_checks_of_later_dates_are_stored_again_unless_blocked(job: Job) -> None:
    settle(job)
    erase_all(job, number(1), until=DAY)
    erase_all(job, number(2), until=None)
    for _ in range(2):
        held = {(row["check_date"], row["phone"]) for row in job.query("SELECT * FROM v_number_check")}
        days = {n: {str(date) for date, phone in held if phone == number(n)} for n in (1, 2)}
        assert days == {1: {str(NEXT)}, 2: set()}
        job.sync(LATER, FULL)


def test_a_check_that_came_back_under_a_later_date_is_joined(job: Job) -> None:
    """It is erased for its first date, listed under a later one as well, and then erased for that one too."""
    settle(job)
    before = figures(job.coverage())
    erase_all(job, number(3), until=DAY)
    assert job.sync(LATER, FULL).status == "complete"
    held = job.query("SELECT phone FROM v_number_check WHERE message_id = 'm00003'")
    assert [row["phone"] for row in held] == [number(3)]
    erase_all(job, number(3), until=None)
    assert traces(job.engine, number(3)) == set()
    for rules in (None, FULL):
        assert job.sync(LATER, rules).status == "complete"
        assert figures(job.coverage()) == before
        assert traces(job.engine, number(3)) == set()
