from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa

from etl.core.batchday import BatchDay, Note, NoteKind, State
from etl.core.line import NO_LISTS, Line, Lists
from etl.core.planning import Known
from etl.schema.tables import batch, batch_day
from etl.store import accounts, awaited, ledger, listings
from etl.store.checks import store
from etl.store.lookups import Lookups
from tests import servers
from tests.running import HANG
from tests.store.made import HOUR, NOW, ZONE, hlr, page, table, window
from tests.store.support import add_batch

FIRST, LAST = dt.date(2026, 3, 1), dt.date(2026, 3, 14)
DAY = dt.timedelta(days=1)


class Book:
    """The ledger of one account."""

    def __init__(self, connection: sa.Connection, name: str = "default") -> None:
        self.connection = connection
        self.account_id = accounts.register(connection, name)
        self.name = name

    def batch(self, name: str = "B1", **values: Any) -> None:
        number = add_batch(self.connection, name, self.name)
        if values:
            self.connection.execute(batch.update().where(batch.c.batch_id == number).values(**values))

    def record(self, *days: BatchDay) -> None:
        ledger.record(self.connection, self.account_id, days, window())

    def put(self, batch_no: str, date: dt.date, **values: Any) -> BatchDay:
        """A batch day as an earlier run left it."""
        day = BatchDay(batch_no, date)
        self.record(day)
        day = dataclasses.replace(day, **values)
        ledger.save(self.connection, day)
        return day

    def load(self, moment: dt.datetime = NOW, days: int = 14, **options: Any) -> Known:
        return ledger.load(self.connection, self.account_id, NO_LISTS, window(moment, days), **options)

    def states(self, **options: Any) -> dict[tuple[str, dt.date], State]:
        return {(day.batch_no, day.date): day.state for day in self.load(**options).days}


@pytest.fixture
def book(connection: sa.Connection) -> Book:
    book = Book(connection)
    book.batch("B1")
    return book


# -- record --------------------------------------------------------------------------------------------------


def test_new_batch_days_are_pending_and_have_their_number(book: Book) -> None:
    book.batch("B2")
    book.batch("b2")
    days = [BatchDay(name, FIRST + n * DAY, spill=n == 2) for name in ("B1", "B2", "b2") for n in range(3)]
    book.record(*days)
    numbers = {row["batch_id"]: row["batch_no"] for row in table(book.connection, batch)}
    rows = {row["batch_day_id"]: row for row in table(book.connection, batch_day)}
    assert len({day.id for day in days}) == len(rows) == 9
    for day in days:
        row = rows[day.id]
        assert (numbers[row["batch_id"]], row["check_date"], row["spill"]) == (day.batch_no, day.date, day.spill)
        assert row["deadline"] == dt.datetime.combine(day.date + 14 * DAY, dt.time(), ZONE)
        assert (row["state"], row["reported_rows"], row["stored_rows"]) == ("pending", None, 0)
        assert not row["loss_told"]


def test_later_ones_get_numbers_of_their_own(book: Book) -> None:
    first, second = BatchDay("B1", FIRST), BatchDay("B1", LAST)
    book.record(first)
    book.record(second)
    book.record()
    assert first.id != second.id
    assert {day.id: day.date for day in book.load().days} == {first.id: FIRST, second.id: LAST}


def test_accounts_have_batch_days_of_their_own(book: Book) -> None:
    other = Book(book.connection, "other")
    other.batch("B1")
    mine, theirs = BatchDay("B1", FIRST), BatchDay("B1", FIRST)
    book.record(mine)
    other.record(theirs)
    assert mine.id != theirs.id
    assert [day.id for day in book.load().days] == [mine.id]
    assert [day.id for day in other.load().days] == [theirs.id]


def test_many_are_recorded_at_once(book: Book) -> None:
    names = [f"N{n:05}" for n in range(2500)]
    listings.add(book.connection, book.account_id, [Line(name) for name in names], more=False)
    days = [BatchDay(name, LAST) for name in names]
    book.record(*days)
    assert {day.id: day.batch_no for day in book.load().days} == {day.id: day.batch_no for day in days}


