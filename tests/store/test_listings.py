from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import pytest
import sqlalchemy as sa

from etl.core.line import DATABASE_LIST, Entry, Line, Retired
from etl.database.sql import CHUNK, MANY
from etl.schema.tables import batch, batch_listing
from etl.store import accounts, listings
from tests import servers
from tests.store.made import HOUR, NOW, batch_day, table
from tests.store.sessions import at_once, noted
from tests.store.support import add_batch_day

D1, D2 = dt.date(2026, 3, 1), dt.date(2026, 3, 2)
EVER = dt.date.min


class Lists:
    """The lists of one account."""

    def __init__(self, connection: sa.Connection, name: str = "default") -> None:
        self.connection = connection
        self.account_id = accounts.register(connection, name)

    def add(self, *lines: Line, more: bool = True) -> None:
        listings.add(self.connection, self.account_id, lines, more=more)

    def load(self, since: dt.date = EVER) -> set[Entry]:
        found = listings.load(self.connection, self.account_id, since)
        assert len(found) == len(set(found))
        return set(found)

    def lines(self, since: dt.date = EVER) -> set[Line]:
        return {entry.line for entry in self.load(since)}

    def save(self, after: Iterable[Entry], since: dt.date = EVER) -> None:
        before = listings.load(self.connection, self.account_id, since)
        listings.save(self.connection, self.account_id, before, after)

    def retire(self, name: str) -> bool:
        return listings.retire(self.connection, self.account_id, name, NOW)

    def retire_date(self, name: str, date: dt.date) -> bool:
        return listings.retire_date(self.connection, self.account_id, name, date, NOW)


@pytest.fixture
def lists(connection: sa.Connection) -> Lists:
    return Lists(connection)


# -- add -----------------------------------------------------------------------------------------------------


def test_what_is_added_is_listed(lists: Lists) -> None:
    lines = {Line("B1", D1, 5, "key"), Line("B2"), Line("批次 😀'\\%s", D2), Line("B3", None, 0)}
    lists.add(*lines)
    assert lists.load() == {Entry(DATABASE_LIST, line) for line in lines}


def test_rows_of_further_submissions_add_up(lists: Lists) -> None:
    lists.add(Line("B1", D1, 5))
    lists.add(Line("B1", D1, 7), Line("B1", D2, 1), Line("B1", None, 2))
    lists.add(Line("B1", D1))
    lists.add(Line("B1", D1, 1), Line("B1", D1, 1))
    assert lists.lines() == {Line("B1", D1, 14), Line("B1", D2, 1), Line("B1", None, 2)}
    assert len(table(lists.connection, batch_listing)) == 3


def test_rows_that_were_not_known_are_known_once_given(lists: Lists) -> None:
    lists.add(Line("B1", D1))
    assert lists.lines() == {Line("B1", D1)}
    lists.add(Line("B1", D1, 0))
    assert lists.lines() == {Line("B1", D1, 0)}
    lists.add(Line("B1", D1))
    assert lists.lines() == {Line("B1", D1, 0)}, "0 is a number, too"
    lists.add(Line("B1", D1, 7))
    assert lists.lines() == {Line("B1", D1, 7)}


def test_an_import_replaces_rows_however_often(lists: Lists) -> None:
    lists.add(Line("B1", D1, 5), Line("B2", D1, 9))
    for _ in range(2):
        lists.add(Line("B1", D1, 7), Line("B3", None, 3), more=False)
        assert lists.lines() == {Line("B1", D1, 7), Line("B2", D1, 9), Line("B3", None, 3)}
    lists.add(Line("B1", D1), more=False)
    assert Line("B1", D1) in lists.lines()


def test_batches_that_differ_in_anything_are_batches_of_their_own(lists: Lists) -> None:
    names = ["b", "B", "b ", " b", "0b", "00b", "ｂ", "b́", "批", "😀", "😁", "b'", "b\\", "b%s"]
    lists.add(*(Line(name, D1, n) for n, name in enumerate(names)))
    lists.add(*(Line(name, D1, 100) for name in names))
    assert lists.lines() == {Line(name, D1, 100 + n) for n, name in enumerate(names)}


