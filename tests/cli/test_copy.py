"""`numbercheck db copy`, as the person on duty sees it."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from tests.cli.support import NOW, Command, connected, ended, holding, rows
from tests.cli.test_progress import on_a_terminal
from tests.conftest import Start
from tests.running import wait_until
from tests.servers import MARIADB, POSTGRESQL, SQLITE

FROM_SQLITE = [SQLITE, POSTGRESQL, MARIADB]


@pytest.fixture
def target(command: Command, database: sa.URL) -> Iterator[sa.URL]:
    """An empty database for the command to copy to."""
    command.environment["NUMBERCHECK_COPY_TO_DATABASE_URL"] = database.render_as_string(hide_password=False)
    command.processes = False
    return database


@pytest.fixture
def locking(target: sa.URL) -> Iterator[sa.Engine]:
    """Another engine for the target."""
    with connected(target) as engine:
        yield engine


def upgrade(command: Command, target: sa.URL) -> None:
    command("db", "upgrade", database_url=target.render_as_string(hide_password=False))


def test_away_from_sqlite(command: Command, target: sa.URL) -> None:
    assert command.sync().result["rows"]["inserted"] == 370
    refused = command("db", "copy", status=78)
    assert "The target: The database holds no schema yet" in refused.messages
    upgrade(command, target)

    command.processes = True
    done = command("db", "copy")

    lines = done.out.splitlines()
    assert [
        " ".join(line.split()) for line in lines if line.startswith(("number_check", "account", "sync_run"))
    ] == [
        "account 1",
        "number_check 370",
        "sync_run 1",
    ]
    assert f"rows from sqlite to {target.get_backend_name()}." in done.out
    assert "Verified: count and checksum of every table are the same in both databases." in lines
    assert done.err == ""
    command.processes = False
    assert "not empty" in command("db", "copy", status=78).messages
    again = command.sync(database_url=target.render_as_string(hide_password=False), copy_to_database_url=None)
    assert (again.result["rows"]["inserted"], again.result["requests"]) == (0, 1)  # today's may grow
    assert [status for (status,) in rows(target, "SELECT status FROM v_sync_run")] == ["complete", "complete"]


@pytest.mark.parametrize("server", [SQLITE], indirect=True)
def test_nothing_to_copy_to_or_from(command: Command, target: sa.URL) -> None:
    done = command("db", "copy", status=78, copy_to_database_url=None)
    assert "NUMBERCHECK_COPY_TO_DATABASE_URL is not set" in done.messages
    assert "The database holds no schema yet" in command("db", "copy", status=78).messages
    done = command("db", "copy", status=78, copy_to_database_url="sqlite:////nowhere/at/all.db")
    assert "The target: The directory of the SQLite file" in done.messages
    assert "correct NUMBERCHECK_COPY_TO_DATABASE_URL" in done.messages
    done = command("db", "copy", status=78, copy_to_database_url="oracle://a:hidden@b/c")
    assert "NUMBERCHECK_COPY_TO_DATABASE_URL must begin with" in done.messages
    assert command.files() == {"batches.csv"}


@pytest.mark.parametrize("server", [SQLITE], indirect=True)
def test_not_beside_a_sync(prepared: Command, target: sa.URL) -> None:
    upgrade(prepared, target)
    with (
        holding(prepared.vendor) as release,
        ended(prepared.start("sync", "--json", "--now", NOW.isoformat())) as first,
    ):
        wait_until(lambda: len(prepared.vendor.requests) > 1)
        done = prepared("db", "copy", status=75)
        assert f"Another sync of the account 'default' is running: process {first.pid} on " in done.messages
        release.set()
        assert prepared.finish(first).result["status"] == "complete"
    prepared("db", "copy")
    assert rows(target, "SELECT count(*) FROM number_check") == [(370,)]


@pytest.mark.parametrize("server", [POSTGRESQL], indirect=True)
def test_stopped_by_ctrl_c(command: Command, target: sa.URL, locking: sa.Engine) -> None:
    command.sync()
    upgrade(command, target)
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with locking.begin() as connection:
        connection.execute(sa.text("LOCK TABLE number_check IN EXCLUSIVE MODE"))
        with ended(command.start("db", "copy")) as process:
            wait_until(lambda: rows(target, waiting))
            process.send_signal(signal.SIGINT)
            done = command.finish(process, status=75)
    assert "Stopped by a signal. Nothing was written to the target." in done.messages
    assert rows(target, "SELECT * FROM account") == []
    command("db", "copy")


@pytest.mark.parametrize("server", [SQLITE], indirect=True)
def test_progress_on_a_terminal(command: Command, target: sa.URL, start_server: Start) -> None:
    command.sync()
    upgrade(command, target)
    out, drawn = on_a_terminal(command, "db", "copy")
    assert "\x1b" not in out
    assert "checking" in drawn
    assert "Verified" in out
