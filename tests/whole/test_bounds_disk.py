"""A disk that really is full: a small file system of its own. The run ends, and the next one completes."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl.emulator import Book, Emulator
from tests import servers
from tests.absent import absent, own_server
from tests.conftest import Start
from tests.job import Job
from tests.running import finish, start
from tests.tiers import case

DAY = dt.date(2026, 3, 10)
LATER = dt.datetime(2026, 3, 12, 6, tzinfo=dt.UTC)
SYNC = ("sync", "--json", "--now", LATER.isoformat())
FEW = 250
MANY = 6_000
MEGABYTES = 400
ROOM = 1_000_000
"""Bytes that the database still has when the run begins: not enough for that many rows."""


class Disk:
    """A small file system, in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self, room: int) -> None:
        """Leave room for this many bytes."""
        found = os.statvfs(self.path)
        with self._filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, found.f_bavail * found.f_frsize - room)

    def make_room(self) -> None:
        self._filler.unlink()


@pytest.fixture
def disk() -> Iterator[Disk]:
    with tempfile.TemporaryDirectory(prefix="numbercheck-") as name:
        options = f"size={MEGABYTES}m,mode=1777"
        if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", name], capture_output=True).returncode:
            absent("no small file system can be mounted: run the tests as root (in a container: privileged)")
        try:
            yield Disk(Path(name))
        finally:
            subprocess.run(["umount", "--lazy", name], check=True)


MakeJob = Callable[[sa.URL, int], Job]
StartOne = Callable[..., AbstractContextManager[servers.Server]]


@pytest.fixture
def job(tmp_path: Path) -> Iterator[MakeJob]:
    """Makes the job for a database, with this many rows to store."""
    with contextlib.ExitStack() as end:

        def make(url: sa.URL, rows: int) -> Job:
            book = Book()
            book.add_generated("A", DAY, rows)
            vendor = end.enter_context(Emulator(book, now=lambda: LATER))
            made = Job(url, vendor, [f"A,{DAY},"], tmp_path)
            made.engine.dispose()
            end.callback(made.engine.dispose)
            return made

        yield make


@contextlib.contextmanager
def sqlite_on(disk: Disk) -> Iterator[sa.URL]:
    yield servers.Sqlite(disk.path).create(at_head=True)


@contextlib.contextmanager
def server_on(disk: Disk, start_one: StartOne, *options: str) -> Iterator[sa.URL]:
    """A separate server with all its files on the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(disk.path))
        with own_server(start_one, *options) as server:
            patch.undo()
            yield server.create(at_head=True)


def on(disk: Disk, kind: str) -> AbstractContextManager[sa.URL]:
    if kind == "sqlite":
        return sqlite_on(disk)
    if kind == "postgresql":
        return server_on(disk, servers.postgresql)
    # One file for all tables, growing in small steps: where a table has its own, MariaDB itself breaks down.
    return server_on(disk, servers.mariadb, "--innodb-autoextend-increment=1")


def held(job: Job) -> int:
    [found] = job.query("SELECT count(*) AS count FROM number_check")
    return int(found["count"])


def assert_next_run_completes(job: Job, missing: int) -> None:
    ended = finish(start(job.environment, *SYNC))
    assert (ended.status, ended.result["rows"]["inserted"]) == (0, missing)
    job.assert_equals_vendor()
    assert job.states()["A", str(DAY)] == "settled"


@pytest.mark.parametrize("kind", [case("sqlite"), case("postgresql", full=True), case("mariadb", full=True)])
def test_rows_until_the_disk_is_full(kind: str, disk: Disk, job: MakeJob) -> None:
    with on(disk, kind) as url:
        made = job(url, MANY)
        disk.fill(ROOM)
        ended = finish(start(made.environment, *SYNC))
        disk.make_room()
        assert (ended.status, ended.result["status"]) == (75, "incomplete")
        assert "The disk of the database is full (it says: " in ended.messages
        assert "Remedy: make room, then run this again." in ended.messages
        before = held(made)
        assert before < MANY
        assert_next_run_completes(made, MANY - before)


def test_no_room_at_all(disk: Disk, job: MakeJob) -> None:
    with on(disk, "sqlite") as url:
        made = job(url, FEW)
        disk.fill(0)
        ended = finish(start(made.environment, *SYNC))
        disk.make_room()
        assert (ended.status, ended.messages.count("Remedy: look at its disk, then run this again.")) == (75, 1)
        assert_next_run_completes(made, FEW)


def test_metrics_that_find_no_room_do_not_fail_the_run(disk: Disk, job: MakeJob, start_server: Start) -> None:
    made = job(start_server("sqlite").create(at_head=True), FEW)
    metrics = disk.path / "numbercheck.prom"
    disk.fill(0)
    ended = finish(start(made.environment, *SYNC, metrics_file=str(metrics)))
    assert (ended.status, ended.result["rows"]["inserted"]) == (0, FEW)
    assert "No space left on device" in ended.messages
    assert [path.name for path in disk.path.iterdir()] == ["filler"]
    made.assert_equals_vendor()


def test_a_log_that_finds_no_room_does_not_fail_the_run(job: MakeJob, start_server: Start) -> None:
    made = job(start_server("sqlite").create(at_head=True), FEW)
    process = start(made.environment, *SYNC, before=lambda: os.dup2(os.open("/dev/full", os.O_WRONLY), 2))
    ended = finish(process)
    assert (ended.status, ended.result["rows"]["inserted"]) == (0, FEW)
    made.assert_equals_vendor()