# -- save and load -------------------------------------------------------------------------------------------

FULL: dict[str, Any] = {
    "state": State.OPEN,
    "reported": 2**31 + 1,
    "stored": 2**31,
    "repeated": 7,
    "rejected": 5,
    "pages_read": "1-20,23,25-900",
    "needs_pass": True,
    "growth": "front",
    "fruitless_runs": 3,
    "last_asked_at": NOW + dt.timedelta(microseconds=1),
    "last_synced_at": NOW - HOUR,
    "last_look_at": NOW.astimezone(ZONE) + HOUR,
    "note": Note(NoteKind.WORDS, ("批次 😀 'quoted\" \\ %s :x {} {0}\n" * 400,)),
}
ELSEWHERE = {"batch_no", "date", "id", "appkey", "spill", "submitted", "unresolved", "next_outcome_at", "dated"}


def test_every_field_is_written_or_comes_from_elsewhere() -> None:
    assert {field.name for field in dataclasses.fields(BatchDay)} == ELSEWHERE | FULL.keys()
    assert set(ledger.FIGURES.values()) == FULL.keys()


def test_every_field_comes_back_as_it_was_saved(book: Book) -> None:
    book.batch("B2", appkey="k-2")
    empty, full = BatchDay("B1", FIRST), BatchDay("B2", LAST, spill=True)
    book.record(empty, full)
    full = dataclasses.replace(full, **FULL)
    ledger.save_all(book.connection, [empty, full])
    found = {day.batch_no: day for day in book.load().days}
    assert found["B1"] == empty
    assert found["B2"] == dataclasses.replace(full, appkey="k-2")
    assert found["B2"].needs_pass is True
    assert found["B1"].spill is False
    assert type(found["B2"].state) is State


@pytest.mark.parametrize("name", FULL)
def test_each_field_stands_in_its_own_column(book: Book, name: str) -> None:
    day = book.put("B1", LAST, **{"state": State.INCOMPLETE, name: FULL[name]})
    [found] = book.load().days
    assert found == day
    assert name == "state" or found != BatchDay("B1", LAST, id=day.id, state=State.INCOMPLETE)


def test_a_note_that_outlives_a_run_comes_back_as_what_it_is(book: Book) -> None:
    day = book.put("B1", LAST, state=State.OPEN, note=Note(NoteKind.VANISHED, (1_234,)))
    text = book.connection.scalar(sa.select(batch_day.c.note).where(batch_day.c.batch_day_id == day.id))
    assert text == "1,234 rows are kept that the vendor no longer lists"
    assert book.load().days == [day]


def test_a_save_touches_no_other_batch_day(book: Book) -> None:
    other = book.put("B1", FIRST, **FULL)
    book.put("B1", LAST, state=State.OPEN, stored=1)
    assert [day for day in book.load().days if day.date == FIRST] == [other]


def test_what_waits_for_its_outcome_is_counted(book: Book) -> None:
    day, none = book.put("B1", LAST, state=State.OPEN), book.put("B1", FIRST, state=State.OPEN)
    for hours, name in ((1, "b"), (0, "a")):
        answer = page(hlr(name), hlr(name, "2"))
        store(book.connection, Lookups(), day.id, answer, at_page=1, moment=NOW + hours * HOUR)
    found = {day.id: (day.unresolved, day.next_outcome_at) for day in book.load().days}
    assert found == {day.id: (4, NOW + HOUR - awaited.SLACK), none.id: (0, None)}


# -- what is loaded ------------------------------------------------------------------------------------------


