from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from etl.errors import Locked, Misconfigured, TryLater
from etl.store import accounts, lock
from etl.store.engine import connect
from etl.store.schema import account, currency
from tests import servers

ROOT = Path(__file__).parents[2]
SERVERS = pytest.mark.parametrize("shared", [servers.POSTGRESQL, servers.MARIADB], indirect=True)
SQLITE = pytest.mark.parametrize("shared", [servers.SQLITE], indirect=True)


@pytest.fixture
def account_id(db: sa.Engine) -> int:
    with db.begin() as connection:
        return accounts.register(connection, "default")


@contextlib.contextmanager
def held(engine: sa.Engine, account_id: int, holder: str = "me") -> Iterator[tuple[sa.Connection, lock.Lock]]:
    with engine.connect() as connection:
        mine = lock.acquire(connection, account_id, holder)
        try:
            yield connection, mine
        finally:
            mine.release()


@contextlib.contextmanager
def other_process(
    engine: sa.Engine, account_id: int, holder: str = "the other one"
) -> Iterator[subprocess.Popen[bytes]]:
    url = engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.store.holder", url, str(account_id), holder]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"held\n"
            yield process
        finally:
            process.kill()


def refused(engine: sa.Engine, account_id: int) -> str:
    with engine.connect() as connection, pytest.raises(Locked) as caught:
        lock.acquire(connection, account_id, "the late one")
    return str(caught.value)