def test_adding_changes_nothing_that_other_lists_say_about_the_batch(lists: Lists) -> None:
    lists.save([Entry("file", Line("B1", D1, 5)), Entry("query", Line("B1"))])
    lists.add(Line("B1", D1, 3), Line("B1", None))
    assert lists.load() == {
        Entry("file", Line("B1", D1, 5)),
        Entry("query", Line("B1")),
        Entry(DATABASE_LIST, Line("B1", D1, 3)),
        Entry(DATABASE_LIST, Line("B1")),
    }


def test_lists_of_two_accounts_are_apart(lists: Lists) -> None:
    other = Lists(lists.connection, "other")
    lists.add(Line("B1", D1, 5, "mine"))
    other.add(Line("B1", D1, 7, "theirs"), Line("B2", D1))
    assert lists.lines() == {Line("B1", D1, 5, "mine")}
    assert other.lines() == {Line("B1", D1, 7, "theirs"), Line("B2", D1)}
    assert not lists.retire("B2")
    assert other.retire("B1")
    other.save([])
    assert lists.lines() == {Line("B1", D1, 5, "mine")}


def test_two_that_add_at_once_both_count(db: sa.Engine) -> None:
    """`batches add` is called after numbers are submitted, perhaps from several places at once."""
    with db.begin() as connection:
        lists = Lists(connection)
        lists.add(Line("B1", D1, 1))

    def add() -> None:
        for _ in range(5):
            with db.begin() as connection:
                Lists(connection).add(Line("B1", D1, 10), Line("B2", D1, 1))

    at_once([add] * 4)
    with db.begin() as connection:
        assert Lists(connection).lines() == {Line("B1", D1, 201), Line("B2", D1, 20)}


# -- load and save -------------------------------------------------------------------------------------------


def test_load_leaves_out_what_is_dated_before(lists: Lists) -> None:
    lists.add(Line("B1", D1), Line("B1", D2), Line("B1"))
    assert lists.lines(D2) == {Line("B1", D2), Line("B1")}
    assert lists.lines(dt.date.max) == {Line("B1")}


def test_save_writes_what_was_added_changed_and_dropped(lists: Lists) -> None:
    first = [Entry("file", Line("B1", D1, 5)), Entry("file", Line("B2")), Entry("query", Line("B1", D1, 6))]
    lists.save(first)
    assert lists.load() == set(first)
    second = [Entry("file", Line("B1", D1, 7)), Entry("query", Line("B1", D1)), Entry("file", Line("B3", D2))]
    lists.save(second)
    assert lists.load() == set(second)
    lists.save([])
    assert lists.load() == set()
    assert {row["batch_no"] for row in table(lists.connection, batch)} == {"B1", "B2", "B3"}


def test_save_drops_the_one_line_and_not_its_neighbours(lists: Lists) -> None:
    entries = {
        Entry(source, Line(name, date))
        for source in ("file", "query")
        for name in ("B1", "b1")
        for date in (D1, None)
    }
    lists.save(entries)
    for gone in sorted(entries, key=str):
        lists.save(entries - {gone})
        assert lists.load() == entries - {gone}
        lists.save(entries)


def test_what_was_not_loaded_is_not_dropped(lists: Lists) -> None:
    lists.add(Line("B1", D1), Line("B2", D1))
    lists.retire("B2")
    lists.save([Entry("file", Line("B3", D2))], since=D2)
    lists.connection.execute(batch.update().values(retired_at=None))
    assert lists.lines() == {Line("B1", D1), Line("B2", D1), Line("B3", D2)}


def test_saving_the_same_again_writes_nothing(lists: Lists) -> None:
    """Including appkeys: a batch has one, whichever of its lines and lists gives it."""
    entries = [
        Entry("file", Line("B1", D1, 5, "key")),
        Entry("file", Line("B1", D2, 6)),
        Entry("query", Line("B1", D1)),
    ]
    lists.save(entries)
    with noted(lists.connection.engine) as statements:
        lists.save(entries)
    assert {statement.split()[0] for statement in statements} == {"SELECT"}


# -- appkeys -------------------------------------------------------------------------------------------------


def appkeys(lists: Lists) -> dict[str, str | None]:
    return {row["batch_no"]: row["appkey"] for row in table(lists.connection, batch)}


