"""The pace over runs, threads and retries, whatever the latency: in the database and as the vendor sees it."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl.emulator import Book, Emulator, Fault
from etl.emulator.replies import Reply
from etl.emulator.server import Incoming
from etl.vendor import backoff
from tests import pace
from tests.job import Job
from tests.running import HANG

DAY = dt.date(2026, 3, 10)
# The day is settled, the day after it is not: nothing is asked for there.
LATER = dt.datetime(2026, 3, 12, 2, tzinfo=dt.UTC)
INTERVAL = 0.03


class Vendor(Emulator):
    """Records, at each request, how many slots have been granted so far."""

    def __init__(self, rows: int, engine: sa.Engine) -> None:
        book = Book()
        book.add_generated("A", DAY, rows)
        super().__init__(book)
        self.granted: list[int] = []
        self.came_in = threading.Condition()
        self._engine = engine

    def _respond(self, incoming: Incoming) -> tuple[Reply, Callable[[], None]]:
        with self.came_in:
            made = super()._respond(incoming)
            self.granted.append(len(pace.moves(self._engine)))
            self.came_in.notify_all()
        return made

    def assert_asked_in_slots(self) -> None:
        """Each request had its own slot before it was sent."""
        assert len(self.granted) == len(self.requests)
        assert all(granted >= number for number, granted in enumerate(self.granted, 1))


class Behind(Vendor):
    """Answers each request once two more have come in, except the first, which goes alone, and the last ones."""

    waited_in_vain = False

    def __init__(self, pages: int, engine: sa.Engine) -> None:
        super().__init__(100 * pages, engine)
        self._pages = pages

    def _respond(self, incoming: Incoming) -> tuple[Reply, Callable[[], None]]:
        with self.came_in:
            made = super()._respond(incoming)
            number = len(self.requests)
            if number > 1 and not self.waited_in_vain:
                until = min(number + 2, self._pages)
                self.waited_in_vain |= not self.came_in.wait_for(lambda: len(self.requests) >= until, HANG)
        return made


def test_latency_of_several_intervals_costs_no_slot(engine: sa.Engine, tmp_path: Path) -> None:
    """A job that waits for an answer before it uses the next slot gets no answer here."""
    pace.note_moves(engine)
    with Behind(24, engine) as vendor:
        job = Job(engine.url, vendor, [f"A,{DAY},"], tmp_path, request_interval=str(INTERVAL), timeout="3600")
        result = job.sync(LATER)
        job.engine.dispose()
        assert not vendor.waited_in_vain
        made = pace.moves(engine)
        assert result.requests == len(vendor.requests) == len(made) == 24
        pace.assert_keeps_pace(made, INTERVAL)
        vendor.assert_asked_in_slots()


def test_two_runs_in_a_row_keep_the_pace_with_retries_and_throttling(
    engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backoff, "FIRST_WAIT", 5 * INTERVAL)  # a throttled slot moves by more than a granted one
    pace.note_moves(engine)
    with Vendor(500, engine) as vendor:
        vendor.behaviour.faults.order(None, Fault("status", status=503), Fault("reset"), None, Fault("throttled"))
        job = Job(engine.url, vendor, [f"A,{DAY},"], tmp_path, request_interval=str(INTERVAL))
        first = job.sync(LATER)
        job.list([f"A,{DAY},", f"B,{DAY},"])
        second = job.sync(LATER)
        job.engine.dispose()
        assert (first.exit_code, second.exit_code) == (0, 0)
        assert first.requests + second.requests == len(vendor.requests)
        assert (first.retries, first.throttled) == (3, 1)
        made = pace.moves(engine)
        assert len(made) == len(vendor.requests) + first.throttled
        pace.assert_keeps_pace(made, INTERVAL)
        vendor.assert_asked_in_slots()
