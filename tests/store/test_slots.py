from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from etl.store import accounts
from etl.store.engine import connect
from etl.store.schema import request_slot
from etl.store.slots import LONGEST_WAIT, Slots
from etl.store.sql import server_clock
from tests import servers
from tests.store.claimer import claim_all

ROOT = Path(__file__).parents[2]
INTERVAL = 0.06


@pytest.fixture
def account_id(db: sa.Engine) -> int:
    with db.begin() as connection:
        return accounts.register(connection, "default")


def next_at(engine: sa.Engine, account_id: int) -> float:
    """Seconds from now by the database's clock."""
    now = server_clock(engine.dialect)
    query = sa.select(request_slot.c.next_at - now).where(request_slot.c.account_id == account_id)
    with engine.begin() as connection:
        return float(connection.execute(query).scalar_one())


def set_next(engine: sa.Engine, account_id: int, seconds: float) -> None:
    with engine.begin() as connection:
        at = server_clock(connection.dialect) + seconds
        connection.execute(request_slot.update().where(request_slot.c.account_id == account_id).values(next_at=at))


def test_grants_are_an_interval_apart_over_threads_and_processes(db: sa.Engine, account_id: int) -> None:
    url = db.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.store.claimer", url, str(account_id), str(INTERVAL), "8"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as other:
        # Goes on until the other process is at it as well.
        mine = claim_all(db.url, account_id, INTERVAL, 4)
        while other.poll() is None:
            mine += claim_all(db.url, account_id, INTERVAL, 2)
        assert other.stdout is not None
        theirs = json.loads(other.stdout.read())
    assert other.returncode == 0
    assert len(theirs) == 8
    grants = sorted(mine + theirs)
    assert max(min(mine), min(theirs)) < min(max(mine), max(theirs)), "they did not run at the same time"
    gaps = [later - earlier for earlier, later in itertools.pairwise(grants)]
    assert min(gaps) > INTERVAL - 0.0001


def test_the_wait_is_until_the_slot_is_free(db: sa.Engine, account_id: int) -> None:
    slots = Slots(db, account_id)
    assert slots.claim(5.0) == 0
    wait = slots.claim(5.0)
    assert 4.0 < wait <= 5.0
    assert Slots(db, account_id).claim(5.0) <= wait, "a new process starts the pace anew"
    set_next(db, account_id, -0.001)
    assert slots.claim(0.0) == 0
    assert slots.claim(0.0) == 0


def test_accounts_have_a_pace_each(db: sa.Engine, account_id: int) -> None:
    with db.begin() as connection:
        other = accounts.register(connection, "other")
    mine, theirs = Slots(db, account_id), Slots(db, other)
    assert mine.claim(60) == 0
    assert theirs.claim(60) == 0
    theirs.push(300)
    assert 50 < mine.claim(60) <= 60


def test_a_push_lets_nobody_start_before(db: sa.Engine, account_id: int) -> None:
    slots, others = Slots(db, account_id), Slots(db, account_id)
    slots.push(100)
    assert 99 < others.claim(0.05) <= 100
    others.push(1)
    assert 99 < slots.claim(0.05) <= 100, "a shorter push took the longer one back"
    others.push(200)
    assert 199 < slots.claim(0.05) <= 200


def test_a_push_is_never_longer_than_a_clock_can_be_wrong(db: sa.Engine, account_id: int) -> None:
    slots = Slots(db, account_id)
    slots.push(10 * LONGEST_WAIT)
    assert LONGEST_WAIT - 1 < slots.claim(0.0) <= LONGEST_WAIT


@pytest.mark.parametrize("interval", [0.0, 3.0, 3600.0])
def test_a_clock_that_was_set_back_blocks_nobody(db: sa.Engine, account_id: int, interval: float) -> None:
    slots = Slots(db, account_id)
    set_next(db, account_id, interval + LONGEST_WAIT + 5)
    assert slots.claim(interval) == 0
    assert abs(next_at(db, account_id) - interval) < 2, "the slot is still far off"
    set_next(db, account_id, interval + LONGEST_WAIT - 5)
    assert slots.claim(interval) > interval


@pytest.mark.parametrize("shared", [servers.POSTGRESQL, servers.MARIADB], indirect=True)
def test_the_zones_of_sessions_do_not_matter(db: sa.Engine, account_id: int) -> None:
    """Whatever a role, a database or a pooler sets."""
    engines = [in_zone(db.url, zone) for zone in ("+13:00", "-11:30")]
    slots = [Slots(engine, account_id) for engine in engines]
    assert slots[0].claim(20.0) == 0
    assert 18 < slots[1].claim(20.0) <= 20
    slots[1].push(50)
    assert 48 < slots[0].claim(20.0) <= 50
    assert abs(next_at(db, account_id) - 50) < 2
    with db.connect() as connection:
        at = connection.execute(sa.select(request_slot.c.next_at)).scalar_one()
    assert abs(at - time.time() - 50) < 2
    for engine in engines:
        engine.dispose()


def in_zone(url: sa.URL, zone: str) -> sa.Engine:
    engine = connect(url)

    @sa.event.listens_for(engine, "connect")
    def set_zone(connection: Any, _: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET {'TIME ZONE' if engine.dialect.name == 'postgresql' else 'time_zone ='} '{zone}'")
        connection.commit()

    return engine


@pytest.mark.parametrize("shared", [servers.SQLITE], indirect=True)
def test_a_writer_on_sqlite_is_waited_for_and_the_clock_read_after(db: sa.Engine, account_id: int) -> None:
    slots = Slots(db, account_id)
    assert slots.claim(0.1) == 0
    with db.begin():  # holds the file for as long as the interval
        from_thread: list[float] = []
        thread = threading.Thread(target=lambda: from_thread.append(slots.claim(0.1)))
        thread.start()
        time.sleep(0.15)
    thread.join()
    assert from_thread == [0.0]