def test_an_appkey_is_the_batchs_own(lists: Lists) -> None:
    lists.add(Line("B1", D1, None, "k1"), Line("B2", D1), Line("B3", None, None, "k3"))
    assert appkeys(lists) == {"B1": "k1", "B2": None, "B3": "k3"}
    lists.add(Line("B1", D2), Line("B2", D2, None, "k2"), Line("B3", None, 5))
    assert appkeys(lists) == {"B1": "k1", "B2": "k2", "B3": "k3"}
    lists.add(Line("B1", D1, None, "other"))
    assert appkeys(lists) == {"B1": "other", "B2": "k2", "B3": "k3"}


def test_any_line_of_a_batch_may_give_the_appkey(lists: Lists) -> None:
    lists.save(
        [Entry("file", Line("B1", D1)), Entry("file", Line("B1", D2, None, "key")), Entry("file", Line("B1"))]
    )
    assert appkeys(lists) == {"B1": "key"}
    assert {line.appkey for line in lists.lines()} == {"key"}


def test_a_list_that_no_longer_gives_the_appkey_does_not_remove_it(lists: Lists) -> None:
    lists.save([Entry("file", Line("B1", D1, 5, "key"))])
    lists.save([Entry("file", Line("B1", D1, 6))])
    assert lists.lines() == {Line("B1", D1, 6, "key")}


# -- retire --------------------------------------------------------------------------------------------------


def test_a_retired_batch_is_not_listed_and_comes_back_when_added(lists: Lists) -> None:
    lists.add(Line("B1", D1, 5), Line("B1"), Line("B2", D1))
    lists.save([*lists.load(), Entry("file", Line("B1", D2, 7))])
    assert lists.retire("B1")
    assert lists.lines() == {Line("B2", D1)}
    assert listings.retired(lists.connection, lists.account_id).batches == {"B1"}
    lists.add(Line("B1", D1, 1))
    assert lists.lines() == {Line("B1", D1, 6), Line("B1"), Line("B1", D2, 7), Line("B2", D1)}
    assert listings.retired(lists.connection, lists.account_id) == Retired(set())


def test_adding_another_batch_brings_none_back(lists: Lists) -> None:
    lists.add(Line("B1"), Line("b1"), Line("B1 "))
    lists.retire("B1")
    lists.add(Line("b1"), Line("B1 "), Line("B2"))
    assert listings.retired(lists.connection, lists.account_id).batches == {"B1"}


def test_retire_says_whether_the_batch_is_known(lists: Lists) -> None:
    lists.add(Line("B1"))
    assert not lists.retire("b1")
    assert not lists.retire("B1 ")
    assert lists.retire("B1")
    assert lists.retire("B1")


def test_a_date_that_is_retired_is_not_listed_by_any_list_and_comes_back_when_added(lists: Lists) -> None:
    lists.add(Line("B1", D1, 5), Line("B1", D2, 6), Line("B2", D1, 7))
    lists.save([*lists.load(), Entry("file", Line("B1", D1, 8))])
    for _ in range(2):
        assert lists.retire_date("B1", D1)
        assert lists.lines() == {Line("B1", D2, 6), Line("B2", D1, 7)}
        assert listings.retired(lists.connection, lists.account_id) == Retired(set(), {D1: {"B1"}})
    lists.add(Line("B1", D2, 1), Line("B2", D1, 1))
    assert listings.retired(lists.connection, lists.account_id).dates == {D1: {"B1"}}
    lists.add(Line("B1", D1, 9), more=False)
    assert listings.retired(lists.connection, lists.account_id) == Retired(set())
    assert lists.lines() == {Line("B1", D1, 9), Line("B1", D1, 8), Line("B1", D2, 7), Line("B2", D1, 8)}


def test_a_batch_without_a_date_can_be_retired_on_one(lists: Lists) -> None:
    lists.add(Line("B1"), Line("B2", D2))
    assert lists.retire_date("B1", D1)
    assert lists.lines() == {Line("B1"), Line("B2", D2)}
    assert listings.retired(lists.connection, lists.account_id).dates == {D1: {"B1"}}
    assert not any(lists.retire_date(name, D1) for name in ("B2", "b1", "B3"))
    assert not Lists(lists.connection, "other").retire_date("B1", D1)
    lists.add(Line("B1"))
    assert listings.retired(lists.connection, lists.account_id) == Retired(set())


def test_what_a_line_says_now(lists: Lists) -> None:
    lists.add(Line("B1", D1, 5, "key"), Line("B1"))
    lists.save([*lists.load(), Entry("file", Line("B1", D2, 7))])
    ask = [Line("B1", D1, 9), Line("B1"), Line("B1", D2), Line("b1", D1)]
    found = [listings.own_line(lists.connection, lists.account_id, line) for line in ask]
    assert found == [Line("B1", D1, 5, "key"), Line("B1", None, None, "key"), None, None]


