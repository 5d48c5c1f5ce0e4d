"""A sync waits for what gives its lock back after a moment, and for nothing else."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from etl.errors import Locked
from etl.run import session
from etl.run.session import locked
from etl.store import accounts, lock


@pytest.mark.parametrize("command", lock.BRIEFLY)
def test_a_sync_waits_for_rows_that_leave(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    slept = []
    with engine.connect() as connection:
        with connection.begin():
            number = accounts.register(connection, "default")
        held = lock.acquire(connection, number, f"process 1, {command}")

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            if len(slept) == 3:
                held.release()

        monkeypatch.setattr(session.time, "sleep", sleep)
        with locked(engine, "default", "key", "a sync") as found:
            assert found.held.held()
    assert len(slept) == 3


def test_it_does_not_wait_for_another_sync(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session.time, "sleep", lambda _: pytest.fail("it waits"))
    with (
        locked(engine, "default", "key", "one sync"),
        pytest.raises(Locked, match="one sync"),
        locked(engine, "default", "key", "another"),
    ):
        pass


def test_it_does_not_wait_for_ever(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session.time, "sleep", lambda _: None)
    monkeypatch.setattr(session, "LOOKS", 3)
    with engine.connect() as connection:
        with connection.begin():
            number = accounts.register(connection, "default")
        held = lock.acquire(connection, number, lock.EXPIRING)
        with pytest.raises(Locked), locked(engine, "default", "key", "a sync"):
            pass
        held.release()
