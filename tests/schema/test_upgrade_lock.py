"""Who can keep an upgrade waiting: on PostgreSQL only who may write, on MariaDB whoever is then named."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from etl.errors import TryLater
from etl.schema import migrate
from tests.running import HANG, wait_until
from tests.servers import MARIADB, POSTGRESQL
from tests.store.sessions import engine_for, number_of


@pytest.fixture
def empty(database: sa.URL) -> Iterator[sa.Engine]:
    """A database without a schema."""
    with engine_for(database) as engine:
        yield engine


@pytest.mark.parametrize("server", [POSTGRESQL], indirect=True)
def test_advisory_locks_of_somebody_else_keep_no_first_upgrade_waiting(
    empty: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "WAIT_SECONDS", 1)
    with engine_for(empty.url) as other, other.connect() as stranger:
        stranger.exec_driver_sql("SELECT pg_advisory_lock(7957704939903349608)")  # that of earlier versions
        for _ in range(2):
            migrate.upgrade(empty)
    assert migrate.check(empty) == []


@pytest.mark.parametrize("server", [POSTGRESQL], indirect=True)
def test_of_two_first_upgrades_the_second_waits(empty: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "WAIT_SECONDS", 1)
    with engine_for(empty.url) as other, migrate.alone(other):
        assert migrate.current(empty) is None, "who only looks does not wait"
        with pytest.raises(sa.exc.OperationalError, match="lock timeout"):
            migrate.upgrade(empty)
    migrate.upgrade(empty)
    assert migrate.check(empty) == []


@pytest.mark.parametrize("server", [POSTGRESQL], indirect=True)
def test_a_first_upgrade_goes_on_when_another_one_has_ended(empty: sa.Engine) -> None:
    def blocked() -> bool:
        with empty.connect() as connection:
            return bool(connection.exec_driver_sql("SELECT count(*) FROM pg_locks WHERE NOT granted").scalar_one())

    with ThreadPoolExecutor(1) as pool, engine_for(empty.url) as other:
        with migrate.alone(other):
            second = pool.submit(migrate.upgrade, empty)
            wait_until(blocked)
        second.result(HANG)
    assert migrate.check(empty) == []


@pytest.mark.parametrize("server", [POSTGRESQL], indirect=True)
def test_of_two_upgrades_the_second_waits_and_names_the_first(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "WAIT_SECONDS", 1)
    with engine_for(engine.url) as other, migrate.alone(other) as connection:
        assert migrate.current(engine) == migrate.head(), "who only looks does not wait"
        named = f"connection {number_of(connection)} of the role '{engine.url.username}' holds a lock on alembic_"
        with pytest.raises(TryLater, match=named):
            migrate.upgrade(engine)


@pytest.mark.parametrize("server", [POSTGRESQL], indirect=True)
def test_a_reader_who_keeps_a_change_waiting_is_named(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "TABLE_WAIT_SECONDS", 1)
    with engine_for(engine.url) as other, other.connect() as reader:
        reader.exec_driver_sql("SELECT count(*) FROM v_coverage")
        migrate.upgrade(engine)  # nothing to change
        with pytest.raises(TryLater, match=f"connection {number_of(reader)} of the role .* and [0-9]+ more"):
            migrate.downgrade(engine, "base")
    assert migrate.check(engine) == []


@pytest.mark.parametrize("server", [MARIADB], indirect=True)
def test_who_keeps_an_upgrade_waiting_is_named(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "WAIT_SECONDS", 0)
    with engine_for(engine.url) as other, migrate.alone(other) as connection:
        number = number_of(connection)
        with pytest.raises(TryLater, match=f"in the server's connection {number}"):
            migrate.upgrade(engine)
