"""Who compares versions sees every change of what the views show, whatever runs in whichever order."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import sqlalchemy as sa
from hypothesis import strategies as st

from etl.admin.erasing import ErasureOrder, erase, order_of
from etl.admin.expiring import ExpiryOrder, expire
from etl.admin.pseudonymising import pseudonymise
from etl.core.planning import Rules, Selection
from etl.database.engine import connect, reading
from etl.emulator import Emulator, VendorRow
from etl.emulator.vendorrow import ListedDay
from etl.schema import migrate, tables
from etl.store import accounts, lakedates, ledger, versions
from etl.store.checks import Load, store
from etl.store.lakedates import DateState
from tests.conftest import Start
from tests.job import Job
from tests.people import DAY, KEY, LATER, LINES, MACS, NEXT, TODAY, book, number, person
from tests.servers import MARIADB, POSTGRESQL, Server
from tests.store.made import batch_day, check, hlr, lookups, page
from tests.store.sessions import assert_waits, beside, noted
from tests.tiers import case

FULL = Rules(selection=Selection(full=True))
PAST = dt.datetime(2026, 3, 30, 6, tzinfo=dt.UTC)  # both days have left the window
MOMENTS = (TODAY, TODAY + dt.timedelta(hours=20), LATER, LATER + dt.timedelta(days=2), PAST)
TIMES = ("last_synced_at", "deadline", "expired_at")
ShownDate = tuple[list[Any], list[Any]]


def shown(connection: sa.Connection) -> dict[dt.date, ShownDate]:
    """The rows of v_number_check and, times aside, of v_coverage, by their dates."""
    found: dict[dt.date, ShownDate] = {}
    for place, view in enumerate(("v_number_check", "v_coverage")):
        query = sa.text(f"SELECT * FROM {view}").columns(check_date=sa.Date())  # noqa: S608
        for row in connection.execute(query).mappings():
            line = sorted((name, str(value)) for name, value in row.items() if name not in TIMES)
            found.setdefault(row["check_date"], ([], []))[place].append(line)
    return {date: (sorted(rows), sorted(lines)) for date, (rows, lines) in found.items()}


class Watch:
    """Someone who looks after each transaction, and compares what is shown with what the versions tell."""

    def __init__(self, engine: sa.Engine) -> None:
        self._other = connect(engine.url)
        self._last: dict[dt.date, tuple[DateState, ShownDate]] = {}
        self.changes = 0
        sa.event.listen(engine, "begin", self.look)

    def look(self, *_: Any) -> None:
        with reading(self._other).connect() as connection:
            number = connection.execute(sa.select(tables.account.c.account_id)).scalar()
            states = lakedates.date_states(connection, number) if number else []
            dates = shown(connection)
        now = {state.date: (state, dates[state.date]) for state in states}
        for date, (state, seen) in now.items():
            before = self._last.get(date)
            if before is not None and before[1] != seen:
                self.changes += 1
                assert before[0].version < state.version, f"{date}: {before[1]} became {seen}"
        self._last = now

    def close(self) -> None:
        self._other.dispose()


class Life:
    """A database that goes through whatever a test does to it, and the vendor behind it."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._lines = list(LINES)
        self._moment = 0
        self._replaced = False
        self._names = map("account {}".format, itertools.count())

    @property
    def _given(self) -> dict[str, str]:
        return {"pseudonyms": "true"} if self._replaced else {}

    @property
    def _rows(self) -> list[VendorRow]:
        day = self.job.vendor.book.first.days[DAY]["A"]
        assert isinstance(day, ListedDay)
        return day.rows

    def sync(self, _: int) -> None:
        self.job.sync(MOMENTS[self._moment], **self._given)

    def read_in_full(self, _: int) -> None:
        self.job.sync(MOMENTS[self._moment], FULL, **self._given)

    def pass_time(self, _: int) -> None:
        self._moment = min(self._moment + 1, len(MOMENTS) - 1)
        self.sync(0)

    def grow(self, n: int) -> None:
        """More rows, one of which was listed on the day before."""
        self.job.vendor.book.add("A", DAY, [person(200 + n)])
        again = VendorRow(dict(self._rows[13 + n % 6].fields))
        self.job.vendor.book.add("A", NEXT, [again, person(300 + n)])
        self.read_in_full(0)

    def change(self, n: int) -> None:
        row = self._rows[n + 20]
        row.fields = row.fields | {"carrier": f"carrier of {number(n)}", "price": None}
        self.read_in_full(0)

    def change_elsewhere(self, n: int) -> None:
        """The row of a key of one day is another one by the answer for the next day, which lists it too."""
        day = self.job.vendor.book.first.days[NEXT]["A"]
        assert isinstance(day, ListedDay)
        for row in (self._rows[3], day.rows[0]):
            row.fields = row.fields | {"carrier": f"carrier {n}"}
        next_day = Rules(selection=Selection(frozenset("A"), frozenset([NEXT]), True))
        self.job.sync(MOMENTS[self._moment], next_day, **self._given)

    def reject(self, n: int) -> None:
        self._rows.append(VendorRow({"phone": number(n)}))
        self.read_in_full(0)

    def submit(self, n: int) -> None:
        self._lines = [f"A,{DAY},{n * 7}", *self._lines[1 + n % 2 :]]
        self.job.list(self._lines)
        self.sync(0)

    def erase(self, n: int) -> None:
        numbers = (number(n), number(n + 3))
        order = ErasureOrder(MACS, order_of(MACS, numbers, None), numbers, 2, "erase", "test", LATER)
        erase(self.job.engine, order)

    def replace(self, _: int) -> None:
        pseudonymise(self.job.engine, MACS, self._name, "test", LATER, lambda _: None)
        self._replaced = True

    def expire(self, n: int) -> None:
        with self.job.engine.connect() as connection:
            account = connection.execute(sa.select(tables.account.c.account_id)).scalar_one()
        before = NEXT + dt.timedelta(days=n % 2)
        expire(self.job.engine, ExpiryOrder(account, before, "test", lambda: LATER), lambda _: True)

    def rename(self, _: int) -> None:
        with self.job.engine.begin() as connection:
            new = next(self._names)
            accounts.rename(
                connection, connection.execute(sa.select(tables.account.c.account_id)).scalar_one(), new
            )
        self.job.environment["NUMBERCHECK_ACCOUNT"] = new

    @property
    def _name(self) -> str:
        return self.job.environment.get("NUMBERCHECK_ACCOUNT", "default")

    def idle(self, _: int) -> None:
        """What is learnt once is not learnt again."""
        self.read_in_full(0)
        before = self._versions()
        self.read_in_full(0)
        self.sync(0)
        assert self._versions() == before

    def _versions(self) -> list[Any]:
        return self.job.query("SELECT batch_day_id, version FROM batch_day ORDER BY batch_day_id")


