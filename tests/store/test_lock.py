from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl.errors import Locked, Misconfigured, TryLater
from etl.schema.tables import account, currency
from etl.store import accounts, lock
from tests import servers
from tests.conftest import Start
from tests.running import HANG, wait_until
from tests.store.sessions import cut, engine_for, new_database, noted, number_of

ROOT = Path(__file__).parents[2]
SERVERS = pytest.mark.parametrize("shared", [servers.POSTGRESQL, servers.MARIADB], indirect=True)
SQLITE = pytest.mark.parametrize("shared", [servers.SQLITE], indirect=True)


@pytest.fixture
def account_id(db: sa.Engine) -> Iterator[int]:
    with db.begin() as connection:
        number = accounts.register(connection, "default")
    yield number
    # SQLite uses numbers again, so a later test would find these files.
    for file in lock_files(db):
        file.unlink()


def lock_files(engine: sa.Engine) -> list[Path]:
    if engine.dialect.name != "sqlite":
        return []
    database = Path(str(engine.url.database))
    return list(database.parent.glob(f"{database.name}.sync-*"))


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


def is_free(engine: sa.Engine, account_id: int) -> bool:
    with contextlib.suppress(Locked), held(engine, account_id):
        return True
    return False


def currencies(engine: sa.Engine) -> list[str]:
    with engine.begin() as connection:
        return list(connection.execute(sa.select(currency.c.code)).scalars())


def test_a_second_one_is_refused_at_once_and_learns_who_holds_it(db: sa.Engine, account_id: int) -> None:
    with held(db, account_id, "process 7 on a-host, since 02:30"):
        with noted(db) as statements:
            assert "'default' is running: process 7 on a-host, since 02:30." in refused(db, account_id)
        # The holder may have locked the row for a while.
        assert not [statement for statement in statements if "FOR " in statement or "get_lock" in statement]
    with db.begin() as connection:
        assert connection.execute(sa.select(account.c.holder)).scalar_one() == "process 7 on a-host, since 02:30"


def test_the_next_one_gets_it_at_once_after_a_release(db: sa.Engine, account_id: int) -> None:
    with db.connect() as other:
        other.execute(sa.select(1))  # so that the pool has a session ready
    for _ in range(10):
        for _ in range(2):
            with held(db, account_id) as (_, mine), db.connect() as other:
                other.execute(sa.select(1))
                lock.verify(mine)


def test_each_of_several_locks_is_free_once_it_is_released(db: sa.Engine, account_id: int) -> None:
    """A copy holds the locks of all accounts on one connection; a server may be slow to notice that it ended."""
    with db.begin() as connection:
        numbers = [account_id, *(accounts.register(connection, name) for name in ("b", "c"))]
    with db.connect() as connection:
        locks = [lock.acquire(connection, number, "me") for number in numbers]
        for left in range(len(locks), 0, -1):
            assert [is_free(db, number) for number in numbers] == [False] * left + [True] * (len(locks) - left)
            locks[left - 1].release()
        assert all(is_free(db, number) for number in numbers)


def test_a_second_process_is_refused_until_the_first_is_killed(db: sa.Engine, account_id: int) -> None:
    with other_process(db, account_id) as process:
        assert refused(db, account_id).endswith("is running: the other one.")
        process.kill()
        process.wait()
        wait_until(lambda: is_free(db, account_id))  # as soon as the server notices


def test_a_process_that_ends_releases_it(db: sa.Engine, account_id: int) -> None:
    with held(db, account_id):
        pass
    with other_process(db, account_id) as process:
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(HANG) == 0
        assert is_free(db, account_id)


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
            cut(db, number_of(connection))
            lock.verify(mine)
        # Whatever is sent after that uses a new session, which does not have the lock.
        for _ in range(2):
            with pytest.raises((TryLater, sa.exc.DBAPIError)):
                write(connection, mine)
    assert currencies(db) == []
    assert is_free(db, account_id)


@SERVERS
def test_a_session_that_is_cut_between_transactions_writes_no_more(db: sa.Engine, account_id: int) -> None:
    with held(db, account_id) as (connection, mine):
        number = number_of(connection)
        connection.rollback()
        cut(db, number)
        assert is_free(db, account_id)
        with pytest.raises(sa.exc.DBAPIError):
            write(connection, mine)
        with pytest.raises(TryLater, match="lost its lock"):
            write(connection, mine)
    assert currencies(db) == []


@SERVERS
def test_a_reconnected_session_does_not_hold_what_another_one_took(db: sa.Engine, account_id: int) -> None:
    with held(db, account_id) as (connection, mine):
        cut(db, number_of(connection))
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
    db: sa.Engine, account_id: int, start_server: Start
) -> None:
    with new_database(start_server(db.dialect.name)) as other:
        with other.begin() as connection:
            same_number = accounts.register(connection, "default")
            connection.execute(account.update().values(account_id=account_id))
        assert same_number
        with held(db, account_id) as (_, mine), held(other, account_id) as (_, theirs):
            lock.verify(mine)
            lock.verify(theirs)


