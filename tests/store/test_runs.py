from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from etl.schema.tables import sync_run
from etl.store import accounts, runs
from tests.store.made import HOUR, NOW, table, window


@pytest.fixture
def account_id(connection: sa.Connection) -> int:
    return accounts.register(connection, "default")


def begin(connection: sa.Connection, account_id: int, run_id: str, hours: float = 0) -> None:
    runs.begin(connection, run_id, account_id, window(NOW + hours * HOUR), "1.2.3")


def statuses(connection: sa.Connection) -> dict[str, str]:
    return {row["run_id"]: row["status"] for row in table(connection, sync_run)}


def test_a_run_that_began_is_running(connection: sa.Connection, account_id: int) -> None:
    begin(connection, account_id, "r1")
    [row] = table(connection, sync_run)
    assert row == row | {
        "run_id": "r1",
        "account_id": account_id,
        "started_at": NOW,
        "finished_at": None,
        "status": "running",
        "exit_code": None,
        "window_first": dt.date(2026, 3, 1),
        "window_last": dt.date(2026, 3, 14),
        "version": "1.2.3",
    }
    counts = [value for name, value in row.items() if name.startswith("rows_") or name in ("requests", "retries")]
    assert counts == [0] * 7


def test_figures_are_brought_up_to_date_and_kept(connection: sa.Connection, account_id: int) -> None:
    begin(connection, account_id, "r1")
    begin(connection, accounts.register(connection, "other"), "r2")
    runs.update(connection, "r1", requests=7, rows_received=5_000_000_000, rows_inserted=3)
    runs.update(connection, "r1", requests=9)
    runs.finish(connection, "r1", NOW + HOUR, "incomplete", 75)
    first, second = sorted(table(connection, sync_run), key=lambda row: str(row["run_id"]))
    assert (first["requests"], first["rows_received"], first["rows_inserted"]) == (9, 5_000_000_000, 3)
    assert (first["status"], first["exit_code"], first["finished_at"]) == ("incomplete", 75, NOW + HOUR)
    assert (second["requests"], second["status"], second["finished_at"]) == (0, "running", None)


def test_a_run_that_was_killed_is_recorded_as_interrupted_by_the_next_one(
    connection: sa.Connection, account_id: int
) -> None:
    begin(connection, account_id, "killed")
    begin(connection, account_id, "next", 1)
    assert statuses(connection) == {"killed": "interrupted", "next": "running"}
    runs.finish(connection, "next", NOW, "complete", 0)
    begin(connection, account_id, "third", 2)
    assert statuses(connection) == {"killed": "interrupted", "next": "complete", "third": "running"}


def test_another_accounts_run_is_none_of_ours(connection: sa.Connection, account_id: int) -> None:
    begin(connection, accounts.register(connection, "other"), "theirs")
    begin(connection, account_id, "mine")
    assert statuses(connection) == {"theirs": "running", "mine": "running"}
