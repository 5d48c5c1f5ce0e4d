from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from etl import settings
from etl.core.batchday import BatchDay, State
from etl.core.line import DATABASE_LIST, Entry, Line
from etl.core.planning import Rules, Selection
from etl.errors import Misconfigured
from etl.run.gather import Gathered, gather, has_source, read_lists, require_batches
from etl.schema.tables import batch_day
from etl.settings import Settings
from etl.store import accounts, ledger, listings
from tests import servers
from tests.store.made import NOW, table, window

DAYS = dt.timedelta(days=1)
FIRST, LAST = dt.date(2026, 3, 1), dt.date(2026, 3, 14)


def given_settings(**given: str) -> Settings:
    return settings.load({f"NUMBERCHECK_{name.upper()}": value for name, value in given.items()}, None)


def collect(
    connection: sa.Connection | None, moment: dt.datetime = NOW, rules: Rules | None = None, **given: str
) -> Gathered:
    found, now = given_settings(**given), window(moment)
    account_id = None if connection is None else accounts.find(connection, found.account)
    return gather(connection, account_id, read_lists(found, now), found, now, rules or Rules())


def csv(directory: Path, *lines: str) -> str:
    file = directory / "batches.csv"
    file.write_text("\n".join(["batch_no,date,rows", *lines]) + "\n", encoding="utf-8")
    return str(file)


@pytest.fixture
def account_id(engine: sa.Engine) -> int:
    with engine.begin() as connection:
        return accounts.register(connection, "default")


def settle(connection: sa.Connection, account_id: int, name: str, date: dt.date) -> None:
    listings.add(connection, account_id, [Line(name, date)], more=True)
    day = BatchDay(name, date)
    ledger.record(connection, account_id, [day], window())
    day.state, day.reported = State.SETTLED, 3
    ledger.save(connection, day)


# -- without a database ----------------------------------------------------------------------------------------


def test_without_a_database_the_lists_are_all_that_is_known(tmp_path: Path) -> None:
    found = collect(None, batch_file=csv(tmp_path, "A,2026-03-01,5", "B", "C,2026-01-01"))
    assert found.facts.lists.lines == [Line("A", FIRST, 5), Line("B")]
    assert (found.facts.days, found.facts.settled, found.before, found.outside) == ([], {}, [], (1, 0))


def test_nothing_set_and_nothing_known_is_reported_with_the_remedy() -> None:
    with pytest.raises(Misconfigured, match="NUMBERCHECK_BATCH_FILE.*batches add"):
        collect(None)


def test_a_source_that_lists_nothing_is_fine(tmp_path: Path) -> None:
    assert collect(None, batch_file=csv(tmp_path)).facts.lists.lines == []
    assert collect(None, batch_file=csv(tmp_path, "A,2020-01-01")).outside == (1, 0)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, False),
        ({"batch_file": "x.csv"}, True),
        ({"batch_template": "{date:%Y%m%d}"}, True),
        ({"batch_query": "SELECT 1", "batch_database_url": "sqlite:///x.db"}, True),
    ],
)
def test_which_settings_are_sources(given: dict[str, str], expected: bool) -> None:
    assert has_source(given_settings(**given)) is expected


@pytest.mark.parametrize("name", ["b", "B ", "X"])
def test_an_unknown_batch_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(Misconfigured, match=f"The batch '{name}' is not known"):
        collect(None, rules=Rules(selection=Selection(frozenset({name}))), batch_file=csv(tmp_path, "B"))


# -- with one --------------------------------------------------------------------------------------------------


