"""Whatever the vendor does: no batch day with a missing row is called complete, and all that can be are."""

from __future__ import annotations

import datetime as dt
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.emulator import Behaviour, Book, Emulator, VendorRow
from etl.emulator.replies import Reply
from etl.emulator.server import Incoming
from tests.conftest import Start
from tests.job import Job
from tests.unsynced import unsynced
from tests.virtual import Still

DAY = dt.date(2026, 3, 10)
NEXT_DAY = DAY + dt.timedelta(days=1)
# In the vendor's zone the day is over and settled.
LATER = dt.datetime(2026, 3, 12, 6, tzinfo=dt.UTC)
STILL = ("ascending", "descending", "hash")

quick = settings(max_examples=12)
thorough = settings(max_examples=14)  # for each order


def row(number: int, **fields: Any) -> VendorRow:
    return VendorRow({"messageId": f"m{number:06d}", "phone": f"8490{number:07d}", "checkLevel": 1, **fields})


@dataclass
class Case:
    """A batch day (and another one) as the vendor lists it while it is read."""

    size: int
    order: str
    replicas: int
    in_flight: int
    appears: list[int]  # after how many requests another row appears
    vanishes: list[int]  # and one of the first rows vanishes
    twice: list[int]  # numbers of rows that are listed twice
    conflicting: list[int]  # and of rows that are also listed with different content
    shared: list[int]  # and of rows that are in the other batch day, too
    unstorable: int

    def fill(self, book: Book) -> None:
        rows = [row(number) for number in range(self.size)]
        for number, ticks in enumerate(self.vanishes):
            if number < self.size:
                rows[number].gone_at = LATER + dt.timedelta(seconds=ticks)
        rows += [row(number) for number in self.twice if number < self.size]
        rows += [row(number, carrier="another") for number in self.conflicting if number < self.size]
        rows += [VendorRow({"phone": f"8499{number:07d}"}) for number in range(self.unstorable)]
        for number, ticks in enumerate(sorted(self.appears)):
            late = row(500_000 + number)
            late.appears_at = LATER + dt.timedelta(seconds=ticks)
            rows.append(late)
        book.add("A", DAY, rows)
        book.add("B", NEXT_DAY, [row(number) for number in self.shared if number < self.size])


def ticks(most: int = 5) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(0, 14), max_size=most)


def cases(orders: tuple[str, ...], replicas: int = 1, moving: bool = True) -> st.SearchStrategy[Case]:
    """Rows appear or vanish; if as many did both at once, the count would stay the same and could not show it."""
    numbers = st.lists(st.integers(0, 449), max_size=4, unique=True)
    nothing: st.SearchStrategy[list[int]] = st.just([])
    moves = st.one_of(st.tuples(ticks(30), nothing), st.tuples(nothing, ticks(3))) if moving else st.just(([], []))
    return st.builds(
        lambda moves, **fields: Case(appears=moves[0], vanishes=moves[1], **fields),
        moves=moves,
        size=st.one_of(st.integers(0, 450), st.sampled_from([0, 1, 99, 100, 101, 200, 300])),
        order=st.sampled_from(orders),
        replicas=st.integers(1, replicas),
        in_flight=st.sampled_from([1, 4]),
        twice=numbers,
        conflicting=numbers.map(lambda found: found[:2]),
        shared=numbers,
        unstorable=st.integers(0, 3),
    )


class OneByOne(Emulator):
    """No request comes in while another is being answered, so each has its own moment."""

    def __init__(self, book: Book, behaviour: Behaviour) -> None:
        super().__init__(book, behaviour=behaviour)
        self._turn_of_one = threading.Lock()

    def _respond(self, incoming: Incoming) -> tuple[Reply, Callable[[], None]]:
        with self._turn_of_one:
            return super()._respond(incoming)


@contextmanager
def vendor_and_job(start_server: Start, case: Case) -> Iterator[tuple[Emulator, Job]]:
    """Each request moves the vendor's time on by one second; the job's own time stands still."""
    server = start_server("sqlite")
    url = server.create(at_head=True)
    book = Book()
    case.fill(book)
    behaviour = Behaviour(order=case.order, replicas=case.replicas)  # type: ignore[arg-type]
    lines = [f"A,{DAY},", f"B,{NEXT_DAY},"]
    with tempfile.TemporaryDirectory() as directory, OneByOne(book, behaviour) as vendor:
        job = Job(url, vendor, lines, Path(directory), max_in_flight=str(case.in_flight))
        unsynced(job.engine)
        try:
            yield vendor, job
        finally:
            job.engine.dispose()
            server.drop(url)


def sync(job: Job, vendor: Emulator, moment: dt.datetime = LATER) -> dict[tuple[str, str], str]:
    """One run, after which every claim is compared with what the vendor listed at the last look."""
    vendor.now = lambda: LATER + dt.timedelta(seconds=len(vendor.requests))
    assert job.run_at(Still(moment)).exit_code in (0, 75)
    assert_claims(job, vendor)
    return job.states()