def test_settled_batch_days_are_loaded_in_full_only_on_the_first_date_of_the_window(book: Book) -> None:
    for n in range(-20, 14):
        book.put("B1", FIRST + n * DAY, state=State.SETTLED, reported=100 + n, stored=100 + n)
    known = book.load()
    assert [(day.date, day.reported) for day in known.days] == [(FIRST, 100)]
    expected = {FIRST + n * DAY: {"B1": 100 + n} for n in range(-14, 14) if n}
    assert known.settled == expected


def test_a_full_run_loads_every_settled_batch_day_of_the_window_in_full(book: Book) -> None:
    for n in range(-20, 14):
        book.put("B1", FIRST + n * DAY, state=State.SETTLED, reported=n + 100)
    known = book.load(full=True)
    assert sorted(day.date for day in known.days) == window().dates
    assert known.settled == {FIRST + n * DAY: {"B1": 100 + n} for n in range(-14, 0)}


@pytest.mark.parametrize("state", [State.PENDING, State.INCOMPLETE, State.OPEN])
def test_unfinished_batch_days_come_however_old_they_are(book: Book, state: State) -> None:
    for n in (-400, -14, -1, 0, 13):
        book.put("B1", FIRST + n * DAY, state=state)
    known = book.load()
    assert {day.date - FIRST for day in known.days} == {n * DAY for n in (-400, -14, -1, 0, 13)}
    assert known.settled == {}


def test_what_is_lost_is_left_alone(book: Book) -> None:
    book.put("B1", FIRST - DAY, state=State.LOST)
    assert book.load() == Known(NO_LISTS, [])


def test_what_is_lost_and_in_the_window_again_is_taken_up(book: Book) -> None:
    """The window was extended, or a clock that was ahead has been corrected."""
    book.put("B1", FIRST - DAY, state=State.LOST)
    book.put("B1", FIRST, state=State.LOST, reported=7, stored=3)
    assert book.states() == {("B1", FIRST): State.INCOMPLETE}
    assert set(book.states(days=15).values()) == {State.INCOMPLETE}
    assert len(book.states(days=15)) == 2


def test_other_accounts_do_not_show(book: Book) -> None:
    other = Book(book.connection, "other")
    other.batch("B1")
    other.put("B1", FIRST, state=State.SETTLED, reported=5)
    other.put("B1", LAST, state=State.SETTLED, reported=5)
    other.put("B1", LAST - DAY)
    assert book.load() == Known(NO_LISTS, [])
    assert len(other.load().days) == 2


def test_lines_are_handed_on(book: Book) -> None:
    lists = Lists.of([Line("B1", FIRST, 5)])
    assert ledger.load(book.connection, book.account_id, lists, window()).lists is lists


def test_a_batch_day_knows_what_the_lists_say_of_it(book: Book) -> None:
    book.put("B1", FIRST)
    book.put("B1", LAST, state=State.OPEN, reported=12)
    lists = Lists.of([Line("B1", FIRST, 5), Line("B1", FIRST, 7), Line("B1", LAST), Line("B1", None, 3)])
    days = ledger.load(book.connection, book.account_id, lists, window()).days
    assert {day.date: (day.submitted, day.dated) for day in days} == {FIRST: (12, True), LAST: (None, True)}
    assert [(day.submitted, day.dated) for day in book.load().days] == [(None, False)] * 2


# -- retired batches -----------------------------------------------------------------------------------------


def test_what_was_never_asked_of_a_retired_batch_is_dropped(book: Book) -> None:
    book.batch("B2")
    for name in ("B1", "B2"):
        book.put(name, LAST)
        book.put(name, FIRST, state=State.INCOMPLETE, reported=3, last_asked_at=NOW)
    listings.retire(book.connection, book.account_id, "B1", NOW)
    kept = {("B1", FIRST), ("B2", FIRST), ("B2", LAST)}
    assert set(book.states()) == kept
    assert len(table(book.connection, batch_day)) == 4, "a sync that runs now may be about to write its rows"
    book.record()
    assert len(table(book.connection, batch_day)) == 3
    assert set(book.states()) == kept