def test_lists_and_ledger_together(engine: sa.Engine, account_id: int, tmp_path: Path) -> None:
    with engine.begin() as connection:
        listings.add(
            connection, account_id, [Line("A", FIRST, 5), Line("R"), Line("A", FIRST - DAYS, 7)], more=True
        )
        listings.add(connection, account_id, [Line("A", FIRST - 2 * DAYS)], more=True)
        listings.retire(connection, account_id, "R", NOW)
        settle(connection, account_id, "S", LAST - DAYS)
        found = collect(
            connection, batch_file=csv(tmp_path, "A,2026-03-01,6", "R,2026-03-02", "B", "B,2026-04-01")
        )
    mine = {
        Entry(DATABASE_LIST, line)
        for line in (Line("A", FIRST, 5), Line("A", FIRST - DAYS, 7), Line("S", LAST - DAYS))
    }
    assert set(found.before) == mine, "what may spill into the window is known, too"
    assert set(found.entries) == mine | {Entry("file", Line("A", FIRST, 6)), Entry("file", Line("B"))}
    assert sorted(map(str, found.facts.lists.lines)) == sorted(str(entry.line) for entry in found.entries)
    assert found.facts.settled == {LAST - DAYS: {"S": 3}}
    assert sum(found.outside) == 1


def test_looking_writes_nothing(engine: sa.Engine, account_id: int, tmp_path: Path) -> None:
    statements: list[str] = []

    def note(*args: Any) -> None:
        statements.append(args[2].split()[0])

    sa.event.listen(engine, "before_cursor_execute", note)
    with engine.begin() as connection:
        collect(connection, batch_file=csv(tmp_path, "A,2026-03-01,6", "B"))
    assert set(statements) - {"BEGIN"} == {"SELECT"}


@pytest.mark.parametrize("server", [servers.SQLITE], indirect=True)
class TestWhatIsKnown:
    """The result is the same on every database; tests/store tests the queries."""

    def test_settled_days_come_whole_in_full(self, engine: sa.Engine, account_id: int) -> None:
        with engine.begin() as connection:
            settle(connection, account_id, "S", LAST - DAYS)
            assert collect(connection).facts.days == []
            assert len(collect(connection, rules=Rules(selection=Selection(full=True))).facts.days) == 1

    @pytest.mark.parametrize("days", [0, 20, 400])
    def test_a_batch_that_was_ever_known_is_known(self, engine: sa.Engine, account_id: int, days: int) -> None:
        """A customer who submits nothing for some weeks has not misconfigured anything."""
        with engine.begin() as connection:
            settle(connection, account_id, "S", FIRST)
        with engine.begin() as connection:
            found = collect(connection, NOW + days * DAYS, Rules(selection=Selection(frozenset({"S"}))))
            assert (found.facts.lists.lines == []) is (days > 0)
            require_batches(connection, given_settings())

    def test_a_retired_batch_is_known(self, engine: sa.Engine, account_id: int) -> None:
        with engine.begin() as connection:
            listings.add(connection, account_id, [Line("R")], more=True)
            listings.retire(connection, account_id, "R", NOW)
            assert collect(connection, rules=Rules(selection=Selection(frozenset({"R"})))).facts.lists.lines == []

    def test_what_another_account_knows_is_none_of_ours(self, engine: sa.Engine, account_id: int) -> None:
        with engine.begin() as connection:
            settle(connection, account_id, "S", FIRST)
            accounts.register(connection, "other")
            for account in ("other", "never seen"):
                with pytest.raises(Misconfigured, match="No batch source is set"):
                    collect(connection, account=account)
                with pytest.raises(Misconfigured, match="No batch source is set"):
                    require_batches(connection, given_settings(account=account))
            with pytest.raises(Misconfigured, match="The batch 'S' is not known"):
                collect(
                    connection,
                    account="other",
                    batch_template="{date}",
                    rules=Rules(selection=Selection(frozenset({"S"}))),
                )

    def test_a_source_is_enough(self, engine: sa.Engine, tmp_path: Path) -> None:
        with engine.begin() as connection:
            require_batches(connection, given_settings(batch_file=csv(tmp_path)))

    def test_a_list_that_cannot_be_read_takes_nothing_away(
        self, engine: sa.Engine, account_id: int, tmp_path: Path
    ) -> None:
        with engine.begin() as connection:
            first = collect(connection, batch_file=csv(tmp_path, "A,2026-03-01,6", "B"))
            listings.save(connection, account_id, first.before, first.entries)
            second = collect(connection, batch_file=str(tmp_path / "missing.csv"))
            assert set(second.entries) == set(first.entries)
            assert table(connection, batch_day) == []