# -- what is known -------------------------------------------------------------------------------------------


def test_batches_returns_numbers_and_appkeys_of_those_that_are_known(lists: Lists) -> None:
    assert not listings.any_batch(lists.connection, lists.account_id)
    lists.add(Line("B1", D1, 1, "key"), Line("B2"))
    found = listings.batches(lists.connection, lists.account_id, {"B1", "b2", "B2", "none"})
    assert {name: appkey for name, (_, appkey) in found.items()} == {"B1": "key", "B2": None}
    assert listings.batches(lists.connection, lists.account_id, set()) == {}
    assert listings.any_batch(lists.connection, lists.account_id)
    assert not listings.any_batch(lists.connection, Lists(lists.connection, "other").account_id)


def test_a_batch_known_by_its_day_alone_is_known(lists: Lists) -> None:
    batch_day(lists.connection, "B9")
    assert listings.any_batch(lists.connection, lists.account_id)
    assert listings.batches(lists.connection, lists.account_id, {"B9"})


def test_a_long_list_is_kept_with_few_statements(lists: Lists) -> None:
    """Numbers of batches are queried in chunks; entries, new or known, take one statement, however many."""
    first, again = [], []
    for name, chunks in (("1", 1), ("3", 3)):
        other = Lists(lists.connection, name)
        lines = [Line(f"{n:08}", D1 + dt.timedelta(days=n // 500), n % 100) for n in range(chunks * CHUNK)]
        for counts in (first, again):
            with noted(lists.connection.engine) as statements:
                other.add(*lines, more=False)
            counts.append(len(statements))
            assert other.lines() == set(lines)
    assert first[1] - first[0] == 2 * (3 - 1)
    assert again[1] == again[0]


@pytest.mark.parametrize("shared", [servers.POSTGRESQL], indirect=True)
def test_postgresql_analyzes_a_long_list_before_it_is_read(lists: Lists) -> None:
    """Otherwise it assumes that the tables are empty: reading 70,000 new rows took most of a minute."""
    for rows, looks in ((MANY - 1, []), (MANY, ["ANALYZE batch", "ANALYZE batch_listing"])):
        with noted(lists.connection.engine) as statements:
            Lists(lists.connection, f"{rows}").add(*(Line(f"{n}") for n in range(rows)))
        assert [statement for statement in statements if statement.startswith("ANALYZE")] == looks


# -- days before the window ----------------------------------------------------------------------------------


def test_entries_of_what_is_not_decided(lists: Lists) -> None:
    """`missed` gives those that the ledger does not have, `undecided` also those that are not settled or lost."""
    states = dict(zip("PIOSL", ("pending", "incomplete", "open", "settled", "lost"), strict=True))
    lists.add(*(Line(name, D1, 5) for name in (*states, "NONE")), Line("LATE", D2, 5), Line("ANY"))
    other = Lists(lists.connection, "other")
    other.add(Line("NONE", D1, 9))
    for name, state in states.items():
        add_batch_day(lists.connection, known(lists, name), D1, state=state)
    between = (lists.connection, lists.account_id, D1, D2)
    assert {entry.line.batch_no for entry in listings.missed(*between)} == {"NONE"}
    assert {entry.line.batch_no for entry in listings.undecided(*between)} == {"P", "I", "O", "NONE"}
    assert listings.undecided(lists.connection, lists.account_id, EVER, D1) == []


def known(lists: Lists, name: str) -> int:
    return listings.batches(lists.connection, lists.account_id, [name])[name][0]


def test_what_a_run_has_seen_was_told_by_then(lists: Lists) -> None:
    other = Lists(lists.connection, "other")
    moments = {"earlier": NOW - HOUR, "later": NOW + 1000 * HOUR}
    for each in (lists, other):
        for name, moment in moments.items():
            listings.add(each.connection, each.account_id, [Line(name)], more=False, moment=moment)
    listings.seen(lists.connection, lists.account_id, NOW)
    assert {e.line.batch_no: e.told_at for e in lists.load()} == {"earlier": NOW - HOUR, "later": NOW}
    assert {e.line.batch_no: e.told_at for e in other.load()} == moments
