from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from etl.database import silence
from etl.database.engine import explain
from etl.errors import DatabaseUnreachable
from tests.clocks import HandSet
from tests.patience import SPEED, Timelapse, count_by
from tests.servers import MARIADB, POSTGRESQL
from tests.store.sessions import engine_for

NEARLY = 0.7 * silence.SILENCE
# Seconds of silence during which the driver checks the clock.
A_LOOK = 0.25
SERVERS = pytest.mark.parametrize("server", [POSTGRESQL, MARIADB], indirect=True)


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """While this event is set, patience lasts less than a second; otherwise it lasts for ever."""
    event = threading.Event()
    count_by(Timelapse(event.is_set), monkeypatch.setattr)
    return event


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> HandSet:
    """The clock by which patience is measured."""
    made = HandSet()
    count_by(made, monkeypatch.setattr)
    return made


@pytest.fixture
def taken(database: sa.URL) -> Iterator[None]:
    """Hold the lock for as long as the test lasts, so that anyone who asks for it waits."""
    with engine_for(database) as engine, engine.connect() as connection:
        wait_for_lock(connection)
        yield
        connection.invalidate()


def wait_for_lock(connection: sa.Connection) -> None:
    """Keep the server silent until the lock is free."""
    mariadb = connection.dialect.name == "mariadb"
    connection.exec_driver_sql("SELECT get_lock('taken', 86400)" if mariadb else "SELECT pg_advisory_lock(1)")


def sleep(connection: sa.Connection, seconds: float) -> None:
    """Keep the server silent for so many seconds."""
    function = "sleep" if connection.dialect.name == "mariadb" else "pg_sleep"
    connection.exec_driver_sql(f"SELECT {function}({seconds})")


@SERVERS
def test_a_server_that_says_nothing_for_long_is_lost(
    database: sa.URL, taken: None, hurry: threading.Event
) -> None:
    with engine_for(database) as engine:
        with engine.connect() as connection:
            hurry.set()
            with pytest.raises(sa.exc.DBAPIError) as caught:
                wait_for_lock(connection)
            assert connection.invalidated
        told = explain(caught.value)
        assert isinstance(told, DatabaseUnreachable)
        assert "The connection to the database was lost" in str(told)
        hurry.clear()
        with engine.connect() as connection:
            sleep(connection, 0)


@SERVERS
def test_work_that_may_take_long_is_let_alone(database: sa.URL, hurry: threading.Event) -> None:
    with engine_for(database, patient=True) as engine, engine.connect() as connection:
        hurry.set()
        sleep(connection, 2 * silence.SILENCE / SPEED)


@SERVERS
def test_who_hears_something_now_and_then_may_wait_longer(database: sa.URL, clock: HandSet) -> None:
    with engine_for(database) as engine, engine.connect() as connection:
        for _ in range(2):
            clock.now += NEARLY
            sleep(connection, A_LOOK)


@pytest.mark.parametrize("server", [POSTGRESQL], indirect=True)
def test_whatever_is_heard_counts(database: sa.URL, clock: HandSet) -> None:
    """Here, these are notices: the server goes on once each was heard."""
    numbers = iter(range(2))

    def hear(_: object) -> None:
        clock.now += NEARLY
        other.exec_driver_sql(f"SELECT pg_advisory_unlock({next(numbers)})")

    with engine_for(database) as engine, engine.connect() as connection, engine.connect() as other:
        other.exec_driver_sql("SELECT pg_advisory_lock(n) FROM generate_series(0, 1) n")
        driver: Any = connection.connection.driver_connection
        driver.add_notice_handler(hear)
        connection.exec_driver_sql(
            "DO $$ BEGIN FOR n IN 0..1 LOOP RAISE NOTICE 'still here'; "
            f"PERFORM pg_advisory_xact_lock(n); PERFORM pg_sleep({A_LOOK}); END LOOP; END $$"
        )
    assert next(numbers, None) is None