def test_a_batch_that_is_retired_while_a_sync_asks_for_it_is_still_stored(db: sa.Engine) -> None:
    with db.begin() as connection:
        book = Book(connection)
        book.batch("B1")
        day = book.put("B1", LAST)
    with db.begin() as connection:
        assert listings.retire(connection, book.account_id, "B1", NOW)
        listings.add(connection, book.account_id, [Line("B2", LAST)], more=True)
    with db.begin() as connection:
        assert store(connection, Lookups(), day.id, page(hlr()), at_page=1, moment=NOW).inserted == 1
        ledger.save(connection, dataclasses.replace(day, state=State.OPEN, reported=1, stored=1))
    with db.begin() as connection:
        Book(connection).record()
        assert Book(connection).states() == {("B1", LAST): State.OPEN}


def test_other_accounts_keep_what_they_never_asked(book: Book) -> None:
    other = Book(book.connection, "other")
    for each in (book, other):
        if each is other:
            each.batch("B1")
        each.put("B1", LAST)
    listings.retire(book.connection, book.account_id, "B1", NOW)
    other.record()
    assert set(other.states()) == {("B1", LAST)}
    assert len(table(book.connection, batch_day)) == 2


@pytest.mark.parametrize("shared", [servers.POSTGRESQL, servers.MARIADB], indirect=True)
def test_a_sync_that_begins_does_not_wait_for_another_accounts(db: sa.Engine) -> None:
    """Otherwise the two can deadlock: MariaDB locks every row that a DELETE examines."""
    with db.begin() as connection:
        for book in (Book(connection), Book(connection, "other")):
            book.batch("B1")
            day = book.put("B1", LAST)
        listings.retire(connection, Book(connection).account_id, "B1", NOW)
    with db.begin() as storing, db.connect() as beginning:
        ledger.save(storing, dataclasses.replace(day, state=State.OPEN))
        limit = {"mariadb": f"innodb_lock_wait_timeout = {HANG:g}", "postgresql": f"lock_timeout = '{HANG:g}s'"}
        beginning.exec_driver_sql(f"SET {limit[db.url.get_backend_name()]}")
        Book(beginning).record()
        assert [row["state"] for row in table(beginning, batch_day)] == ["pending"]
        beginning.rollback()
        beginning.invalidate()  # its lock timeout must not apply to others


# -- losses --------------------------------------------------------------------------------------------------


GONE = Note(NoteKind.WORDS, ("gone",))


def test_losses_are_reported_once(book: Book) -> None:
    lost, other = (book.put("B1", FIRST - n * DAY, state=State.LOST, note=GONE) for n in (3, 4))
    assert {day.id for day in ledger.unreported_losses(book.connection, book.account_id)} == {lost.id, other.id}
    ledger.mark_reported(book.connection, [lost])
    assert ledger.unreported_losses(book.connection, book.account_id) == [other]
    ledger.mark_reported(book.connection, [other])
    assert ledger.unreported_losses(book.connection, book.account_id) == []


def test_losses_of_other_accounts_are_theirs(book: Book) -> None:
    book.put("B1", FIRST - DAY, state=State.LOST)
    assert ledger.unreported_losses(book.connection, Book(book.connection, "other").account_id) == []


def test_only_losses_are_reported(book: Book) -> None:
    for n, state in enumerate(set(State) - {State.LOST}):
        book.put("B1", FIRST + n * DAY, state=state)
    assert ledger.unreported_losses(book.connection, book.account_id) == []


def test_what_is_lost_a_second_time_is_reported_again(book: Book) -> None:
    day = book.put("B1", FIRST, state=State.LOST)
    ledger.mark_reported(book.connection, [day])
    day.state = State.INCOMPLETE
    ledger.save(book.connection, day)
    assert ledger.unreported_losses(book.connection, book.account_id) == []
    day.state = State.LOST
    ledger.save(book.connection, day)
    assert ledger.unreported_losses(book.connection, book.account_id) == [day]