Step = Callable[[Life, int], None]
STEPS: tuple[Step, ...] = (
    Life.sync, Life.grow, Life.change, Life.reject, Life.submit, Life.pass_time, Life.erase, Life.replace,
    Life.expire, Life.rename, Life.idle, Life.change_elsewhere,
)  # fmt: skip


@contextmanager
def life(server: Server, directory: Path) -> Iterator[tuple[Life, Watch]]:
    with Emulator(book(40), now=lambda: TODAY) as vendor:
        job = Job(server.create(at_head=True), vendor, LINES, directory, privacy_key=KEY)
        watch = Watch(job.engine)
        try:
            yield Life(job), watch
        finally:
            watch.close()
            job.engine.dispose()
            server.drop(job.engine.url)


def go(server: Server, directory: Path, steps: list[tuple[Step, int]]) -> int:
    with life(server, directory) as (one, watch):
        one.sync(0)
        for step, n in steps:
            step(one, n)
        watch.look()
        return watch.changes


ANY_ORDER = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(1, 12)), min_size=2, max_size=6)
PHASES = (hypothesis.Phase.explicit, hypothesis.Phase.generate)  # to shrink an example takes minutes
UNHURRIED = [hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.function_scoped_fixture]
EACH: list[tuple[Step, int]] = [
    (Life.pass_time, 0), (Life.grow, 4), (Life.change, 2), (Life.reject, 1), (Life.submit, 9), (Life.idle, 0),
    (Life.change_elsewhere, 7), (Life.erase, 2), (Life.erase, 5), (Life.pass_time, 0), (Life.rename, 0), (Life.replace, 0), (Life.idle, 0),
    (Life.expire, 0), (Life.pass_time, 0), (Life.expire, 1),
]  # fmt: skip


