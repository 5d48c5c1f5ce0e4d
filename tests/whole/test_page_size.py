"""A vendor whose pages hold fewer or more rows than asked for: the size is learnt, kept, and learnt again."""

from __future__ import annotations

import datetime as dt
import itertools
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from etl.emulator import Behaviour, Book, Emulator, Fault, Faults
from etl.emulator.replies import Reply
from etl.emulator.server import Incoming
from tests.conftest import Start
from tests.job import Job
from tests.unsynced import unsynced

DAY = dt.date(2026, 3, 10)
LATER = dt.datetime(2026, 3, 12, 6, tzinfo=dt.UTC)
UNDER_WAY = 10
"""Requests that a change of the size may catch under way, and that have to be sent again."""
SIZES = {"A": 120, "B": 1_730, "C": 60, "D": 0, "E": 49, "F": 400, "G": 51}


class Changing(Emulator):
    """Pages hold as many rows as `size` says for the number of the request (from 0), whatever was asked for."""

    size: Callable[[int], int] | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._numbers = itertools.count()
        self._one_at_a_time = threading.Lock()

    def _respond(self, incoming: Incoming) -> tuple[Reply, Callable[[], None]]:
        with self._one_at_a_time:
            if self.size is not None:
                self.behaviour.page_size_cap = self.size(next(self._numbers))
            return super()._respond(incoming)


@contextmanager
def job_of(
    start_server: Start, directory: Path, sizes: dict[str, int], server: str = "sqlite", **behaviour: Any
) -> Iterator[Job]:
    place = start_server(server)
    url = place.create(at_head=True)
    book = Book()
    for name, rows in sizes.items():
        book.add_generated(name, DAY, rows)
    with Changing(book, behaviour=Behaviour(**behaviour), now=lambda: LATER) as vendor:
        job = Job(url, vendor, [f"{name},{DAY}," for name in sizes], directory, spill_days="0")
        unsynced(job.engine)
        yield job
        job.engine.dispose()
        place.drop(url)


def pages(size: int, sizes: dict[str, int] = SIZES) -> int:
    return sum(max(1, math.ceil(rows / size)) for rows in sizes.values())


def learnt(job: Job) -> int | None:
    [found] = job.query("SELECT page_size FROM account")
    size: int | None = found["page_size"]
    return size


@pytest.mark.parametrize("cap", [50, 37, 99, 10, 1])
@pytest.mark.parametrize("order", ["ascending", "descending", "hash"])
def test_fewer_rows_than_asked_for(cap: int, order: str, start_server: Start, tmp_path: Path) -> None:
    sizes = {name: rows // 5 for name, rows in SIZES.items()} if cap == 1 else SIZES
    with job_of(start_server, tmp_path, sizes, page_size_cap=cap, order=order) as job:
        assert job.sync(LATER).exit_code == 0
        assert set(job.states().values()) == {"settled"}
        job.assert_equals_vendor()
        assert learnt(job) == cap
        assert len(job.vendor.requests) <= 1.1 * pages(cap, sizes) + 2


@pytest.mark.parametrize("size", [101, 250, 1000])
def test_more_rows_than_asked_for(size: int, start_server: Start, tmp_path: Path) -> None:
    with job_of(start_server, tmp_path, SIZES, page_size_least=size) as job:
        assert job.sync(LATER).exit_code == 0
        job.assert_equals_vendor()
        assert learnt(job) == size
        assert len(job.vendor.requests) <= 1.1 * pages(size) + 2


@pytest.mark.parametrize("server", ["sqlite", "postgresql", "mariadb"])
def test_what_was_learnt_is_kept(server: str, start_server: Start, tmp_path: Path) -> None:
    with job_of(start_server, tmp_path, {"A": 430}, server, page_size_cap=40) as job:
        assert job.sync(LATER, max_requests="3").exit_code == 75
        for name, rows in SIZES.items():
            job.vendor.book.add_generated(f"{name}2", DAY, rows)
        job.list([f"{name},{DAY}," for name in ("A", *(f"{name}2" for name in SIZES))])
        job.vendor.clear()
        assert job.sync(LATER).exit_code == 0
        job.assert_equals_vendor()
        assert len(job.vendor.requests) <= 1.1 * (pages(40) + pages(40, {"A": 430}) - 3)


@pytest.mark.parametrize("claim", [None, 100, 20, 2**31, "x"])
@pytest.mark.parametrize("rows", [60, 120, 430])
def test_rows_prove_the_size_where_the_answer_does_not_tell_it(
    claim: object, rows: int, start_server: Start, tmp_path: Path
) -> None:
    with job_of(start_server, tmp_path, {"A": rows}, page_size_cap=50) as job:
        job.vendor.behaviour.faults = Claiming(claim)
        job.sync(LATER)
        assert job.sync(LATER).exit_code == 0
        job.assert_equals_vendor()
        assert learnt(job) == 50


class Claiming(Faults):
    """Every answer claims this page size."""

    def __init__(self, size: object) -> None:
        super().__init__()
        self._size = size

    def draw(self, batch_no: object = None, page: object = None) -> Any:
        return Fault("data", data={"pageSize": self._size})


@pytest.mark.parametrize(
    ("first", "then"), [(100, 50), (50, 100), (30, 70), (70, 30), (100, 99), (33, 100)], ids=str
)
@pytest.mark.parametrize("after", [0, 1, 2, 5, 9])
def test_a_size_that_changes(first: int, then: int, after: int, start_server: Start, tmp_path: Path) -> None:
    with job_of(start_server, tmp_path, SIZES) as job:
        assert isinstance(job.vendor, Changing)
        job.vendor.size = lambda number: first if number < after else then
        job.sync(LATER)
        job.assert_claims_hold()
        assert job.sync(LATER).exit_code == 0
        job.assert_equals_vendor()
        assert len(job.vendor.requests) <= pages(first) + pages(then) + UNDER_WAY


def test_a_size_that_changes_with_every_answer(start_server: Start, tmp_path: Path) -> None:
    with job_of(start_server, tmp_path, SIZES) as job:
        assert isinstance(job.vendor, Changing)
        job.vendor.size = lambda number: (50, 100)[number % 2]
        for _ in range(3):
            job.sync(LATER, max_requests="200")
            job.assert_claims_hold()
        job.vendor.size = None
        job.vendor.behaviour.page_size_cap = None
        assert job.sync(LATER).exit_code == 0
        job.assert_equals_vendor()


def test_one_page_that_comes_short_teaches_nothing(start_server: Start, tmp_path: Path) -> None:
    with job_of(start_server, tmp_path, SIZES) as job:
        job.vendor.behaviour.faults.order(None, "short_page", None, "empty_ok", None, None, "long_page")
        assert job.sync(LATER).exit_code == 0
        job.assert_equals_vendor()
        assert learnt(job) is None
