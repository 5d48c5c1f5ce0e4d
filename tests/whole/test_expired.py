"""What is older than allowed is deleted, its totals stay, and nothing is asked for again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from etl.admin import expiring
from etl.admin.expiring import Expired, ExpiryOrder, expire
from etl.core.planning import Rules, Selection
from etl.emulator import Emulator
from tests.job import Job
from tests.people import DAY, KEY, LATER, LINES, NEXT, TODAY, book, figures, number, traces

FULL = Rules(selection=Selection(full=True))
MUCH_LATER = LATER + dt.timedelta(days=20)


def always() -> bool:
    return True


@pytest.fixture
def job(database: sa.URL, engine: sa.Engine, tmp_path: Path) -> Iterator[Job]:
    with Emulator(book(), now=lambda: TODAY) as vendor:
        made = Job(database, vendor, LINES, tmp_path, privacy_key=KEY)
        for moment in (TODAY, LATER):
            assert made.sync(moment).status == "complete"
        yield made
        made.engine.dispose()


@pytest.fixture(autouse=True)
def _small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiring, "ROWS_EXPIRED", 37)
    monkeypatch.setattr(expiring, "PAUSE_SECONDS", 0)


def expired(job: Job, before: dt.date, more: Callable[[], bool] = always) -> Expired:
    [account_id] = [row["account_id"] for row in job.query("SELECT account_id FROM account")]
    return expire(job.engine, ExpiryOrder(account_id, before, "test", lambda: MUCH_LATER), lambda _: more())


def summary(job: Job, *dates: dt.date) -> list[dict[str, Any]]:
    days = job.query("SELECT * FROM v_daily_summary")
    for day in days:
        day["cost"] = None if day["cost"] is None else Decimal(str(day["cost"])).normalize()
        day["cost_per_reachable"] = str(day["cost_per_reachable"])
        day["check_date"] = str(day["check_date"])
    return sorted((day for day in days if day["check_date"] in map(str, dates)), key=str)


def test_rows_go_and_totals_stay(job: Job) -> None:
    before, counts = summary(job, DAY, NEXT), figures(job.coverage())
    everybody = [number(n) for n in range(130)]
    done = expired(job, NEXT + dt.timedelta(days=1))
    assert (done.left, done.rows) == (0, sum(day["checked_rows"] for day in before))
    assert summary(job, DAY, NEXT) == before
    assert figures(job.coverage()) == counts
    assert all(row["expired_at"] is not None for row in job.coverage().values())
    assert traces(job.engine, *everybody) == set()
    assert expired(job, NEXT + dt.timedelta(days=1)).rows == 0
    assert [line["changed_rows"] for line in job.query("SELECT * FROM v_privacy_log")] == [done.rows]


def test_a_key_that_a_later_date_has_listed_moves_there(job: Job) -> None:
    assert job.query("SELECT * FROM further_sighting") != []
    held = job.query(f"SELECT * FROM v_number_check WHERE message_id = 'm00003' AND phone = '{number(3)}'")  # noqa: S608
    assert [str(row["check_date"]) for row in held] == [str(DAY)]
    whole = sum(day["checked_rows"] for day in summary(job, DAY, NEXT))
    expired(job, NEXT)
    [moved] = job.query("SELECT * FROM v_number_check WHERE message_id = 'm00003'")
    assert str(moved["check_date"]) == str(NEXT)
    assert job.query("SELECT * FROM further_sighting") == []
    assert sum(day["checked_rows"] for day in summary(job, DAY, NEXT)) == whole
    counts = figures(job.coverage())
    assert job.sync(LATER, FULL).rows.inserted == 0
    assert figures(job.coverage()) == counts


def test_nothing_that_has_expired_is_asked_for_again(job: Job) -> None:
    expired(job, NEXT)
    counts = figures(job.coverage())
    job.vendor.clear()
    assert job.sync(LATER, FULL).status == "complete"
    assert {request.body["date"] for request in job.vendor.requests} == {str(NEXT)}
    job.vendor.clear()
    # A longer window, long after: what is lost or settled and has expired stays as it is.
    job.sync(MUCH_LATER, FULL, window_days="60")
    assert str(DAY) not in {request.body["date"] for request in job.vendor.requests}
    for key, row in figures(job.coverage()).items():
        if key[1] == str(DAY):
            assert row == counts[key]


def test_a_sync_in_between_and_a_second_call_goes_on(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    before = summary(job, DAY, NEXT)
    calls = iter([True, False])
    monkeypatch.setattr(expiring, "HELD_SECONDS", 0)
    part = expired(job, NEXT + dt.timedelta(days=1), lambda: next(calls))
    assert part.left > 0
    assert 0 < part.rows < sum(day["checked_rows"] for day in before)
    assert job.sync(MUCH_LATER, FULL).exit_code == 0
    assert summary(job, DAY, NEXT) == before
    expired(job, NEXT + dt.timedelta(days=1))
    assert summary(job, DAY, NEXT) == before
    assert job.query("SELECT * FROM v_number_check") == []