def acquired_within(engine: sa.Engine, account_id: int, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(Locked), held(engine, account_id):
            return True
        time.sleep(0.01)
    return False


def session(connection: sa.Connection) -> int:
    """The server's number for this session."""
    ask = "pg_backend_pid" if connection.dialect.name == "postgresql" else "connection_id"
    return int(connection.exec_driver_sql(f"SELECT {ask}()").scalar_one())


def cut(engine: sa.Engine, number: int) -> None:
    """The server ends this session, as an administrator or a restart would."""
    end = "SELECT pg_terminate_backend(%s)" if engine.dialect.name == "postgresql" else "KILL %s"
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as other:
        other.exec_driver_sql(end, (number,))
    time.sleep(0.05)


def currencies(engine: sa.Engine) -> list[Any]:
    with engine.begin() as connection:
        return list(connection.execute(sa.select(currency.c.code)).scalars())


def test_a_second_one_is_refused_at_once_and_told_who(db: sa.Engine, account_id: int) -> None:
    with held(db, account_id, "process 7 on a-host, since 02:30"):
        began = time.monotonic()
        assert "'default' is running: process 7 on a-host, since 02:30." in refused(db, account_id)
        assert time.monotonic() - began < 5
    with db.begin() as connection:
        assert connection.execute(sa.select(account.c.holder)).scalar_one() == "process 7 on a-host, since 02:30"


def test_the_next_one_gets_it_at_once_after_a_release(db: sa.Engine, account_id: int) -> None:
    with db.connect() as other:
        other.execute(sa.select(1))  # so that the pool holds a session that is quick to come
    for _ in range(10):
        for _ in range(2):
            with held(db, account_id) as (_, mine), db.connect() as other:
                other.execute(sa.select(1))
                lock.verify(mine)


def test_a_second_process_is_refused_until_the_first_is_killed(db: sa.Engine, account_id: int) -> None:
    with other_process(db, account_id) as process:
        assert refused(db, account_id).endswith("is running: the other one.")
        process.kill()
        process.wait()
        assert acquired_within(db, account_id, 5)


def test_a_process_that_ends_releases_it(db: sa.Engine, account_id: int) -> None:
    with held(db, account_id):
        pass
    with other_process(db, account_id) as process:
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(10) == 0
        assert acquired_within(db, account_id, 1)


def test_accounts_do_not_keep_each_other_out(db: sa.Engine, account_id: int) -> None:
    with db.begin() as connection:
        other = accounts.register(connection, "other")
    with held(db, account_id) as (_, mine), held(db, other) as (_, theirs):
        lock.verify(mine)
        lock.verify(theirs)
        assert "'other'" in refused(db, other)


def test_verify_lets_the_holder_write(db: sa.Engine, account_id: int) -> None:
    with held(db, account_id) as (connection, mine):
        for code in ("EUR", "VND"):
            with connection.begin():
                connection.execute(currency.insert().values(code=code))
                lock.verify(mine)
    assert sorted(currencies(db)) == ["EUR", "VND"]


def write(connection: sa.Connection, mine: lock.Lock) -> None:
    with connection.begin():
        connection.execute(currency.insert().values(code="EUR"))
        lock.verify(mine)


@SERVERS
def test_a_session_that_is_cut_in_a_transaction_commits_nothing(db: sa.Engine, account_id: int) -> None:
    with held(db, account_id) as (connection, mine):
        with pytest.raises((TryLater, sa.exc.DBAPIError)), connection.begin():
            connection.execute(currency.insert().values(code="EUR"))
            cut(db, session(connection))
            lock.verify(mine)
        # Whoever goes on has a new session, without the lock.
        for _ in range(2):
            with pytest.raises((TryLater, sa.exc.DBAPIError)):
                write(connection, mine)
    assert currencies(db) == []
    assert acquired_within(db, account_id, 1)


@SERVERS
def test_a_session_that_is_cut_between_transactions_writes_no_more(db: sa.Engine, account_id: int) -> None:
    with held(db, account_id) as (connection, mine):
        number = session(connection)
        connection.rollback()
        cut(db, number)
        assert acquired_within(db, account_id, 5)
        with pytest.raises(sa.exc.DBAPIError):
            write(connection, mine)
        with pytest.raises(TryLater, match="lost its lock"):
            write(connection, mine)
    assert currencies(db) == []


@SERVERS
def test_a_reconnected_session_does_not_hold_what_another_one_took(db: sa.Engine, account_id: int) -> None:
    with held(db, account_id) as (connection, mine):
        cut(db, session(connection))
        connection.invalidate()
        connection.rollback()
        with held(db, account_id) as (_, theirs):
            with pytest.raises(TryLater, match="nothing more is written"):
                write(connection, mine)
            mine.release()
            lock.verify(theirs)
            assert "is running" in refused(db, account_id)
    assert currencies(db) == []


@SERVERS
def test_another_database_of_the_server_has_locks_of_its_own(
    db: sa.Engine, account_id: int, start_server: Any
) -> None:
    server = start_server(db.dialect.name)
    url = server.create(at_head=True)
    other = connect(url)
    with other.begin() as connection:
        same_number = accounts.register(connection, "default")
        connection.execute(account.update().values(account_id=account_id))
    assert same_number
    with held(db, account_id) as (_, mine), held(other, account_id) as (_, theirs):
        lock.verify(mine)
        lock.verify(theirs)
    other.dispose()
    server.drop(url)


@pytest.mark.parametrize("shared", [servers.POSTGRESQL], indirect=True)
def test_schemas_of_one_database_have_locks_of_their_own(db: sa.Engine, account_id: int) -> None:
    with db.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA elsewhere")
        connection.exec_driver_sql("CREATE TABLE elsewhere.account AS SELECT * FROM account")
    with held(db, account_id) as (_, mine), db.connect() as connection:
        connection.exec_driver_sql("SET search_path = elsewhere")
        theirs = lock.acquire(connection, account_id, "they")
        lock.verify(mine)
        lock.verify(theirs)
        theirs.release()
    with db.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA elsewhere CASCADE")


@SQLITE
@pytest.mark.parametrize("what", ["removed", "replaced", "moved"])
def test_a_lock_file_that_somebody_removed_holds_nothing(db: sa.Engine, account_id: int, what: str) -> None:
    file = Path(f"{db.url.database}.sync-{account_id}.lock")
    with held(db, account_id) as (connection, mine):
        assert file.exists()
        file.rename(file.with_suffix(".moved")) if what == "moved" else file.unlink()
        if what == "replaced":
            file.write_bytes(b"")
        with pytest.raises(TryLater, match="lost its lock"):
            write(connection, mine)
        with held(db, account_id) as (_, theirs):
            lock.verify(theirs)
    assert currencies(db) == []


@SQLITE
def test_a_link_to_the_file_is_the_same_database(db: sa.Engine, account_id: int, tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(str(db.url.database))
    links = [
        connect(sa.make_url(f"sqlite:///{name}")) for name in ("link.db", f"{tmp_path}/../{tmp_path.name}/link.db")
    ]
    with held(db, account_id, "me"):
        for link in links:
            assert "is running: me" in refused(link, account_id)
            link.dispose()


@SQLITE
def test_another_working_directory_does_not_matter(
    db: sa.Engine, account_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, name = os.path.split(str(db.url.database))
    monkeypatch.chdir(folder)
    here = connect(sa.make_url(f"sqlite:///{name}"))
    with held(here, account_id) as (_, mine):
        monkeypatch.chdir("/")
        lock.verify(mine)
        assert "is running" in refused(db, account_id)
    here.dispose()


@SQLITE
def test_a_lock_file_that_cannot_be_opened_is_named(db: sa.Engine, account_id: int) -> None:
    file = Path(f"{db.url.database}.sync-{account_id}.lock")
    file.unlink(missing_ok=True)
    file.mkdir()
    with (
        db.connect() as connection,
        pytest.raises(Misconfigured, match=r"lock file .*\.lock cannot be locked \(.*Remedy"),
    ):
        lock.acquire(connection, account_id, "me")
    file.rmdir()


def test_a_database_in_memory_has_nobody_to_keep_out() -> None:
    engine = connect(sa.make_url("sqlite://"))
    with engine.connect() as connection:
        account.create(connection)
        number = accounts.register(connection, "default")
        mine = lock.acquire(connection, number, "me")
        lock.verify(mine)
        mine.release()
    engine.dispose()
