"""A database that falls silent: the run ends by itself, SIGTERM ends it sooner, the next one completes."""

from __future__ import annotations

import datetime as dt
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from etl.emulator import Book, Emulator
from tests.blackhole import BlackHole, How
from tests.job import Job
from tests.running import Ended, finish, start, wait_until
from tests.tiers import cases

DAY = dt.date(2026, 3, 10)
LATER = dt.datetime(2026, 3, 12, 6, tzinfo=dt.UTC)
SYNC = ("sync", "--json", "--now", LATER.isoformat())
ROWS = 730
OTHER_SESSIONS = {
    "postgresql": "SELECT count(*) AS count FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    "mariadb": "SELECT count(*) AS count FROM information_schema.processlist WHERE db = database() AND id <> connection_id()",
}
BOTH = ("postgresql", "mariadb")


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


@pytest.fixture
def silence(tmp_path: Path) -> Path:
    """A file: once it exists, patience with the database soon runs out."""
    return tmp_path / "silence"


def through(hole: BlackHole, job: Job, silence: Path) -> dict[str, str]:
    """The settings of a run that sees the database through the hole."""
    url = hole.before(job.engine.url).render_as_string(hide_password=False)
    return job.environment | {"NUMBERCHECK_DATABASE_URL": url, "HASTY_ONCE": str(silence)}


def assert_next_run_completes(job: Job) -> Ended:
    """Once the server has noticed that the lost connection is gone, the lock is free."""
    ask = OTHER_SESSIONS[job.engine.dialect.name]
    wait_until(lambda: job.query(ask)[0]["count"] == 0)
    ended = finish(start(job.environment, *SYNC))
    assert (ended.status, ended.messages.count("Remedy")) == (0, 0)
    job.assert_equals_vendor()
    assert job.states() == {("A", str(DAY)): "settled"}
    counted = job.coverage()["A", str(DAY)]
    assert (counted["reported_rows"], counted["stored_rows"], counted["repeated_rows"]) == (ROWS, ROWS, 0)
    return ended


@pytest.mark.parametrize(
    ("server", "how"),
    cases(BOTH, ["swallowed", "answer lost"], quick=[("postgresql", "swallowed"), ("mariadb", "answer lost")]),
    indirect=["server"],
)
def test_silence_in_the_middle_of_a_commit(job: Job, how: How, silence: Path) -> None:
    where: dict[str, Any] = {
        "following": b"(INSERT INTO|COPY) number_check",
        "when": lambda: len(job.vendor.requests) >= 4,
    }
    with BlackHole(job.engine.url, **where, how=how, note=silence) as hole:
        ended = finish(start(through(hole, job, silence), *SYNC))
        assert hole.silent.is_set()
    assert ended.status == 75
    assert "The connection to the database was lost (it says: " in ended.messages
    assert "Remedy: run this again once it answers; what was stored is kept." in ended.messages
    [held] = job.query("SELECT count(*) AS count FROM number_check")
    in_doubt = ended.result["rows"]["inserted"] - held["count"]
    assert (held["count"] > 0, in_doubt) == (True, {"swallowed": 100, "answer lost": 0}[how])
    after = assert_next_run_completes(job)
    assert after.result["rows"]["inserted"] == ROWS - held["count"]


@pytest.mark.parametrize(
    ("server", "where"),
    cases(BOTH, ["SELECT 1", "SELECT 14", "INSERT 14"], quick=[("mariadb", "SELECT 14")]),
    indirect=["server"],
)
def test_silence_at_other_moments(job: Job, where: str, silence: Path) -> None:
    """While it reads the schema, takes its lock, plans or stores."""
    word, at = where.split()
    with BlackHole(job.engine.url, word.encode(), int(at), note=silence) as hole:
        ended = finish(start(through(hole, job, silence), *SYNC))
        assert hole.silent.is_set()
    assert ended.status == 75
    assert "Remedy: run this again once it answers" in ended.messages
    assert_next_run_completes(job)


@pytest.mark.parametrize(
    ("server", "requests"), cases(BOTH, [0, 4], quick=[("postgresql", 4)]), indirect=["server"]
)
def test_sigterm_while_the_run_waits_for_it(job: Job, requests: int, silence: Path) -> None:
    """Before the first request, and among the pages: the run ends when the database counts as lost, not later."""
    with BlackHole(job.engine.url, when=lambda: len(job.vendor.requests) >= requests) as hole:
        process = start(through(hole, job, silence), *SYNC)
        wait_until(hole.silent.is_set)
        process.send_signal(signal.SIGTERM)
        silence.touch()
        ended = finish(process)
    assert ended.status == 75
    assert_next_run_completes(job)
