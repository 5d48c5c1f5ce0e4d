"""A total that is false, for one answer or for all of a run: the job stays within bounds, and the next run is as ever."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl.core.batchday import pages_of
from etl.core.totals import AHEAD, LEAP
from etl.emulator import Behaviour, Book, Emulator, Fault, Faults
from tests.conftest import Start
from tests.job import Job
from tests.unsynced import unsynced

DAY = dt.date(2026, 3, 10)
LATER = dt.datetime(2026, 3, 12, 6, tzinfo=dt.UTC)
OTHERS = {"B": 250, "C": 40, "D": 100}
HUGE = 2**31 - 1
IN_FLIGHT = 4

When = Callable[[int], bool]


class Lying(Faults):
    """Answers about batch A say another total, where `when` says so of their number (from 1)."""

    def __init__(self, total: int, when: When, **data: object) -> None:
        super().__init__()
        self.asked = 0
        self._fault = Fault("data", data={"totalSize": total} | data)
        self._when = when

    def draw(self, batch_no: object = None, page: object = None) -> Fault | None:
        if batch_no != "A":
            return super().draw(batch_no, page)
        self.asked += 1
        return self._fault if self._when(self.asked) else None


@contextmanager
def job_of(start_server: Start, directory: Path, rows: int, faults: Faults, **given: str) -> Iterator[Job]:
    server = start_server("sqlite")
    url = server.create(at_head=True)
    book = Book()
    for name, count in {"A": rows, **OTHERS}.items():
        book.add_generated(name, DAY, count)
    with Emulator(book, behaviour=Behaviour(faults=faults), now=lambda: LATER) as vendor:
        given = {"max_in_flight": str(IN_FLIGHT), "spill_days": "0"} | given
        job = Job(url, vendor, [f"{name},{DAY}," for name in ("A", *OTHERS)], directory, **given)
        unsynced(job.engine)
        yield job
        job.engine.dispose()
        server.drop(url)


def requests_of(job: Job, batch_no: str) -> int:
    return sum((request.body or {}).get("batchNo") == batch_no for request in job.vendor.requests)


def line(job: Job) -> dict[str, object]:
    return job.coverage()["A", str(DAY)]


@pytest.mark.parametrize("total", [HUGE, 10**6, 10**5, 31_337, 4_321])
@pytest.mark.parametrize("place", ["first", "middle", "last"])
@pytest.mark.parametrize("rows", [350, 2_700])
def test_one_false_total_costs_a_few_requests(
    total: int, place: str, rows: int, start_server: Start, tmp_path: Path
) -> None:
    pages = pages_of(rows)
    number = {"first": 1, "middle": (pages + 1) // 2, "last": pages}[place]
    with job_of(start_server, tmp_path, rows, Lying(total, lambda n: n == number)) as job:
        assert job.sync(LATER).exit_code == 0
        assert set(job.states().values()) == {"settled"}
        assert line(job)["reported_rows"] == rows
        job.assert_equals_vendor()
        # A total within what is believed (4,321) may be a true one: then the pass begins again.
        more = pages if total < LEAP else 1
        assert requests_of(job, "A") <= pages + more + AHEAD + IN_FLIGHT
        assert job.sync(LATER).requests == 0


@pytest.mark.parametrize("total", [HUGE, 10**6, 54_321])
@pytest.mark.parametrize("number", [1, 2, 4])
def test_a_run_that_ends_after_a_false_total_keeps_no_more_than_rows_show(
    total: int, number: int, start_server: Start, tmp_path: Path
) -> None:
    with job_of(start_server, tmp_path, 350, Lying(total, lambda n: n == number), max_in_flight="1") as job:
        assert job.sync(LATER, max_requests=str(number)).exit_code == 75
        reported = line(job)["reported_rows"]
        assert isinstance(reported, int)
        assert reported <= 350 + LEAP
        job.vendor.behaviour.faults.clear()
        job.vendor.clear()
        assert job.sync(LATER).exit_code == 0
        job.assert_equals_vendor()
        assert requests_of(job, "A") <= 2 * pages_of(350)


ALWAYS: list[tuple[str, When]] = [
    ("always", lambda _: True),
    ("by turns", lambda n: n % 2 == 1),
    ("for a while", lambda n: n <= 5),
    ("later on", lambda n: n >= 3),
]


@pytest.mark.parametrize("total", [HUGE, 10**6, 10**5, 20_000, 3_000])
@pytest.mark.parametrize("when", [pytest.param(when, id=name) for name, when in ALWAYS])
def test_false_totals_take_no_turn_from_the_others_and_are_forgotten(
    total: int, when: When, start_server: Start, tmp_path: Path
) -> None:
    others = sum(map(pages_of, OTHERS.values()))
    with job_of(start_server, tmp_path, 350, Lying(total, when)) as job:
        bound = 60 + others
        job.sync(LATER, max_requests=str(bound))
        states = job.states()
        assert {states[name, str(DAY)] for name in OTHERS} == {"settled"}
        assert len(job.vendor.requests) < bound
        job.assert_claims_hold()
        reported = line(job)["reported_rows"]
        assert isinstance(reported, int)
        assert reported <= 350 + max(AHEAD * 100, min(total, LEAP))
        job.vendor.behaviour.faults = Faults()
        job.vendor.clear()
        assert job.sync(LATER).exit_code == 0
        job.assert_equals_vendor()
        assert len(job.vendor.requests) <= 2 * pages_of(350)


class LyingFirst(Faults):
    """The first answer about each batch says another total."""

    def __init__(self, total: int) -> None:
        super().__init__()
        self._total = total
        self._told: set[object] = set()

    def draw(self, batch_no: object = None, page: object = None) -> Fault | None:
        if batch_no in self._told:
            return None
        self._told.add(batch_no)
        return Fault("data", data={"totalSize": self._total})


@pytest.mark.parametrize("total", [HUGE, 10**6, 10**5, 7_777])
def test_a_false_first_total_of_each_batch_day_costs_two_requests_each(
    total: int, start_server: Start, tmp_path: Path
) -> None:
    with job_of(start_server, tmp_path, 350, LyingFirst(total)) as job:
        assert job.sync(LATER).exit_code == 0
        job.assert_equals_vendor()
        needed = pages_of(350) + sum(map(pages_of, OTHERS.values()))
        assert len(job.vendor.requests) <= needed + 2 * len(job.states())
        assert job.sync(LATER).requests == 0


@pytest.mark.parametrize("total", [0, 1, 60, 120, 349])
@pytest.mark.parametrize("number", [2, 3, 4])
def test_a_total_that_is_too_small_proves_nothing(
    total: int, number: int, start_server: Start, tmp_path: Path
) -> None:
    with job_of(start_server, tmp_path, 350, Lying(total, lambda n: n == number)) as job:
        assert job.sync(LATER).exit_code == 0
        assert line(job)["stored_rows"] == 350
        job.assert_equals_vendor()


@pytest.mark.parametrize("total", [0, 1, 60])
@pytest.mark.parametrize(("when"), [pytest.param(when, id=name) for name, when in ALWAYS])
def test_a_total_below_the_rows_of_its_own_answer_proves_nothing(
    total: int, when: When, start_server: Start, tmp_path: Path
) -> None:
    with job_of(start_server, tmp_path, 350, Lying(total, when)) as job:
        for _ in range(2):
            job.sync(LATER)
            job.assert_claims_hold()
        job.vendor.behaviour.faults = Faults()
        job.sync(LATER)
        assert job.sync(LATER).exit_code == 0
        job.assert_equals_vendor()


def test_no_rows_for_a_moment_do_not_make_those_held_vanish(start_server: Start, tmp_path: Path) -> None:
    nothing = Fault("data", data={"totalSize": 0, "result": []}, batch_no="A")
    with job_of(start_server, tmp_path, 350, Faults()) as job:
        assert job.sync(LATER - dt.timedelta(days=1, hours=6)).exit_code == 0
        job.vendor.behaviour.faults.order(nothing)
        assert job.sync(LATER).exit_code == 0
        found = line(job)
        assert (found["state"], found["reported_rows"], found["note"]) == ("settled", 350, None)


@pytest.mark.parametrize("total", [HUGE, 10**6, 5_000])
def test_a_vendor_that_answers_the_same_page_to_everything_is_left(
    total: int, start_server: Start, tmp_path: Path
) -> None:
    with job_of(start_server, tmp_path, 100, Lying(total, lambda _: True)) as job:
        job.vendor.behaviour.faults = Lying(total, lambda _: True, result=job.vendor.held("A", DAY))
        job.list([f"A,{DAY},"])
        assert job.sync(LATER, max_requests="100").exit_code == 75
        assert len(job.vendor.requests) <= 3 * (AHEAD + IN_FLIGHT)


@pytest.mark.parametrize("reported", [HUGE, 10**6])
@pytest.mark.parametrize("pages_read", [None, "1", "1-2000"])
def test_a_total_that_an_older_version_wrote_down_does_no_harm(
    reported: int, pages_read: str | None, start_server: Start, tmp_path: Path
) -> None:
    with job_of(start_server, tmp_path, 350, Faults()) as job:
        job.sync(LATER, max_requests="1")
        with job.engine.begin() as connection:
            values = {"reported": reported, "pages": pages_read}
            change = "UPDATE batch_day SET reported_rows = :reported, claimed_rows = NULL, pages_read = :pages"
            connection.execute(sa.text(f"{change} WHERE state = 'incomplete'"), values)
        assert job.sync(LATER).exit_code == 0
        job.assert_equals_vendor()
        assert requests_of(job, "A") <= 3 * pages_of(350)


@pytest.mark.parametrize("in_flight", [1, 4, 32])
def test_an_honest_vendor_costs_what_it_did(in_flight: int, start_server: Start, tmp_path: Path) -> None:
    with job_of(start_server, tmp_path, 4_930, Faults(), max_in_flight=str(in_flight)) as job:
        assert job.sync(LATER).exit_code == 0
        assert len(job.vendor.requests) == pages_of(4_930) + sum(map(pages_of, OTHERS.values()))
