"""The main job from end to end, on every database, compared with what the vendor holds."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl.clock import Clock
from etl.core.batchday import pages_of
from etl.core.planning import Rules, Selection
from etl.emulator import Behaviour, Book, Emulator, Fault, Faults
from etl.emulator.wording import Wording
from etl.vendor import backoff
from tests.job import Job
from tests.servers import POSTGRESQL, SQLITE

FIRST = dt.date(2026, 3, 1)
# 40 batch days: ten dates, four batches each.
SIZES = (0, 1, 99, 100, 101, 5_000, *(37,) * 34)
SMALLER = (0, 1, 99, 100, 101, 1_200, *(37,) * 34)
IN_FLIGHT = 4
MARIADB_FULL = pytest.param("mariadb", marks=[pytest.mark.mariadb, pytest.mark.full])
# All dates are over and settled in the vendor's zone, and none has left the window.
LATER = dt.datetime(2026, 3, 12, 12, tzinfo=dt.UTC)
EVERY_FAULT = {
    "status": 0.01,
    "reset": 0.01,
    "cut_short": 0.01,
    "half_json": 0.01,
    "html": 0.01,
    "throttled": 0.01,
    "data_null": 0.01,
    "short_page": 0.01,
    "long_page": 0.01,
    "lying_total_page": 0.01,
    "empty_ok": 0.01,
    "duplicate_rows": 0.01,
}


def book(sizes: tuple[int, ...] = SMALLER) -> Book:
    made = Book()
    for number, size in enumerate(sizes):
        made.add_generated(f"B{number % 4}", FIRST + dt.timedelta(days=number // 4), size, seed=number)
    return made


def lines() -> list[str]:
    return [f"B{number % 4},{FIRST + dt.timedelta(days=number // 4)}," for number in range(len(SIZES))]


@contextlib.contextmanager
def a_job(engine: sa.Engine, vendor: Emulator, directory: Path) -> Iterator[Job]:
    made = Job(engine.url, vendor, lines(), directory, max_in_flight=str(IN_FLIGHT))
    try:
        yield made
    finally:
        made.engine.dispose()


def test_forty_batch_days_equal_the_vendors(engine: sa.Engine, tmp_path: Path) -> None:
    with Emulator(book(SIZES)) as vendor, a_job(engine, vendor, tmp_path) as job:
        first = job.sync(LATER)
        assert (first.exit_code, first.status) == (0, "complete")
        assert first.rows.received == first.rows.inserted == sum(SIZES)
        job.assert_equals_vendor()
        assert set(job.states().values()) == {"settled"}
        again = job.sync(LATER)
        assert (again.exit_code, again.requests, again.rows.received) == (0, 0, 0)


@pytest.mark.parametrize("server", [SQLITE, POSTGRESQL, MARIADB_FULL], indirect=True)
def test_a_full_read_of_what_is_there_changes_nothing(engine: sa.Engine, tmp_path: Path) -> None:
    with Emulator(book()) as vendor, a_job(engine, vendor, tmp_path) as job:
        job.sync(LATER)
        before = job.query("SELECT * FROM v_number_check ORDER BY message_id, phone")
        full = job.sync(LATER + dt.timedelta(hours=1), Rules(selection=Selection(full=True)))
        assert full.rows.unchanged == full.rows.received == sum(SMALLER)
        assert full.rows.updated == full.rows.inserted == 0
        assert job.query("SELECT * FROM v_number_check ORDER BY message_id, phone") == before


@pytest.mark.parametrize(
    ("server", "wording"),
    [
        ("sqlite", "page"),
        pytest.param("postgresql", "newer", marks=pytest.mark.postgresql),
        pytest.param("sqlite", "newer", marks=pytest.mark.full),
        pytest.param("postgresql", "page", marks=[pytest.mark.postgresql, pytest.mark.full]),
        pytest.param("mariadb", "page", marks=[pytest.mark.mariadb, pytest.mark.full]),
        pytest.param("mariadb", "newer", marks=[pytest.mark.mariadb, pytest.mark.full]),
    ],
    indirect=["server"],
)
def test_both_wordings_and_a_tenth_of_all_answers_failing(
    engine: sa.Engine, tmp_path: Path, wording: Wording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backoff, "FIRST_WAIT", 0.01)
    faults = Faults({Fault(kind): share for kind, share in EVERY_FAULT.items()}, seed=3)
    behaviour = Behaviour(wording=wording, faults=faults, clock_skew=300)
    with Emulator(book(), behaviour=behaviour) as vendor, a_job(engine, vendor, tmp_path) as job:
        result = job.sync(LATER)
        assert result.retries > 0
        assert result.exit_code == 0, result.reasons
        job.assert_equals_vendor()
        job.assert_claims_hold()


@pytest.mark.parametrize("server", [POSTGRESQL, MARIADB_FULL], indirect=True)
def test_a_database_that_drops_every_connection_in_the_middle(engine: sa.Engine, tmp_path: Path) -> None:
    with Emulator(book()) as vendor, a_job(engine, vendor, tmp_path) as job:
        numbers = itertools.count(1)

        def now_and_cut() -> dt.datetime:
            if next(numbers) == 20:
                cut_all_others(engine)
            return LATER

        vendor.now = now_and_cut
        result = job.run_at(Clock(LATER))
        assert result.exit_code == 75
        assert any("database" in str(reason) for reason in result.reasons)
        job.assert_claims_hold()
        vendor.now = lambda: LATER
        assert job.sync(LATER).exit_code == 0
        job.assert_equals_vendor()
        needed = sum(map(pages_of, SMALLER)) + 4  # the last date's batches, a day later
        # Lost: the answers that came in together when the connection broke, and what was asked for until then.
        assert len(vendor.requests) <= needed + 2 * IN_FLIGHT


def cut_all_others(engine: sa.Engine) -> None:
    """End every connection to this database except our own."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(
                sa.text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
            return
        others = sa.text(
            "SELECT id FROM information_schema.processlist WHERE db = database() AND id <> connection_id()"
        )
        for number in connection.execute(others).scalars().all():
            with contextlib.suppress(sa.exc.SQLAlchemyError):
                connection.exec_driver_sql(f"KILL {int(number)}")
