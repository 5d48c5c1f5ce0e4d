"""After kill -9 at any point, the next run continues with the missing pages."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from etl.emulator import Book, Emulator, VendorRow, generate
from tests.conftest import Start
from tests.dying import Order, Orders
from tests.job import Job
from tests.servers import Server
from tests.tiers import cases

DAY = dt.date(2026, 3, 10)
LATER = dt.datetime(2026, 3, 12, 6, tzinfo=dt.UTC)
LINES = [f"A,{DAY},", f"B,{DAY},", f"C,{DAY},5"]
IN_FLIGHT = (1, 4)
# A run passes more points than this, even if as many answers as possible are stored at once.
FEWEST = 150
SLICES = 12
# Servers are slower: this many slices of a sample.
STRIDE, SAMPLES = 18, 4


class Killer(Orders):
    """The process that runs syncs and lets them die."""

    module = "tests.killing"

    def run(self, job: Job, point: int | None, *, requests_only: bool = False, here: bool = False) -> Order:
        """One sync that dies at `point`."""
        order = {"point": point, "requests_only": requests_only, "here": here}
        return self.give(order | {"environment": job.environment, "moment": LATER.isoformat()})


@contextlib.contextmanager
def new_job(server: Server, vendor: Emulator, lines: list[str], directory: Path, in_flight: int) -> Iterator[Job]:
    """A job whose database holds nothing yet."""
    url = server.create(at_head=True)
    job = Job(url, vendor, lines, directory, max_in_flight=str(in_flight))
    try:
        yield job
    finally:
        job.engine.dispose()
        server.drop(url)


@pytest.fixture(scope="module")
def killer(start_server: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killer]:
    """Has done one run without a kill, which makes the next ones quicker."""
    directory = tmp_path_factory.mktemp("killer")
    with Killer() as made:
        with (
            Emulator(book(), now=lambda: LATER) as vendor,
            new_job(start_server("sqlite"), vendor, LINES, directory, 1) as job,
        ):
            assert made.run(job, None, here=True)["status"] == 0
        yield made


def book() -> Book:
    """A few pages with all that can occur: a key listed twice, an unstorable row, an empty batch day."""
    made = Book()
    rows = generate("A", DAY, 730, seed=1)
    made.add("A", DAY, [*rows, rows[5], VendorRow({"phone": "84900000001"})])
    made.add("B", DAY, generate("B", DAY, 120, seed=2) + rows[:1])
    made.add("C", DAY, [])
    return made


def check(job: Job) -> None:
    """All rows are there, once, and are reported as such."""
    rows = job.query("SELECT message_id, phone FROM v_number_check")
    assert len(rows) == 850
    assert {state for (batch, _), state in job.states().items() if batch != "C"} == {"settled"}
    assert job.coverage()["A", str(DAY)] | {"note": None} == job.coverage()["A", str(DAY)]
    figures = job.coverage()["A", str(DAY)]
    assert (figures["stored_rows"], figures["repeated_rows"], figures["rejected_rows"]) == (730, 1, 1)
    assert len(job.query("SELECT id FROM v_rejected_row")) == 1
    runs = [run["status"] for run in job.query("SELECT status FROM v_sync_run")]
    assert "running" not in runs


def dies(point: int, killer: Killer, job: Job) -> bool:
    """Whether a run died at this point and the next one did the rest; otherwise, it ended after fewer points."""
    report = killer.run(job, point)
    if died := report["status"] != 0:
        assert report["status"] == -9
        # What the database claims in between is true, too.
        job.assert_claims_hold()
        assert killer.run(job, None)["status"] == 0
    else:
        assert FEWEST < report["points"] <= point
    check(job)
    return died


def die_at(points: Iterable[int], killer: Killer, server: Server, directory: Path) -> None:
    """Die at each of these points, until a run passes fewer: how many depends on which answers are stored together."""
    with Emulator(book(), now=lambda: LATER) as vendor:
        for point, in_flight in zip(points, itertools.cycle(IN_FLIGHT), strict=False):
            with new_job(server, vendor, LINES, directory, in_flight) as job:
                if not dies(point, killer, job):
                    return


@pytest.mark.parametrize(("kind", "first"), cases(["sqlite"], range(SLICES), quick=[("sqlite", 7)]))
def test_at_every_point(
    killer: Killer, start_server: Start, kind: str, first: int, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """Every second one, and the others where the seed of the run is odd."""
    turn = pytestconfig.getoption("randomly_seed", 0) % 2
    die_at(itertools.count(first + SLICES * turn, 2 * SLICES), killer, start_server(kind), tmp_path)


@pytest.mark.parametrize(
    ("kind", "sample"),
    cases(["postgresql", "mariadb"], range(SAMPLES), quick=[("postgresql", 0), ("mariadb", 1)]),
)
def test_at_a_sample_of_points(
    killer: Killer, start_server: Start, kind: str, sample: int, tmp_path: Path
) -> None:
    points = itertools.count(3 + STRIDE * sample, STRIDE * SAMPLES)
    die_at(points, killer, start_server(kind), tmp_path)


@pytest.mark.parametrize("in_flight", [1, pytest.param(4, marks=pytest.mark.full)])
def test_six_kills_cost_few_requests(killer: Killer, start_server: Start, in_flight: int, tmp_path: Path) -> None:
    """Only what was under way, or answered but not stored yet, is asked for again."""
    made, pages = Book(), (3, 10, 20, 40, 22, 31)
    for number, count in enumerate(pages):
        made.add_generated(f"K{number}", DAY, 100 * count, seed=number)
    lines = [f"K{number},{DAY}," for number in range(len(pages))]
    with (
        Emulator(made, now=lambda: LATER) as vendor,
        new_job(start_server("sqlite"), vendor, lines, tmp_path, in_flight) as job,
    ):
        for point in range(20, 26):
            assert killer.run(job, point, requests_only=True)["status"] == -9
        assert killer.run(job, None)["status"] == 0
        job.assert_equals_vendor()
        needed = sum(pages) + len(pages)  # and one for each spill day
        assert needed <= len(vendor.requests) <= needed + 6 * 2 * in_flight
