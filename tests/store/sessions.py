"""Engines, sessions and threads for tests: they end with the block that they are made for, also if the test fails."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import sqlalchemy as sa

from etl.database.engine import connect
from tests import servers
from tests.running import HANG, wait_until

Made = TypeVar("Made")

# The sessions of the whole server that wait for the lock of another session.
_WAITING = {
    "postgresql": "SELECT count(*) FROM pg_locks WHERE NOT granted",
    # Not innodb_trx: frequent queries get an old state of it.
    "mariadb": "SELECT (SELECT CAST(variable_value AS UNSIGNED) FROM information_schema.global_status "
    "WHERE variable_name = 'innodb_row_lock_current_waits') "
    "+ (SELECT count(*) FROM information_schema.processlist WHERE state = 'User lock')",
}
_OWN = {"postgresql": "SELECT pg_backend_pid()", "mariadb": "SELECT connection_id()"}
_END = {"postgresql": "SELECT pg_terminate_backend({})", "mariadb": "KILL {}"}
_THERE = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE pid = {}",
    "mariadb": "SELECT count(*) FROM information_schema.processlist WHERE id = {}",
}


@contextlib.contextmanager
def engine_for(url: sa.URL, *, patient: bool = False) -> Iterator[sa.Engine]:
    """Another engine for a database."""
    engine = connect(url, patient=patient)
    try:
        yield engine
    finally:
        engine.dispose()


@contextlib.contextmanager
def new_database(server: servers.Server, *, at_head: bool = True) -> Iterator[sa.Engine]:
    """An engine for another database on a server."""
    url = server.create(at_head=at_head)
    try:
        with engine_for(url) as engine:
            yield engine
    finally:
        server.drop(url)


@contextlib.contextmanager
def noted(engine: sa.Engine) -> Iterator[list[str]]:
    """Collects the statements that are sent inside the block."""
    statements: list[str] = []

    def note(*args: Any) -> None:
        statements.append(args[2])

    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


def number_of(connection: sa.Connection) -> int:
    """The server's number for this session."""
    return int(connection.exec_driver_sql(_OWN[connection.dialect.name]).scalar_one())


def cut(engine: sa.Engine, number: int) -> None:
    """Have the server end this session, as an administrator or a restart would. Returns when its locks are gone."""
    kind = engine.dialect.name
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as other:
        other.exec_driver_sql(_END[kind].format(number))
        wait_until(lambda: not other.exec_driver_sql(_THERE[kind].format(number)).scalar_one())


@contextlib.contextmanager
def beside(work: Callable[[], Made]) -> Iterator[Future[Made]]:
    """Run a function in a thread during the block, then wait for it to end; an error in it is raised here."""
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(work)
        yield answer
        answer.result(HANG)


def at_once(works: Iterable[Callable[[], Made]]) -> list[Made]:
    """Run each function in its own thread, and return their results; an error in one of them is raised here."""
    all_of_them = list(works)
    with ThreadPoolExecutor(len(all_of_them)) as pool:
        return [answer.result(HANG) for answer in [pool.submit(work) for work in all_of_them]]


def assert_waits(other: Future[Any], engine: sa.Engine, sent: Sequence[str] = ()) -> None:
    """The other thread comes to wait for a lock. SQLite cannot report that; there, what it has `sent` must do."""
    if engine.dialect.name == "sqlite":
        wait_until(lambda: other.done() or "BEGIN IMMEDIATE" in sent)
    else:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as watching:
            ask = partial(watching.exec_driver_sql, _WAITING[engine.dialect.name])
            wait_until(lambda: other.done() or ask().scalar_one())
    assert not other.done()
