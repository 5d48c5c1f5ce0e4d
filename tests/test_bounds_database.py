"""A database that falls silent: the run ends by itself, SIGTERM ends it sooner, the next one completes."""

from __future__ import annotations

import datetime as dt
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl.emulator import Book, Emulator
from tests.blackhole import BlackHole, How
from tests.job import Job
from tests.running import Ended, finish, start, wait_until
from tests.servers import MARIADB, POSTGRESQL

DAY = dt.date(2026, 3, 10)
LATER = dt.datetime(2026, 3, 12, 6, tzinfo=dt.UTC)
SYNC = ("sync", "--json", "--now", LATER.isoformat())
ROWS = 730

pytestmark = pytest.mark.parametrize("server", [POSTGRESQL, MARIADB], indirect=True)


@pytest.fixture
def vendor() -> Iterator[Emulator]:
    book = Book()
    book.add_generated("A", DAY, ROWS)
    with Emulator(book, now=lambda: LATER) as vendor:
        yield vendor


@pytest.fixture
def job(database: sa.URL, engine: sa.Engine, vendor: Emulator, tmp_path: Path) -> Iterator[Job]:
    made = Job(engine.url, vendor, [f"A,{DAY},"], tmp_path, max_in_flight="1", spill_days="0")
    yield made
    made.engine.dispose()


def through(hole: BlackHole, job: Job) -> dict[str, str]:
    """The settings of a run that sees the database through the hole."""
    url = hole.before(job.engine.url).render_as_string(hide_password=False)
    return job.environment | {"NUMBERCHECK_DATABASE_URL": url}


def assert_next_run_completes(job: Job) -> Ended:
    """Once the server has noticed that the lost connection is gone, the lock is free."""
    ended: list[Ended] = []

    def completed() -> bool:
        ended.append(finish(start(job.environment, *SYNC)))
        return ended[-1].result["status"] != "locked"

    wait_until(completed)
    assert (ended[-1].status, ended[-1].messages.count("Remedy")) == (0, 0)
    job.assert_equals_vendor()
    assert job.states() == {("A", str(DAY)): "settled"}
    counted = job.coverage()["A", str(DAY)]
    assert (counted["reported_rows"], counted["stored_rows"], counted["repeated_rows"]) == (ROWS, ROWS, 0)
    return ended[-1]


@pytest.mark.parametrize("how", ["swallowed", "answer lost"])
def test_silence_in_the_middle_of_a_commit(job: Job, how: How) -> None:
    url, rows = job.engine.url, b"INSERT INTO number_check"
    with BlackHole(url, following=rows, when=lambda: len(job.vendor.requests) >= 4, how=how) as hole:
        ended = finish(start(through(hole, job), *SYNC, silence=0.6))
        assert hole.silent.is_set()
    assert ended.status == 75
    assert "The connection to the database was lost (it says: " in ended.messages
    assert "Remedy: run this again once it answers; what was stored is kept." in ended.messages
    [held] = job.query("SELECT count(*) AS count FROM number_check")
    in_doubt = ended.result["rows"]["inserted"] - held["count"]
    assert (held["count"] > 0, in_doubt) == (True, {"swallowed": 100, "answer lost": 0}[how])
    after = assert_next_run_completes(job)
    assert after.result["rows"]["inserted"] == ROWS - held["count"]


@pytest.mark.parametrize(("word", "at"), [(b"SELECT", 1), (b"SELECT", 14), (b"INSERT", 14)])
def test_silence_at_other_moments(job: Job, word: bytes, at: int) -> None:
    """While it looks at the schema, takes its lock, plans, or stores."""
    with BlackHole(job.engine.url, word, at) as hole:
        ended = finish(start(through(hole, job), *SYNC, silence=0.4))
        assert hole.silent.is_set()
    assert ended.status == 75
    assert "Remedy: run this again once it answers" in ended.messages
    assert_next_run_completes(job)


@pytest.mark.parametrize("requests", [0, 4])
def test_sigterm_while_the_run_waits_for_it(job: Job, requests: int) -> None:
    """Before the first request, and among the pages: the run ends when the database counts as lost, not later."""
    with BlackHole(job.engine.url, when=lambda: len(job.vendor.requests) >= requests) as hole:
        process = start(through(hole, job), *SYNC, silence=1.5)
        wait_until(hole.silent.is_set)
        process.send_signal(signal.SIGTERM)
        ended = finish(process, 20)
    assert ended.status == 75
    assert_next_run_completes(job)
