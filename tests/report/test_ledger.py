"""The figures of an account, on every database."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl.core.batchday import State
from etl.core.doubt import DoubtKind
from etl.schema.tables import batch_listing, sync_run
from etl.store import accounts, figures, lakedates
from tests.store.made import batch_day
from tests.store.support import DAY, insert

NOW = dt.datetime(2026, 3, 14, 4, 30, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
SOON = NOW + 48 * HOUR
LATER = SOON + dt.timedelta(seconds=1)


@pytest.fixture
def account_id(engine: sa.Engine) -> int:
    with engine.begin() as connection:
        return accounts.register(connection, "default")


def days(engine: sa.Engine, *rows: tuple[str, dict[str, object]], account: str = "default") -> None:
    """Add batch days to the ledger, each with a batch of its own."""
    with engine.begin() as connection:
        for number, (state, values) in enumerate(rows):
            batch_day(connection, f"B{number}", account, state=state, **{"deadline": LATER} | values)


def runs(engine: sa.Engine, account_id: int, *rows: tuple[str, int | None, dt.datetime | None]) -> None:
    with engine.begin() as connection:
        for number, (status, exit_code, finished_at) in enumerate(rows):
            values = {"status": status, "exit_code": exit_code, "finished_at": finished_at}
            values |= {"run_id": f"{account_id}-{number}", "account_id": account_id, "started_at": NOW - HOUR}
            values |= {"window_first": DAY, "window_last": DAY, "version": "1"}
            connection.execute(sa.insert(sync_run).values(values))


def read(engine: sa.Engine, account: str = "default") -> figures.Ledger:
    found = figures.read(engine.url, account, NOW)
    assert found is not None
    return found


def test_nothing_yet(engine: sa.Engine) -> None:
    assert read(engine) == figures.Ledger(dict.fromkeys(State, 0), 0, 0, None, dict.fromkeys(DoubtKind, 0))


def test_states_and_rejected_rows_of_this_account_alone(engine: sa.Engine, account_id: int) -> None:
    days(engine, ("open", {"rejected_rows": 2}), ("settled", {"rejected_rows": 3}), ("settled", {}), ("lost", {}))
    days(engine, ("incomplete", {"rejected_rows": 5, "deadline": NOW}), account="other")
    found = read(engine)
    assert found.batch_days == {"pending": 0, "incomplete": 0, "open": 1, "settled": 2, "lost": 1}
    assert (found.rejected_rows, found.rows_at_risk) == (5, 0)
    assert read(engine, "other").rows_at_risk == 1


def test_rows_at_risk(engine: sa.Engine, account_id: int) -> None:
    """Each batch day that is not complete counts as at least one row, even if nobody knows how many there are."""
    days(
        engine,
        ("incomplete", {"deadline": SOON, "reported_rows": 250, "stored_rows": 100}),
        ("incomplete", {"deadline": NOW - HOUR, "reported_rows": 9, "stored_rows": 9, "repeated_rows": 1}),
        ("pending", {"deadline": NOW}),
        ("incomplete", {"deadline": LATER, "reported_rows": 1000}),
        ("open", {"deadline": NOW, "reported_rows": 5}),
        ("lost", {"deadline": NOW, "reported_rows": 7}),
    )
    assert read(engine).rows_at_risk == 150 + 1 + 1


def test_rows_that_were_submitted_and_never_asked_for(engine: sa.Engine, account_id: int) -> None:
    with engine.begin() as connection:
        day_id = batch_day(connection, "B", state="pending", deadline=NOW)
        query = sa.text("SELECT batch_id, check_date FROM batch_day WHERE batch_day_id = :id")
        listed = connection.execute(query.columns(check_date=sa.Date()), {"id": day_id}).one()
        for source, rows in (("a", 30), ("b", 40)):
            insert(
                connection,
                batch_listing,
                batch_id=listed.batch_id,
                check_date=listed.check_date,
                source=source,
                submitted_rows=rows,
            )
    assert read(engine).rows_at_risk == 70


def test_the_last_success_is_that_of_the_runs_record(engine: sa.Engine, account_id: int) -> None:
    runs(engine, account_id, ("incomplete", 75, NOW), ("running", None, None))
    assert read(engine).last_success is None
    with engine.begin() as connection:
        other = accounts.register(connection, "other")
        connection.execute(sa.delete(sync_run))
    runs(
        engine,
        account_id,
        ("complete", 0, NOW - 48 * HOUR),
        ("complete", 0, NOW - 24 * HOUR),
        ("lost", 65, NOW),
        ("interrupted", None, None),
    )
    runs(engine, other, ("complete", 0, NOW))
    assert read(engine).last_success == NOW - 24 * HOUR


def test_the_last_export_to_a_lake_is_that_of_the_account(engine: sa.Engine, account_id: int) -> None:
    with engine.begin() as connection:
        lakedates.note_export(connection, accounts.register(connection, "other"), NOW)
    assert read(engine).lake_exported is None
    with engine.begin() as connection:
        lakedates.note_export(connection, account_id, NOW - HOUR)
    assert read(engine).lake_exported == NOW - HOUR


def test_a_narrowed_run_is_no_success(engine: sa.Engine, account_id: int) -> None:
    runs(engine, account_id, ("complete", 0, NOW - 24 * HOUR), ("complete", 0, NOW))
    for narrowed, success in ((f"{account_id}-1", NOW - 24 * HOUR), (f"{account_id}-0", None)):
        with engine.begin() as connection:
            connection.execute(sa.update(sync_run).where(sync_run.c.run_id == narrowed).values(narrowed=True))
        assert read(engine).last_success == success


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    assert figures.read(sa.make_url(f"sqlite:///{tmp_path}/none.db"), "default", NOW) is None
    assert list(tmp_path.iterdir()) == []
