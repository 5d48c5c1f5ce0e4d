from __future__ import annotations

import pytest
import sqlalchemy as sa

from etl.errors import DatabaseUnreachable
from etl.store import silence
from etl.store.engine import connect, explain
from tests.servers import MARIADB, POSTGRESQL

pytestmark = pytest.mark.parametrize("server", [POSTGRESQL, MARIADB], indirect=True)


def sleep(connection: sa.Connection, seconds: float) -> None:
    """Let the server say nothing for so long."""
    function = "sleep" if connection.dialect.name == "mariadb" else "pg_sleep"
    connection.exec_driver_sql(f"SELECT {function}({seconds})")


def test_a_server_that_says_nothing_for_long_is_lost(database: sa.URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence, "SILENCE", 0.2)
    engine = connect(database)
    with engine.connect() as connection:
        with pytest.raises(sa.exc.DBAPIError) as caught:
            sleep(connection, 30)
        assert connection.invalidated
    told = explain(caught.value)
    assert isinstance(told, DatabaseUnreachable)
    assert "The connection to the database was lost" in str(told)
    with engine.connect() as connection:
        sleep(connection, 0)
    engine.dispose()


def test_work_that_may_take_long_is_let_alone(database: sa.URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence, "SILENCE", 0.05)
    engine = connect(database, patient=True)
    with engine.connect() as connection:
        sleep(connection, 0.5)
    engine.dispose()


def test_who_hears_something_now_and_then_may_wait_longer(
    database: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silence, "SILENCE", 0.5)
    engine = connect(database)
    with engine.connect() as connection:
        for _ in range(6):
            sleep(connection, 0.1)
    engine.dispose()
