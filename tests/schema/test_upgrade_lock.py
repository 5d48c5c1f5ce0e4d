"""Who can keep an upgrade waiting: on PostgreSQL only who may write, on MariaDB whoever is then named."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from etl.errors import TryLater
from etl.schema import migrate
from tests.servers import MARIADB, POSTGRESQL
from tests.store.sessions import engine_for, number_of


@pytest.mark.parametrize("server", [POSTGRESQL], indirect=True)
def test_an_advisory_lock_of_somebody_else_keeps_nobody_waiting(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "WAIT_SECONDS", 1)
    with engine.connect() as stranger:
        stranger.execute(sa.select(sa.func.pg_advisory_lock(migrate._ADVISORY_LOCK)))
        migrate.upgrade(engine)
    assert migrate.check(engine) == []


@pytest.mark.parametrize("server", [POSTGRESQL], indirect=True)
def test_of_two_upgrades_the_second_waits(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "WAIT_SECONDS", 1)
    with engine_for(engine.url) as other, migrate.alone(other):
        assert migrate.current(engine) == migrate.head(), "who only looks does not wait"
        with pytest.raises(sa.exc.OperationalError, match="lock timeout"):
            migrate.upgrade(engine)


@pytest.mark.parametrize("server", [MARIADB], indirect=True)
def test_who_keeps_an_upgrade_waiting_is_named(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "WAIT_SECONDS", 0)
    with engine_for(engine.url) as other, migrate.alone(other) as connection:
        number = number_of(connection)
        with pytest.raises(TryLater, match=f"in the server's connection {number}"):
            migrate.upgrade(engine)
