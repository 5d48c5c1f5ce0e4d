"""The slots, by each database's own clock: exactly, because every moment is between two readings of that clock."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa

from etl.database import sql
from etl.database.engine import connect
from etl.database.sql import server_clock
from etl.schema.tables import request_slot
from etl.store import accounts
from etl.store.slots import LONGEST_BOOKING, Slots
from tests import pace, servers
from tests.running import HANG, ROOT
from tests.store.claimer import claim_until
from tests.virtual import Clock

INTERVAL = 0.02
# So far away that no machine is that slow.
FAR = 300.0


@pytest.fixture
def account_id(db: sa.Engine) -> int:
    with db.begin() as connection:
        return accounts.register(connection, "default")


def now(engine: sa.Engine) -> float:
    with engine.begin() as connection:
        return float(connection.execute(sa.select(server_clock(engine.dialect))).scalar_one())


def next_at(engine: sa.Engine, account_id: int) -> float:
    query = sa.select(request_slot.c.next_at).where(request_slot.c.account_id == account_id)
    with engine.begin() as connection:
        return float(connection.execute(query).scalar_one())


def set_next(engine: sa.Engine, account_id: int, seconds: float) -> None:
    with engine.begin() as connection:
        at = server_clock(connection.dialect) + seconds
        connection.execute(request_slot.update().where(request_slot.c.account_id == account_id).values(next_at=at))


@dataclass
class Seen:
    """Something happened between these two readings of the database's clock, and its result is `value`."""

    value: float
    before: float
    after: float

    def assert_moved(self, slot: float, seconds: float) -> None:
        """Whether it moved the slot to so many seconds after itself."""
        assert self.before + seconds - pace.ROUNDING <= slot <= self.after + seconds + pace.ROUNDING

    def assert_waits(self, slot: float) -> None:
        """Whether it returned how long it is until the slot."""
        assert slot - self.after - pace.ROUNDING <= self.value <= slot - self.before + pace.ROUNDING


def see(engine: sa.Engine, work: Callable[[], float | None]) -> Seen:
    before = now(engine)
    value = work()
    return Seen(value or 0.0, before, now(engine))


def test_grants_are_an_interval_apart_over_threads_and_processes(db: sa.Engine, account_id: int) -> None:
    url = db.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.store.claimer", url, str(account_id), str(INTERVAL)]
    with (
        pace.noting_moves(db),
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other,
    ):
        assert other.stdin is not None
        assert other.stdout is not None
        mine = theirs = 0
        for _ in range(4):  # both claim at the same time
            theirs += other.stdout.readline() == "granted\n"
            mine += claim_until(lambda count: count >= 2, db, account_id, INTERVAL)
        other.stdin.close()
        theirs += other.stdout.read().count("granted\n")
        assert other.wait(HANG) == 0
        made = pace.moves(db, account_id)
    assert mine >= 8
    assert theirs >= 4
    assert len(made) == mine + theirs
    pace.assert_keeps_pace(made, INTERVAL)


def test_the_wait_is_until_the_slot_is_free(db: sa.Engine, account_id: int) -> None:
    slots = Slots(db, account_id)
    granted = see(db, lambda: slots.claim(FAR))
    slot = next_at(db, account_id)
    assert granted.value == 0
    granted.assert_moved(slot, FAR)
    see(db, lambda: slots.claim(FAR)).assert_waits(slot)
    see(db, lambda: Slots(db, account_id).claim(FAR)).assert_waits(slot)
    assert next_at(db, account_id) == slot, "a new process starts the pace from the beginning"
    set_next(db, account_id, -0.001)
    assert slots.claim(0.0) == 0
    assert slots.claim(0.0) == 0


def test_accounts_have_a_pace_each(db: sa.Engine, account_id: int) -> None:
    with db.begin() as connection:
        other = accounts.register(connection, "other")
    mine, theirs = Slots(db, account_id), Slots(db, other)
    assert mine.claim(FAR) == 0
    assert theirs.claim(FAR) == 0
    slot = next_at(db, account_id)
    see(db, lambda: theirs.push(2 * FAR)).assert_moved(next_at(db, other), 2 * FAR)
    assert next_at(db, account_id) == slot


def test_a_push_lets_nobody_start_before(db: sa.Engine, account_id: int) -> None:
    slots, others = Slots(db, account_id), Slots(db, account_id)
    see(db, lambda: slots.push(FAR)).assert_moved(slot := next_at(db, account_id), FAR)
    see(db, lambda: others.claim(0.05)).assert_waits(slot)
    others.push(1)
    assert next_at(db, account_id) == slot, "a shorter push took the longer one back"
    see(db, lambda: others.push(2 * FAR)).assert_moved(slot := next_at(db, account_id), 2 * FAR)
    see(db, lambda: slots.claim(0.05)).assert_waits(slot)