@pytest.mark.parametrize(
    "server", [case("sqlite"), case("postgresql", full=True), case("mariadb", full=True)], indirect=True
)
def test_after_each_step(server: Server, tmp_path: Path) -> None:
    assert go(server, tmp_path, EACH) > len(EACH)


@hypothesis.settings(max_examples=4, phases=PHASES, suppress_health_check=UNHURRIED)
@hypothesis.given(steps=ANY_ORDER)
def test_in_any_order(start_server: Start, tmp_path: Path, steps: list[tuple[Step, int]]) -> None:
    go(start_server("sqlite"), tmp_path, steps)


# -- what is folded into other statements, one by one --------------------------------------------------------


def version_of(connection: sa.Connection, day: int) -> int:
    query = sa.select(tables.batch_day.c.version).where(tables.batch_day.c.batch_day_id == day)
    return int(connection.execute(query).scalar_one())


def test_an_outcome_ends_the_wait_in_every_batch_day(connection: sa.Connection) -> None:
    first, second = batch_day(connection, "B1"), batch_day(connection, "B2")
    for day in (first, second):
        store(connection, lookups(), day, page(hlr()), at_page=1, moment=TODAY)
    before = {day: version_of(connection, day) for day in (first, second)}
    load = Load(connection, lookups(), [(first, page(hlr(validity="YES")))], LATER)
    load.add(first, page(hlr(validity="YES")), at_page=1)
    assert load.flush() == {first, second}
    store(connection, lookups(), first, page(hlr(validity="YES", mcc="452")), at_page=1, moment=LATER)
    assert version_of(connection, first) > before[first]
    assert version_of(connection, second) == before[second]  # the row stands under the other one


def test_a_check_that_begins_to_wait_waits_in_the_batch_day_that_lists_it(connection: sa.Connection) -> None:
    first, second = batch_day(connection, "B1"), batch_day(connection, "B2")
    for day in (first, second):
        store(connection, lookups(), day, page(check()), at_page=1, moment=TODAY)
    load = Load(connection, lookups(), [(second, page(hlr()))], LATER)
    load.add(second, page(hlr()), at_page=1)
    assert load.flush() == {first, second}


def test_a_name_that_held_a_number_is_another_one_wherever_it_is_shown(db: sa.Engine) -> None:
    phones = {f"B{n}": number(n) for n in (1, 2, 3)}
    with db.begin() as connection:
        days = {name: batch_day(connection, name, state="settled") for name in phones}
        for name, phone in phones.items():
            carrier = f"ask {number(1)}" if name != "B3" else "Viettel"
            store(
                connection,
                lookups(),
                days[name],
                page(check("m", phone, carrier=carrier)),
                at_page=1,
                moment=TODAY,
            )
        before = {name: version_of(connection, day) for name, day in days.items()}
    numbers = (number(1),)
    erase(db, ErasureOrder(MACS, order_of(MACS, numbers, None), numbers, 1, "erase", "test", LATER))
    with db.connect() as connection:
        after = {name: version_of(connection, day) for name, day in days.items()}
    assert {name for name in phones if after[name] != before[name]} == {"B1", "B2"}


def test_an_answer_that_says_nothing_new_costs_no_statement(connection: sa.Connection) -> None:
    day = batch_day(connection)
    rows = page(*(check(f"m{n}") for n in range(10)))
    store(connection, lookups(), day, rows, at_page=1, moment=TODAY)
    before = version_of(connection, day)
    with noted(connection.engine) as sent:
        store(connection, lookups(), day, rows, at_page=1, moment=LATER)
    assert version_of(connection, day) == before
    assert not [statement for statement in sent if statement.startswith("UPDATE")]


def test_a_page_costs_no_further_statement(connection: sa.Connection) -> None:
    """The version is part of the UPDATE that writes the figures."""
    day_id = batch_day(connection)
    [day] = ledger._days(connection, tables.batch_day.c.batch_day_id == day_id)
    day.stored = 10
    with noted(connection.engine) as sent:
        ledger.save_all(connection, [day], {day_id})
    assert len(sent) == 1
    first = version_of(connection, day_id)
    ledger.save(connection, day)
    assert version_of(connection, day_id) == first > 0
    day.last_synced_at = day.last_asked_at = LATER
    day.pages_read, day.growth = "1-3", "end"
    ledger.save(connection, day)
    assert version_of(connection, day_id) == first


