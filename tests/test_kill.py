"""kill -9 at any point, and the next run goes on with the pages that are lacking."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl.emulator import Book, Emulator, VendorRow, generate
from tests.conftest import Start
from tests.dying import Order, Orders
from tests.job import Job

DAY = dt.date(2026, 3, 10)
LATER = dt.datetime(2026, 3, 12, 6, tzinfo=dt.UTC)
LINES = [f"A,{DAY},", f"B,{DAY},", f"C,{DAY},5"]


class Killer(Orders):
    """The process that runs syncs and lets them die."""

    def run(self, job: Job, point: int | None, **given: str) -> Order:
        """One sync that dies at `point`."""
        environment = job.environment | {f"NUMBERCHECK_{name.upper()}": value for name, value in given.items()}
        return self.give({"point": point, "environment": environment, "moment": LATER.isoformat()})


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    made = Killer("tests.killing")
    yield made
    made.close()


def book() -> Book:
    """A few pages with all that a page can hold: a key listed twice, an unstorable row, an empty batch day."""
    made = Book()
    rows = generate("A", DAY, 730, seed=1)
    made.add("A", DAY, [*rows, rows[5], VendorRow({"phone": "84900000001"})])
    made.add("B", DAY, generate("B", DAY, 120, seed=2) + rows[:1])
    made.add("C", DAY, [])
    return made


def check(job: Job) -> None:
    """All is there, once, and said so."""
    rows = job.query("SELECT message_id, phone FROM v_number_check")
    assert len(rows) == 850
    assert {state for (batch, _), state in job.states().items() if batch != "C"} == {"settled"}
    assert job.coverage()["A", str(DAY)] | {"note": None} == job.coverage()["A", str(DAY)]
    figures = job.coverage()["A", str(DAY)]
    assert (figures["stored_rows"], figures["repeated_rows"], figures["rejected_rows"]) == (730, 1, 1)
    assert len(job.query("SELECT id FROM v_rejected_row")) == 1
    runs = [run["status"] for run in job.query("SELECT status FROM v_sync_run")]
    assert "running" not in runs


def kill_at(points: range, killer: Killer, start_server: Start, kind: str, tmp_path: Path) -> None:
    """Die at each of these; a few more or less are passed from run to run, as answers overtake one another."""
    server, deaths = start_server(kind), 0
    with Emulator(book(), now=lambda: LATER) as vendor:
        for point in points:
            url = server.create(at_head=True)
            job = Job(url, vendor, LINES, tmp_path)
            told = killer.run(job, point)
            deaths += told["status"] == -9
            assert told["status"] == -9 or told["points"] <= point
            # What is claimed in between is so, too.
            job.assert_claims_hold()
            assert killer.run(job, None)["status"] == 0
            check(job)
            job.engine.dispose()
            server.drop(url)
    assert deaths >= 0.8 * len(points)


def count_points(killer: Killer, start_server: Start, kind: str, tmp_path: Path) -> int:
    server = start_server(kind)
    with Emulator(book(), now=lambda: LATER) as vendor:
        url = server.create(at_head=True)
        job = Job(url, vendor, LINES, tmp_path)
        told = killer.run(job, None)
        assert told["status"] == 0
        check(job)
        job.engine.dispose()
        server.drop(url)
    return int(told["points"])


@pytest.mark.timeout(400)
def test_at_every_point_on_sqlite(killer: Killer, start_server: Start, tmp_path: Path) -> None:
    points = count_points(killer, start_server, "sqlite", tmp_path)
    assert points >= 150
    kill_at(range(points), killer, start_server, "sqlite", tmp_path)


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_at_a_sample_of_points_on_servers(killer: Killer, start_server: Start, kind: str, tmp_path: Path) -> None:
    points = count_points(killer, start_server, kind, tmp_path)
    kill_at(range(3, points, points // 12), killer, start_server, kind, tmp_path)


def test_six_kills_cost_few_requests(killer: Killer, start_server: Start, tmp_path: Path) -> None:
    server, made = start_server("sqlite"), Book()
    for number, size in enumerate((300, 1_000, 2_500, 5_000, 3_200, 4_100)):
        made.add_generated(f"K{number}", DAY, size, seed=number)
    lines = [f"K{number},{DAY}," for number in range(6)]
    with Emulator(made, now=lambda: LATER) as vendor:
        url: sa.URL = server.create(at_head=True)
        undisturbed = killer.run(Job(url, vendor, lines, tmp_path), None)
        vendor.clear()
        url = server.create(at_head=True)
        job = Job(url, vendor, lines, tmp_path)
        for _ in range(6):
            assert killer.run(job, int(undisturbed["points"]) // 9)["status"] == -9
        assert killer.run(job, None)["status"] == 0
        job.assert_equals_vendor()
        assert len(vendor.requests) <= 1.25 * undisturbed["requests"]
        job.engine.dispose()