def test_a_push_is_never_longer_than_a_clock_can_be_wrong(db: sa.Engine, account_id: int) -> None:
    slots = Slots(db, account_id)
    see(db, lambda: slots.push(10 * LONGEST_BOOKING)).assert_moved(next_at(db, account_id), LONGEST_BOOKING)


@pytest.mark.parametrize("interval", [0.0, 3.0, 3600.0])
def test_a_clock_that_was_set_back_blocks_nobody(db: sa.Engine, account_id: int, interval: float) -> None:
    slots = Slots(db, account_id)
    set_next(db, account_id, interval + LONGEST_BOOKING + FAR)
    granted = see(db, lambda: slots.claim(interval))
    assert granted.value == 0
    granted.assert_moved(next_at(db, account_id), interval)
    set_next(db, account_id, interval + LONGEST_BOOKING - FAR)
    see(db, lambda: slots.claim(interval)).assert_waits(next_at(db, account_id))


@pytest.mark.parametrize("shared", [servers.POSTGRESQL, servers.MARIADB], indirect=True)
def test_the_zones_of_sessions_do_not_matter(db: sa.Engine, account_id: int) -> None:
    """Whatever zone a role, a database or a pooler sets."""
    with in_zone(db.url, "+13:00") as east, in_zone(db.url, "-11:30") as west:
        slots = [Slots(engine, account_id) for engine in (east, west)]
        see(db, lambda: slots[0].claim(FAR)).assert_moved(slot := next_at(db, account_id), FAR)
        see(db, lambda: slots[1].claim(FAR)).assert_waits(slot)
        before = time.time()
        slots[1].push(2 * FAR)
        after, slot = time.time(), next_at(db, account_id)
        see(db, lambda: slots[0].claim(FAR)).assert_waits(slot)
    Seen(0.0, before, after).assert_moved(slot, 2 * FAR)


@contextmanager
def in_zone(url: sa.URL, zone: str) -> Iterator[sa.Engine]:
    engine = connect(url)

    @sa.event.listens_for(engine, "connect")
    def set_zone(connection: Any, _: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET {'TIME ZONE' if engine.dialect.name == 'postgresql' else 'time_zone ='} '{zone}'")
        connection.commit()

    try:
        yield engine
    finally:
        engine.dispose()


@pytest.mark.parametrize("shared", [servers.SQLITE], indirect=True)
class TestSqlite:
    """SQLite's time is that of this process, so it can stand still."""

    @pytest.fixture(autouse=True)
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> Clock:
        made = Clock()
        monkeypatch.setattr(sql, "time", made)
        return made

    def test_a_slot_is_free_at_its_moment(self, db: sa.Engine, account_id: int, clock: Clock) -> None:
        slots = Slots(db, account_id)
        assert slots.claim(2.0) == 0
        clock.sleep(1.5)
        assert slots.claim(2.0) == 0.5
        clock.sleep(0.5)
        assert slots.claim(2.0) == 0

    def test_when_a_clock_counts_as_set_back(self, db: sa.Engine, account_id: int) -> None:
        slots = Slots(db, account_id)
        set_next(db, account_id, 3.0 + LONGEST_BOOKING)
        assert slots.claim(3.0) == 3.0 + LONGEST_BOOKING
        set_next(db, account_id, 3.0 + LONGEST_BOOKING + 0.001)
        assert slots.claim(3.0) == 0

    def test_a_writer_is_waited_for_and_the_clock_read_after(
        self, db: sa.Engine, account_id: int, clock: Clock
    ) -> None:
        slots, granted, begins = Slots(db, account_id), [], threading.Event()
        assert slots.claim(2.0) == 0
        thread = threading.Thread(target=lambda: granted.append(slots.claim(2.0)))
        with db.begin(), telling_of_begins(db, begins):  # locks the file for as long as the interval
            thread.start()
            assert begins.wait(HANG)
            clock.sleep(2.0)
        thread.join()
        assert granted == [0.0]


@contextmanager
def telling_of_begins(engine: sa.Engine, begins: threading.Event) -> Iterator[None]:
    """Sets the event whenever a transaction is about to begin."""

    def look(*seen: Any) -> None:
        if seen[2].startswith("BEGIN"):
            begins.set()

    sa.event.listen(engine, "before_cursor_execute", look)
    try:
        yield
    finally:
        sa.event.remove(engine, "before_cursor_execute", look)
