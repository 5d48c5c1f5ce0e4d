"""What a lake has may leave the database: its figures and totals stay, and nothing is asked for again."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from etl.admin import retiring
from etl.admin.copying import copy
from etl.admin.erasing import ErasureOrder, erase, order_of
from etl.admin.expiring import ExpiryOrder, expire
from etl.admin.retiring import RetireOrder, Stays, half_gone, retire, staying
from etl.core.planning import Rules, Selection
from etl.core.window import Window
from etl.database.engine import connect
from etl.emulator import Emulator
from etl.errors import Misconfigured, TryLater
from etl.schema import migrate
from etl.schema.tables import batch_day
from etl.store import accounts, erasures, figures, lakedates
from tests.conftest import Start
from tests.dying import Order, Orders
from tests.job import Job
from tests.people import DAY, KEY, LATER, LINES, MACS, NEXT, TODAY, book, number, person
from tests.servers import SQLITE, Server
from tests.store.made import window
from tests.tiers import cases

FULL = Rules(selection=Selection(full=True))
AWAY = dt.datetime(2026, 3, 28, 6, tzinfo=dt.UTC)
"""Both dates left the window more than 48 hours ago."""
ON_SQLITE = pytest.mark.parametrize("server", [SQLITE], indirect=True)
KEPT = ("reported_rows", "stored_rows", "missing_rows", "repeated_rows", "rejected_rows", "note")


@pytest.fixture(autouse=True)
def _small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retiring, "ROWS_RETIRED", 17)
    monkeypatch.setattr(retiring, "REST_SECONDS", 0)


@pytest.fixture
def job(database: sa.URL, engine: sa.Engine, tmp_path: Path) -> Iterator[Job]:
    with Emulator(book(40), now=lambda: TODAY) as vendor:
        made = Job(database, vendor, LINES, tmp_path, privacy_key=KEY)
        fill(made)
        yield made
        made.engine.dispose()


def fill(job: Job) -> None:
    for moment in (TODAY, LATER):
        assert job.sync(moment).status == "complete"


def account_of(job: Job) -> int:
    return int(job.query("SELECT account_id FROM account")[0]["account_id"])


def order_for(job: Job, date: dt.date, at: Window | None = None) -> RetireOrder:
    with job.engine.connect() as connection:
        states = {state.date: state for state in lakedates.date_states(connection, account_of(job))}
    return RetireOrder(account_of(job), date, states[date].version, at or window(AWAY))


def stays(job: Job, moment: dt.datetime) -> dict[dt.date, Stays | None]:
    with job.engine.connect() as connection:
        return staying(connection, account_of(job), window(moment))


def leave_for_the_lake(job: Job, *dates: dt.date) -> int:
    return sum(retire(job.engine, order_for(job, date), lambda _: True) for date in dates)


def ledger_of(job: Job) -> dict[Any, Any]:
    """What stays of the ledger."""
    return {key: {name: row[name] for name in KEPT} for key, row in job.coverage().items()}


def totals(job: Job) -> tuple[dict[Any, Any], list[Any]]:
    days = job.query("SELECT check_date, carrier, checked_rows, valid_rows, cost FROM v_daily_summary")
    for day in days:
        day["cost"] = Decimal(str(day["cost"] or 0)).normalize()
    return ledger_of(job), sorted(map(str, days))


def rows(job: Job, view: str = "v_number_check") -> int:
    return int(job.query(f"SELECT count(*) AS n FROM {view}")[0]["n"])  # noqa: S608


# -- which dates may go --------------------------------------------------------------------------------------


@ON_SQLITE
def test_a_date_stays_as_long_as_anything_may_come_to_it(job: Job) -> None:
    assert stays(job, LATER) == {NEXT: Stays.RECENT, DAY: Stays.RECENT}
    gone = window(AWAY).deadline(DAY) + dt.timedelta(hours=48)
    assert stays(job, gone - dt.timedelta(seconds=1))[DAY] is Stays.RECENT
    assert stays(job, gone) == {NEXT: Stays.RECENT, DAY: Stays.LISTED_LATER}
    assert list(stays(job, AWAY).items()) == [(NEXT, None), (DAY, None)]
    with job.engine.begin() as connection:
        connection.execute(sa.update(batch_day).where(batch_day.c.check_date == NEXT).values(state="open"))
    assert stays(job, AWAY) == {NEXT: Stays.UNFINISHED, DAY: Stays.LISTED_LATER}
    with pytest.raises(TryLater, match="has to stay: a later date"):
        leave_for_the_lake(job, DAY)
    with job.engine.begin() as connection:
        connection.execute(sa.update(batch_day).where(batch_day.c.check_date == NEXT).values(expired_at=AWAY))
    assert stays(job, AWAY) == {NEXT: None, DAY: None}


@ON_SQLITE
def test_a_date_that_changed_after_the_lake_was_compared_stays(job: Job) -> None:
    order, before = order_for(job, NEXT), ledger_of(job)
    numbers = (number(3),)
    erase(job.engine, ErasureOrder(MACS, order_of(MACS, numbers, None), numbers, 1, "erase", "test", LATER))
    with pytest.raises(TryLater, match="2026-03-11 has changed"):
        retire(job.engine, order, lambda _: True)
    assert (ledger_of(job), set(job.states().values())) == (before, {"settled"})


# -- what stays of it ----------------------------------------------------------------------------------------


def test_rows_go_and_the_ledger_and_totals_stay(job: Job) -> None:
    before, held, states, versions = totals(job), rows(job), lake_states(job), versions_of(job)
    on_next = held - rows_on(job, DAY)
    assert leave_for_the_lake(job, NEXT) == on_next
    assert totals(job) == before
    assert {(date, state) for (_, date), state in job.states().items()} == {
        (str(DAY), "settled"),
        (str(NEXT), "archived"),
    }
    now = lake_states(job)
    assert now[DAY] == states[DAY]  # its keys that the other date listed too are as they were
    assert now[NEXT] == dataclasses.replace(states[NEXT], version=now[NEXT].version, archived=True)
    assert {date for _, date in dict(versions_of(job).items() - versions.items())} == {str(NEXT)}
    assert len(versions_of(job).items() - versions.items()) == 2  # also of what had no row
    assert leave_for_the_lake(job, DAY) == held - on_next
    assert totals(job) == before
    assert set(job.states().values()) == {"archived"}
    assert [rows(job, view) for view in ("v_number_check", "v_phone_latest", "v_rejected_row")] == [0, 0, 0]
    assert leave_for_the_lake(job, DAY, NEXT) == 0
    with job.engine.connect() as connection:
        assert half_gone(connection, account_of(job)) == []
        assert staying(connection, account_of(job), window(AWAY)) == {}


def versions_of(job: Job) -> dict[tuple[int, str], int]:
    days = job.query("SELECT batch_day_id, check_date, version FROM batch_day")
    return {(day["batch_day_id"], str(day["check_date"])): day["version"] for day in days}


def lake_states(job: Job) -> dict[dt.date, lakedates.DateState]:
    with job.engine.connect() as connection:
        return {state.date: state for state in lakedates.date_states(connection, account_of(job))}


def rows_on(job: Job, date: dt.date) -> int:
    return int(job.query("SELECT count(*) AS n FROM v_number_check WHERE check_date = :d", d=date)[0]["n"])


@ON_SQLITE
def test_a_phone_is_no_longer_among_the_latest(job: Job) -> None:
    """What a reader of v_phone_latest sees before and after."""
    latest = f"SELECT check_date, checks FROM v_phone_latest WHERE phone = '{number(7)}'"  # noqa: S608
    assert [(str(row["check_date"]), row["checks"]) for row in job.query(latest)] == [(str(NEXT), 3)]
    leave_for_the_lake(job, NEXT)
    assert [(str(row["check_date"]), row["checks"]) for row in job.query(latest)] == [(str(DAY), 2)]
    leave_for_the_lake(job, DAY)
    assert job.query(latest) == []


# -- what comes afterwards -----------------------------------------------------------------------------------


@ON_SQLITE
def test_nothing_of_an_archived_date_is_asked_for_again(job: Job) -> None:
    leave_for_the_lake(job, NEXT, DAY)
    before = totals(job)
    # In a longer window, also not for a batch that a list names there only now, or that is lost.
    job.vendor.book.add("C", DAY, [person(500)])
    job.list([*LINES, f"C,{DAY},1"])
    job.vendor.clear()
    for days in ("60", "14", "60"):
        done = job.sync(AWAY, FULL, window_days=days)
        assert {day.date for day in done.days} <= {NEXT + dt.timedelta(days=1)}
    assert {request.body["date"] for request in job.vendor.requests} == {str(NEXT + dt.timedelta(days=1))}
    assert rows(job) == 0
    ledger = ledger_of(job)
    assert ledger.pop(("C", str(DAY)))["missing_rows"] == 1
    assert {key: figures for key, figures in ledger.items() if key in before[0]} == before[0]
    assert lake_states(job)[DAY].archived


@ON_SQLITE
def test_people_of_an_archived_date(job: Job) -> None:
    """The code of an erased number stays, for the lake; what expires is marked."""
    leave_for_the_lake(job, NEXT, DAY)
    numbers = (number(3),)
    order = ErasureOrder(MACS, order_of(MACS, numbers, None), numbers, 1, "erase", "test", AWAY)
    assert erase(job.engine, order) == {"default": 0}
    expired = expire(job.engine, ExpiryOrder(account_of(job), NEXT, "test", lambda: AWAY), lambda _: True)
    assert (expired.rows, len(expired.days), expired.left) == (0, 2, 0)
    states = lake_states(job)
    assert (states[DAY].expired, states[NEXT].expired) == (True, False)
    with job.engine.connect() as connection:
        assert erasures.erased_of(connection, account_of(job), MACS).has(number(3), DAY)
        assert lakedates.archived_dates(connection) == 2
        assert lakedates.archived_dates(connection, ["default"], NEXT) == 1
        assert lakedates.archived_dates(connection, ["another"]) == 0


@ON_SQLITE
def test_a_key_of_an_expired_date_does_not_move_to_one_that_is_leaving(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retiring, "TURN_SECONDS", 0)
    assert retire(job.engine, order_for(job, NEXT), stop_after_one()) > 0
    assert job.query("SELECT * FROM further_sighting") != []
    before = totals(job)
    expire(job.engine, ExpiryOrder(account_of(job), NEXT, "test", lambda: AWAY), lambda _: True)
    assert totals(job) == before
    assert job.query("SELECT * FROM v_number_check WHERE message_id = 'm00003'") == []


@ON_SQLITE
def test_a_sync_in_between_and_a_second_call_goes_on(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    before = totals(job)
    monkeypatch.setattr(retiring, "TURN_SECONDS", 0)
    order = order_for(job, DAY)
    leave_for_the_lake(job, NEXT)
    part = retire(job.engine, dataclasses.replace(order, version=lake_states(job)[DAY].version), stop_after_one())
    assert 0 < part < rows_on(job, DAY) + part
    with job.engine.connect() as connection:
        assert half_gone(connection, account_of(job)) == [DAY]
    assert job.sync(AWAY, FULL).exit_code == 0
    assert totals(job) == before
    assert job.states()["A", str(DAY)] == "archived"
    assert retire(job.engine, order, lambda _: True) > 0  # whatever its version was
    assert (totals(job), rows(job)) == (before, 0)


def stop_after_one() -> Any:
    calls = iter([True, False])
    return lambda _: next(calls)


@ON_SQLITE
def test_a_copy_knows_what_is_archived_and_has_the_same_id(job: Job, server: Server) -> None:
    leave_for_the_lake(job, NEXT)
    target = connect(server.create(at_head=True))
    try:
        copy(job.engine, target, lambda *_: None)
        with job.engine.connect() as here, target.connect() as there:
            assert lakedates.database_id(here) == lakedates.database_id(there)
            number = account_of(job)
            assert lakedates.date_states(here, number) == lakedates.date_states(there, number)
        migrate.downgrade(target, "0011")  # an earlier version does not ask for it either
        with target.connect() as connection:
            expired = "SELECT DISTINCT check_date FROM batch_day WHERE expired_at IS NOT NULL"
            assert connection.exec_driver_sql(expired).scalars().all() == [str(NEXT)]
    finally:
        target.dispose()
        server.drop(target.url)


@ON_SQLITE
def test_a_cost_that_no_total_can_hold(job: Job) -> None:
    """Nothing is rounded, and every server says the same: SQLite alone would take it."""
    with job.engine.begin() as connection:
        connection.execute(sa.text("UPDATE number_check SET price = '999999999999.999999'"))
    with pytest.raises(Misconfigured, match="no total can hold that"):
        leave_for_the_lake(job, NEXT)


@ON_SQLITE
def test_figures_know_it_and_the_account_keeps_its_name(job: Job) -> None:
    leave_for_the_lake(job, NEXT)
    found = figures.read(job.engine.url, "default", AWAY)
    assert found is not None
    assert found.batch_days == dict.fromkeys(("pending", "incomplete", "open", "lost"), 0) | {
        "settled": 2,
        "archived": 2,
    }
    with job.engine.begin() as connection, pytest.raises(Misconfigured, match="keeps this name"):
        accounts.rename(connection, account_of(job), "another")


# -- killed --------------------------------------------------------------------------------------------------

STEP = 23
"""Every so many points are tried, from each of the first: some of all."""


class Killer(Orders):
    """The process that retires a date and dies."""

    module = "tests.killed_people"

    def run(self, job: Job, point: int | None) -> Order:
        url = job.environment["NUMBERCHECK_DATABASE_URL"]
        return self.give({"url": url, "work": "retire", "point": point, "numbers": []})


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    with Killer() as made:
        yield made


@pytest.mark.parametrize(
    ("kind", "first"),
    cases(["sqlite", "postgresql", "mariadb"], range(2), quick=[("sqlite", 0), ("mariadb", 1)]),
)
def test_killed_at_any_point(killer: Killer, start_server: Start, kind: str, first: int, tmp_path: Path) -> None:
    """Either nothing is marked, or all of the date; what has left is in the totals; the next call goes on."""
    server, died = start_server(kind), 0
    with Emulator(book(40), now=lambda: LATER) as vendor:
        url = server.create(at_head=True)
        job = Job(url, vendor, LINES, tmp_path, privacy_key=KEY)
        try:
            fill(job)
            before = totals(job)
            for point in itertools.count(first, STEP):
                killed = killer.run(job, point)["status"] == -9
                died += killed
                assert totals(job) == before
                marked = {key[1]: set[str]() for key in job.states()}
                for key, state in job.states().items():
                    marked[key[1]].add(state)
                assert all(len(states) == 1 for states in marked.values())
                assert job.sync(AWAY, FULL).exit_code == 0
                if not killed:
                    break
            assert (totals(job), rows(job), died > 1) == (before, 0, True)
        finally:
            job.engine.dispose()
            server.drop(url)
