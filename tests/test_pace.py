"""The pace as the vendor sees it: over runs, threads and retries, whatever the latency."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path

import sqlalchemy as sa

from etl.emulator import Behaviour, Book, Emulator, Fault
from tests.job import Job
from tests.pace import assert_keeps_pace

DAY = dt.date(2026, 3, 10)
# The day is settled, the day after it is not: nothing is asked for there.
LATER = dt.datetime(2026, 3, 12, 2, tzinfo=dt.UTC)
INTERVAL = 0.2
# A request is seen a little after it started: what a loaded machine adds is no fault of the pace.
SEEN_LATE = 0.15


def vendor_with(rows: int, **behaviour: float) -> Emulator:
    book = Book()
    book.add_generated("A", DAY, rows)
    return Emulator(book, behaviour=Behaviour(**behaviour))  # type: ignore[arg-type]


def test_latency_of_several_intervals_costs_no_slot(engine: sa.Engine, tmp_path: Path) -> None:
    with vendor_with(2_400, latency=2.5 * INTERVAL) as vendor:
        job = Job(engine.url, vendor, [f"A,{DAY},"], tmp_path, request_interval=str(INTERVAL))
        began = time.monotonic()
        result = job.sync(LATER)
        seconds = time.monotonic() - began
        assert result.requests == 24
        assert_keeps_pace(vendor.requests, INTERVAL, SEEN_LATE)
        # The first goes alone, and the last has to be answered: both wait for the vendor once.
        # One after the other they would take 24 times 2.5 intervals and their pauses.
        assert seconds <= 2 * 24 * INTERVAL
        job.engine.dispose()


def test_two_runs_in_a_row_keep_the_pace_with_retries_and_throttling(engine: sa.Engine, tmp_path: Path) -> None:
    with vendor_with(500, interval=INTERVAL, tolerance=SEEN_LATE) as vendor:
        vendor.behaviour.faults.order(None, Fault("status", status=503), Fault("reset"), None, Fault("throttled"))
        job = Job(engine.url, vendor, [f"A,{DAY},"], tmp_path, request_interval=str(INTERVAL))
        first, second = job.sync(LATER), None
        job.list([f"A,{DAY},", f"B,{DAY},"])
        second = job.sync(LATER)
        assert (first.exit_code, second.exit_code) == (0, 0)
        assert first.requests + second.requests == len(vendor.requests)
        assert first.retries == 3
        assert_keeps_pace(vendor.requests, INTERVAL, SEEN_LATE)
        assert not [request for request in vendor.requests if request.fault == "pace"]
        job.engine.dispose()
