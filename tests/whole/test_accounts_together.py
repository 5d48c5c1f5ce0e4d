"""Accounts in one database, one process each: one is killed, connections break, the next round does the rest."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl.database.engine import connect
from etl.emulator import Book, Emulator
from etl.errors import Locked
from etl.store import accounts
from etl.store.slots import Slots
from tests import customers, pace, restarting, servers
from tests.conftest import Start
from tests.job import Job
from tests.running import Ended, finish, start

ACCOUNTS = ["account-1", "account-2", "account-3"]
KILLED = "account-2"
INTERVAL = 0.05
# Each account has 6 pages: FREE are answered, and IN_FLIGHT more are asked for but not answered.
FREE, IN_FLIGHT = 3, 2
END_SESSIONS = {
    "postgresql": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    "mariadb": "SELECT concat('KILL ', id) FROM information_schema.processlist "
    "WHERE db = database() AND id <> connection_id()",
}


def book() -> Book:
    """The first two have the same new codes, each in its own order; all have a batch with the same number."""
    made = Book()
    customers.register(made, ACCOUNTS)
    date = customers.settled_day(Emulator(made))
    for seed, name in enumerate(ACCOUNTS):
        key = customers.key_of(name)
        made.add_generated("SHARED", date, 200, seed, access_key=key)
        if seed < 2:
            made.add(f"B{seed}", date, customers.rows_with_new_codes(name, 400), access_key=key)
        else:
            made.add_generated(f"B{seed}", date, 400, seed, access_key=key)
    return made


@contextlib.contextmanager
def jobs(url: sa.URL, vendor: Emulator, directory: Path, interval: float) -> Iterator[dict[str, Job]]:
    # A held answer takes as long as the slowest process needs to start.
    given = {"request_interval": str(interval), "max_in_flight": str(IN_FLIGHT), "timeout": "3600"}
    with contextlib.ExitStack() as stack:
        made = {}
        for name in ACCOUNTS:
            made[name] = customers.job(url, vendor, name, directory, **given)
            stack.callback(made[name].engine.dispose)
        yield made


@contextlib.contextmanager
def all_at_once(made: dict[str, Job]) -> Iterator[dict[str, subprocess.Popen[str]]]:
    processes = {name: start(job.environment, "sync", "--json") for name, job in made.items()}
    try:
        yield processes
    finally:
        for process in processes.values():
            process.kill()
            process.communicate()


def disturb(
    made: dict[str, Job], vendor: customers.Holding, break_connections: Callable[[], None]
) -> dict[str, Ended]:
    """Round 1: while all runs are under way, one is killed; then every connection is broken."""
    with all_at_once(made) as processes:
        vendor.wait_until_held(ACCOUNTS, IN_FLIGHT)
        assert [process.poll() for process in processes.values()] == [None] * len(ACCOUNTS)
        assert_locked_by_itself_alone(made)
        processes[KILLED].kill()
        processes[KILLED].wait()
        break_connections()
        vendor.go.set()
        return {name: finish(process) for name, process in processes.items()}


def go_on(made: dict[str, Job]) -> None:
    """Round 2, as a scheduler would begin it: nothing disturbs the runs, and all of them complete their work."""
    with all_at_once(made) as processes:
        for name, process in processes.items():
            ended = finish(process)
            assert (ended.status, ended.result["status"]) == (0, "complete"), ended.messages
            made[name].assert_equals_vendor()


def assert_locked_by_itself_alone(made: dict[str, Job]) -> None:
    for name, job in made.items():
        with pytest.raises(Locked, match=f"the account '{name}' is running"):
            job.sync()


def assert_keeps_pace(job: Job, vendor: Emulator, name: str) -> None:
    """Over both rounds, each request of the account had its own slot."""
    with job.engine.connect() as connection:
        account_id = accounts.find(connection, name)
    assert account_id is not None
    made = pace.moves(job.engine, account_id)
    assert len(made) == len(customers.requests_of(vendor, name))
    pace.assert_keeps_pace(made, INTERVAL)


def assert_round_after_round(engine: sa.Engine, directory: Path, break_connections: Callable[[], None]) -> None:
    pace.note_moves(engine)
    with customers.Holding(book(), FREE) as vendor, jobs(engine.url, vendor, directory, INTERVAL) as made:
        first = disturb(made, vendor, break_connections)
        assert {name: ended.status for name, ended in first.items()} == dict.fromkeys(ACCOUNTS, 75) | {KILLED: -9}
        for name in set(ACCOUNTS) - {KILLED}:
            assert "The connection to the database was lost" in first[name].messages
        go_on(made)
        for name, job in made.items():
            assert_keeps_pace(job, vendor, name)
        runs = made[KILLED].query("SELECT account, status, exit_code FROM v_sync_run ORDER BY account, started_at")
        assert [run["status"] for run in runs if run["exit_code"] == 0] == ["complete"] * len(ACCOUNTS)
        assert "running" not in [run["status"] for run in runs]


@pytest.mark.parametrize(
    "server",
    [servers.POSTGRESQL, pytest.param("mariadb", marks=[pytest.mark.mariadb, pytest.mark.full])],
    indirect=True,
)
def test_every_session_is_ended(engine: sa.Engine, tmp_path: Path) -> None:
    def end_sessions() -> None:
        with engine.connect() as connection:
            statements = connection.exec_driver_sql(END_SESSIONS[engine.url.get_backend_name()]).scalars().all()
            for statement in statements if engine.url.get_backend_name() == "mariadb" else ():
                with contextlib.suppress(sa.exc.DBAPIError):  # sessions of the killed process end by themselves
                    connection.exec_driver_sql(statement)

    assert_round_after_round(engine, tmp_path, end_sessions)


@pytest.fixture
def own_server(start_server: Start) -> Iterator[tuple[servers.Postgresql, restarting.Restarting]]:
    start_server("postgresql")  # skips where there is none
    with restarting.postgresql() as own:
        yield own


@pytest.mark.postgresql
@pytest.mark.full
def test_the_server_is_restarted(
    own_server: tuple[servers.Postgresql, restarting.Restarting], tmp_path: Path
) -> None:
    server, again = own_server
    engine = connect(server.create(at_head=True))

    def restart() -> None:
        again.stop()
        again.start()

    try:
        assert_round_after_round(engine, tmp_path, restart)
    finally:
        engine.dispose()


def test_an_account_that_is_slowed_down_holds_up_no_other(engine: sa.Engine, tmp_path: Path) -> None:
    with Emulator(book()) as vendor, jobs(engine.url, vendor, tmp_path, 0.01) as made:
        with engine.begin() as connection:
            slow = accounts.register(connection, ACCOUNTS[0])
        Slots(engine, slow).push(500)
        assert made[ACCOUNTS[2]].sync().exit_code == 0
        made[ACCOUNTS[2]].assert_equals_vendor()
        result = made[ACCOUNTS[0]].sync(max_seconds="60")
        assert (result.exit_code, result.requests) == (75, 0)