def assert_claims(job: Job, vendor: Emulator) -> None:
    held = {(r["message_id"], r["phone"]) for r in job.query("SELECT message_id, phone FROM v_number_check")}
    rejected = "".join(kept["payload"] for kept in job.query("SELECT payload FROM v_rejected_row"))
    looks = {
        (request.body["batchNo"], request.body["date"]): LATER + dt.timedelta(seconds=number)
        for number, request in enumerate(vendor.requests, 1)
        if request.body and "messageId" not in request.body
    }
    for (batch_no, date), row in job.coverage().items():
        if row["state"] not in ("open", "settled"):
            continue
        assert row["missing_rows"] == 0
        listed = vendor.held(batch_no, dt.date.fromisoformat(date), looks[batch_no, date])
        keys = {(sent["messageId"], sent["phone"]) for sent in listed if "messageId" in sent}
        assert not keys - held, (batch_no, row["state"], keys - held)
        assert all(sent["phone"] in rejected for sent in listed if "messageId" not in sent)


def check_never_complete_that_is_not(start_server: Start, case: Case) -> None:
    with vendor_and_job(start_server, case) as (vendor, job):
        for _ in range(3):
            sync(job, vendor)


def check_complete_once_the_vendor_holds_still(start_server: Start, case: Case) -> None:
    with vendor_and_job(start_server, case) as (vendor, job):
        sync(job, vendor)
        later = LATER + dt.timedelta(hours=1)
        vendor.requests.extend([replace(vendor.requests[-1], body={})] * 60)  # seconds in which all of it happens
        sync(job, vendor, later)
        states = sync(job, vendor, later)
        assert set(states.values()) <= {"settled"}, job.coverage()


def check_one_run_completes_what_holds_still(start_server: Start, case: Case) -> None:
    with vendor_and_job(start_server, case) as (vendor, job):
        states = sync(job, vendor)
        assert set(states.values()) == {"settled"}, job.coverage()
        asked = len(vendor.requests)
        sync(job, vendor)
        assert len(vendor.requests) == asked


@quick
@given(case=cases((*STILL, "shuffled"), replicas=3))
def test_never_complete_that_is_not(case: Case, start_server: Start) -> None:
    check_never_complete_that_is_not(start_server, case)


@quick
@given(case=cases(STILL))
def test_complete_once_the_vendor_holds_still(case: Case, start_server: Start) -> None:
    check_complete_once_the_vendor_holds_still(start_server, case)


@quick
@given(case=cases(STILL, moving=False))
def test_one_run_completes_what_holds_still(case: Case, start_server: Start) -> None:
    check_one_run_completes_what_holds_still(start_server, case)


@pytest.mark.full
class TestThoroughly:
    """The same with more cases, separately for each order."""

    @pytest.mark.parametrize("order", [*STILL, "shuffled"])
    @thorough
    @given(case=cases((*STILL, "shuffled"), replicas=3))
    def test_never_complete_that_is_not(self, case: Case, order: str, start_server: Start) -> None:
        check_never_complete_that_is_not(start_server, replace(case, order=order))

    @pytest.mark.parametrize("order", STILL)
    @thorough
    @given(case=cases(STILL))
    def test_complete_once_the_vendor_holds_still(self, case: Case, order: str, start_server: Start) -> None:
        check_complete_once_the_vendor_holds_still(start_server, replace(case, order=order))

    @pytest.mark.parametrize("order", STILL)
    @thorough
    @given(case=cases(STILL, moving=False))
    def test_one_run_completes_what_holds_still(self, case: Case, order: str, start_server: Start) -> None:
        check_one_run_completes_what_holds_still(start_server, replace(case, order=order))


@pytest.mark.parametrize("replicas", [1, 2])
def test_a_reshuffled_order_is_asked_for_within_bounds(replicas: int, start_server: Start) -> None:
    order = "shuffled" if replicas == 1 else "hash"
    case = Case(400, order, replicas, 1, [], [], [], [], [], 0)
    with vendor_and_job(start_server, case) as (vendor, job):
        sync(job, vendor)
        assert len(vendor.requests) <= 3 * 4 + 3 + 2  # three passes, a refutation each, the other batch day


def test_two_repeats_cost_a_request_each(start_server: Start) -> None:
    case = Case(4_990, "descending", 1, 4, [], [], [7, 4_000], [], [], 0)
    with vendor_and_job(start_server, case) as (vendor, job):
        sync(job, vendor)
        pages = [r for r in vendor.requests if (r.body or {})["batchNo"] == "A"]
        assert len(pages) <= 53
        assert job.states()["A", str(DAY)] == "settled"
        coverage = job.coverage()["A", str(DAY)]
        assert (coverage["stored_rows"], coverage["repeated_rows"]) == (4_990, 2)


def test_vanished_rows_are_kept_and_said(start_server: Start) -> None:
    case = Case(250, "ascending", 1, 1, [], [0, 0, 0], [], [], [], 0)
    with vendor_and_job(start_server, case) as (vendor, job):
        before_it_settles = LATER - dt.timedelta(days=1, hours=6)
        job.sync(before_it_settles)
        assert job.states()["A", str(DAY)] == "open"
        sync(job, vendor)
        coverage = job.coverage()["A", str(DAY)]
        assert coverage["state"] == "settled"
        assert coverage["stored_rows"] == 247
        assert "3 rows are kept" in coverage["note"]
        assert len(job.query("SELECT * FROM v_number_check")) == 250
