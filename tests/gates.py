"""Gates of one account in virtual time, with real slots on SQLite that use the same clock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from etl.database import sql
from etl.database.engine import connect
from etl.errors import RunEnded
from etl.run.gate import Bounds, Gate
from etl.store import accounts
from etl.store.slots import Slots
from tests.conftest import Start
from tests.virtual import Clock


class Gates:
    """`slots` are those of the account; `engine` is connected to the database that holds them."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        with engine.begin() as connection:
            self.account_id = accounts.register(connection, "default")
        self.slots = Slots(engine, self.account_id)
        self.engine = engine
        self.clock = clock

    def open(self, interval: float = 0.0, requests: int | None = None, seconds: float | None = None) -> Gate:
        """One more gate, as if in a separate process."""
        return Gate(self.slots, interval, Bounds(requests, seconds), self.clock.monotonic, self.clock.sleep)


@contextmanager
def opened(start_server: Start, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gates]:
    """Gates for one test."""
    clock = Clock()
    monkeypatch.setattr(sql, "time", clock)
    server = start_server("sqlite")
    url = server.create(at_head=True)
    engine = connect(url)
    yield Gates(engine, clock)
    engine.dispose()
    server.drop(url)


def many(count: int, work: Callable[[], object]) -> list[object]:
    """The results of `work` in `count` threads at once; the end of the run is a result, too."""

    def attempt(_: int) -> object:
        ready.wait()
        try:
            return work()
        except RunEnded as end:
            return str(end)

    ready = threading.Barrier(count)
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(attempt, range(count)))


def for_ever(work: Callable[[], object]) -> None:
    """Repeat `work` until it raises."""
    while True:
        work()