def test_it_rises_though_the_clock_goes_back(connection: sa.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    day, seen = batch_day(connection), []
    for now in (1000, 5000, 3000, 5000, 7000):
        monkeypatch.setattr(versions, "present", lambda now=now: now)
        versions.rise(connection, [day])
        seen.append(version_of(connection, day))
    assert seen == [1000, 5000, 5001, 5002, 7000]


# -- committed in another order than stamped -----------------------------------------------------------------


@pytest.mark.parametrize("server", [POSTGRESQL, MARIADB], indirect=True)
def test_what_was_stamped_first_and_committed_last_is_seen(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        first, second = batch_day(connection, "B1", state="open"), batch_day(connection, "B2", state="open")
        account = connection.execute(sa.select(tables.account.c.account_id)).scalar_one()
        lookups().ensure(connection, [check()])  # nobody waits for another one who adds the same category
    with engine.connect() as slow, engine.connect() as quick, engine.connect() as looking:
        seen = [date_version(looking, account)]
        store(slow, lookups(), first, page(check("m1")), at_page=1, moment=TODAY)
        store(quick, lookups(), second, page(check("m2")), at_page=1, moment=LATER)
        for one in (quick, slow):
            one.commit()
            seen.append(date_version(looking, account))
    assert seen[0] < seen[1] < seen[2]


@pytest.mark.parametrize("server", [POSTGRESQL, MARIADB], indirect=True)
def test_two_who_change_one_batch_day_come_one_after_the_other(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = iter((9000, 1000))
    monkeypatch.setattr(versions, "present", lambda: next(moments))
    with engine.begin() as connection:
        day = batch_day(connection, state="open")

    def second() -> None:
        with engine.begin() as connection:
            versions.rise(connection, [day])

    with engine.connect() as connection:
        versions.rise(connection, [day])
        with beside(second) as other:
            assert_waits(other, engine)
            connection.commit()
        assert version_of(connection, day) == 9001


def date_version(connection: sa.Connection, account: int) -> int:
    connection.rollback()
    [state] = lakedates.date_states(connection, account)
    return state.version


# -- what a lake is told -------------------------------------------------------------------------------------


def test_the_id_is_random_and_stays(server: Server, engine: sa.Engine) -> None:
    with engine.connect() as connection:
        mine = lakedates.database_id(connection)
        assert lakedates.database_id(connection) == mine
    other = connect(server.create(at_head=False))
    try:
        migrate.upgrade(other)
        with other.connect() as connection:
            theirs = lakedates.database_id(connection)
    finally:
        other.dispose()
        server.drop(other.url)
    assert {len(mine), len(theirs)} == {32}
    assert int(mine, 16) != int(theirs, 16)


def test_the_dates_of_an_account(connection: sa.Connection) -> None:
    days = [DAY + n * dt.timedelta(days=1) for n in range(4)]
    batch_day(connection, "B1", check_date=days[0], state="settled", version=7, archived_at=LATER)
    batch_day(connection, "B2", check_date=days[0], state="lost", version=2)
    erased = batch_day(connection, "B3", check_date=days[1], state="settled", version=2**62, expired_at=LATER)
    batch_day(connection, "B4", check_date=days[2], state="pending", version=5)
    batch_day(connection, "B5", check_date=days[3], state="incomplete", version=1)
    batch_day(connection, "B6", check_date=days[3], version=3)
    batch_day(connection, "B7", "another", check_date=days[3], state="open", version=9)
    store(
        connection, lookups(), erased, page(check("m1", "erased"), check("m2", "erased")), at_page=1, moment=TODAY
    )
    [account, another] = connection.execute(
        sa.select(tables.account.c.account_id).order_by(tables.account.c.account_id)
    ).scalars()
    assert lakedates.date_states(connection, account) == [
        DateState(days[0], 9, archived=True, expired=False, erased_rows=0),
        DateState(days[1], 2**62 + 1, archived=False, expired=True, erased_rows=2),
        DateState(days[3], 4, archived=False, expired=False, erased_rows=0),
    ]
    [state] = lakedates.date_states(connection, another)
    assert state.version == 9
    lakedates.note_export(connection, account, LATER)
    exported = sa.select(tables.account.c.account_id, tables.account.c.lake_exported_at)
    assert dict(connection.execute(exported).all()) == {account: LATER, another: None}