@pytest.mark.parametrize("server", [servers.POSTGRESQL], indirect=True)
def test_schemas_of_one_database_have_locks_of_their_own(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        account_id = accounts.register(connection, "default")
        connection.exec_driver_sql("CREATE SCHEMA elsewhere")
        connection.exec_driver_sql("CREATE TABLE elsewhere.account AS SELECT * FROM account")
    url = engine.url.update_query_dict({"options": "-csearch_path=elsewhere"})
    with (
        engine_for(url) as elsewhere,
        held(elsewhere, account_id) as (_, theirs),
        held(engine, account_id) as (_, mine),
    ):
        lock.verify(mine)
        lock.verify(theirs)


@SQLITE
@pytest.mark.parametrize("what", ["removed", "replaced", "moved"])
def test_a_lock_file_that_was_removed_holds_nothing(db: sa.Engine, account_id: int, what: str) -> None:
    with held(db, account_id) as (connection, mine):
        (file,) = lock_files(db)
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
    with held(db, account_id, "me"):
        for name in ("link.db", f"{tmp_path}/../{tmp_path.name}/link.db"):
            with engine_for(sa.make_url(f"sqlite:///{name}")) as link:
                assert "is running: me" in refused(link, account_id)


@SQLITE
def test_another_working_directory_does_not_matter(
    db: sa.Engine, account_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, name = os.path.split(str(db.url.database))
    monkeypatch.chdir(folder)
    with engine_for(sa.make_url(f"sqlite:///{name}")) as here, held(here, account_id) as (_, mine):
        monkeypatch.chdir("/")
        lock.verify(mine)
        assert "is running" in refused(db, account_id)


@SQLITE
def test_a_lock_file_that_cannot_be_opened_is_named(db: sa.Engine, account_id: int) -> None:
    with held(db, account_id):
        (file,) = lock_files(db)
        file.unlink()
        file.symlink_to("/")
    with (
        db.connect() as connection,
        pytest.raises(Misconfigured, match=r"lock file .*\.lock cannot be locked \(.*Remedy"),
    ):
        lock.acquire(connection, account_id, "me")


def test_a_database_in_memory_has_nobody_to_keep_out() -> None:
    with engine_for(sa.make_url("sqlite://")) as engine, engine.connect() as connection:
        account.create(connection)
        number = accounts.register(connection, "default")
        mine = lock.acquire(connection, number, "me")
        lock.verify(mine)
        mine.release()


# -- who may take it ----------------------------------------------------------------------------------------------


@SQLITE
def test_nobody_else_may_read_the_lock_file(db: sa.Engine, account_id: int) -> None:
    """Whoever can read a file can lock it."""
    umask = os.umask(0)
    try:
        with held(db, account_id):
            assert [file.stat().st_mode & 0o777 for file in lock_files(db)] == [0o600]
    finally:
        os.umask(umask)
    assert lock_files(db) == []


@SQLITE
@pytest.mark.parametrize("name", ["sync-{}.lock", "sync-{}.run.lock"])
def test_a_file_that_somebody_else_locked_keeps_nobody_out(db: sa.Engine, account_id: int, name: str) -> None:
    """Such as the one that earlier versions left behind, readable by everybody."""
    path = Path(f"{db.url.database}.{name.format(account_id)}")
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert is_free(db, account_id)


@SQLITE
def test_the_file_of_a_run_that_was_killed_is_removed(db: sa.Engine, account_id: int) -> None:
    with other_process(db, account_id) as process:
        process.kill()
        process.wait()
    assert len(lock_files(db)) == 1
    assert is_free(db, account_id)
    assert lock_files(db) == []


@pytest.fixture
def stranger(db: sa.Engine) -> Iterator[sa.Engine]:
    """A role that may connect, and nothing else."""
    name = f"stranger_{secrets.token_hex(4)}"
    quoted, given = (f"'{name}'@'127.0.0.1'", "USAGE ON *.*") if db.dialect.name == "mariadb" else (name, "")
    with db.begin() as connection:
        if db.dialect.name == "mariadb":
            connection.exec_driver_sql(f"CREATE USER {quoted} IDENTIFIED BY 'p'")
            connection.exec_driver_sql(f"GRANT {given} TO {quoted}")
        else:
            connection.exec_driver_sql(f"CREATE ROLE {quoted} LOGIN PASSWORD 'p'")
    url = db.url.set(username=name, password="p")
    with engine_for(url.set(database="information_schema") if db.dialect.name == "mariadb" else url) as engine:
        yield engine
    with db.begin() as connection:
        connection.exec_driver_sql(f"DROP {'USER' if db.dialect.name == 'mariadb' else 'ROLE'} {quoted}")


@SERVERS
def test_who_may_only_connect_keeps_nobody_out(db: sa.Engine, stranger: sa.Engine, account_id: int) -> None:
    with held(db, account_id):
        pass
    with db.connect() as connection:
        name, session = connection.execute(sa.select(account.c.lock_key, account.c.lock_session)).one()
    kind = lock._kind(db.dialect)
    with stranger.connect() as connection:
        theirs = kind.take(connection, name)  # even if it could learn the name
        assert theirs.session != session
        assert kind.is_taken(connection, name, theirs.session)
        assert is_free(db, account_id)
        theirs.release()


@SERVERS
def test_a_refusal_names_who_holds_it_now(db: sa.Engine, stranger: sa.Engine, account_id: int) -> None:
    with held(db, account_id, "a run of yesterday"):
        pass
    with held(db, account_id, "a run of today"), stranger.connect() as connection:
        lock._kind(db.dialect).take(connection, "0" * 32)
        assert refused(db, account_id).endswith("is running: a run of today.")


@SERVERS
def test_a_row_that_names_another_lock_ends_this_one(db: sa.Engine, account_id: int) -> None:
    """Who may write the row may take the lock away."""
    with held(db, account_id) as (connection, mine):
        with db.begin() as other:
            other.execute(account.update().values(lock_key="f" * 32))
        with pytest.raises(TryLater, match="lost its lock"):
            write(connection, mine)
    assert currencies(db) == []
