"""Two accounts that are answered the same keys: a row is only ever changed by the one that holds it."""

from __future__ import annotations

import json
from contextlib import ExitStack
from decimal import Decimal

import pytest
import sqlalchemy as sa

from etl.core.fields import FIELDS
from etl.schema import tables
from etl.store.checks import Load, Stored
from etl.store.lookups import Lookups
from tests.store.made import NOW, batch_day, check, hlr, page, table
from tests.store.sessions import assert_waits, beside, engine_for, noted
from tests.store.test_checks import FULL, KEY, Desk, counts, sightings


@pytest.fixture
def desk(connection: sa.Connection) -> Desk:
    return Desk(connection)


def test_a_row_is_only_changed_by_the_account_that_holds_it(desk: Desk) -> None:
    other = Desk(desk.connection, "B1", "other")
    desk.store(FULL)
    before = table(desk.connection, tables.number_check)
    for changed in (FULL, FULL._replace(price=Decimal("9.5"), validity="NO", carrier="another", extra={"x": 1})):
        stored = other.store(changed)
        assert counts(stored) == (1, 0, 0, 0, 1)
        # Told apart by its key: read again with other content, it is still the same row.
        assert (stored.new_keys, stored.new_rejected, stored.new_elsewhere) == (0, 0, int(changed is FULL))
    assert table(desk.connection, tables.number_check) == before
    assert sightings(desk.connection) == set()
    [kept] = table(desk.connection, tables.rejected_row)
    assert (kept["batch_day_id"], kept["reason"]) == (other.day, "held_by_another_account")
    sent = json.loads(kept["payload"], parse_float=Decimal)
    assert {field.page: getattr(FULL, field.name) for field in FIELDS}.items() <= sent.items()
    assert desk.store(FULL._replace(validity="NO")).updated == 1


def test_every_batch_day_of_another_account_has_its_own_rejected_row(desk: Desk) -> None:
    others = [Desk(desk.connection, name, "other") for name in ("B1", "B2")]
    desk.store(FULL)
    assert [other.store(FULL, check("own")).new_elsewhere for other in others] == [1, 1]
    assert sightings(desk.connection) == {(others[1].day, "own", check().phone)}
    assert desk.store(check("own")).new_elsewhere == 1


def test_an_outcome_that_another_account_is_answered_ends_no_wait(desk: Desk) -> None:
    other = Desk(desk.connection, "B1", "other")
    desk.store(hlr())
    waiting = table(desk.connection, tables.awaited_check)
    assert [row["batch_day_id"] for row in waiting] == [desk.day]
    other.store(hlr(validity="YES"))
    assert table(desk.connection, tables.awaited_check) == waiting


def test_what_an_earlier_version_noted_for_another_account_is_taken_back(desk: Desk) -> None:
    other = Desk(desk.connection, "B1", "other")
    desk.store(FULL)
    noted_before = dict(zip(KEY, FULL.key, strict=True)) | {"batch_day_id": other.day}
    desk.connection.execute(tables.further_sighting.insert(), noted_before)
    stored = other.store(FULL)
    assert (stored.new_keys, stored.new_elsewhere) == (-1, 1)
    assert sightings(desk.connection) == set()


# What two accounts are answered at the same moment: both have "m2" to "m4", each has some more.
FIRST = [hlr(f"m{number}", carrier="one") for number in range(1, 5)]
SECOND = [hlr(f"m{number}", carrier="two", validity="YES") for number in range(2, 7)]


@pytest.mark.parametrize("turned", [False, True])
def test_both_at_once(db: sa.Engine, turned: bool) -> None:
    """The second one waits for the first, and then learns that the rows are held."""
    answers = [page(*rows) for rows in ((SECOND, FIRST) if turned else (FIRST, SECOND))]
    with db.begin() as connection:
        days = [batch_day(connection, "B1", name) for name in ("a", "b")]

    def second() -> Stored:
        with other.begin() as connection:
            return load(connection, 1)

    def load(connection: sa.Connection, place: int) -> Stored:
        load = Load(connection, Lookups(), [(days[place], answers[place])], NOW)
        stored = load.add(days[place], answers[place], at_page=1)
        load.flush()
        return stored

    with engine_for(db.url) as other, noted(other) as sent, ExitStack() as end:
        with db.begin() as connection:
            first = load(connection, 0)
            outcome = end.enter_context(beside(second))
            assert_waits(outcome, db, sent)
        stored = outcome.result()
    own = len(answers[1].rows) - 3
    assert (first.inserted, first.new_keys) == (len(answers[0].rows), len(answers[0].rows))
    assert (stored.inserted, stored.new_keys, stored.new_elsewhere, stored.rejected) == (own, own, 3, 3)
    with db.begin() as connection:
        checks = table(connection, tables.number_check)
        held = {row["message_id"]: row["batch_day_id"] for row in checks}
        waiting = {(row["batch_day_id"], row["message_id"]) for row in table(connection, tables.awaited_check)}
        outcomes = {row["message_id"] for row in checks if row["validity"] is not None}
        rejected = {row["batch_day_id"] for row in table(connection, tables.rejected_row)}
    shared = {"m2", "m3", "m4"}
    assert {name for name, day in held.items() if day == days[0]} >= shared
    assert rejected == {days[1]}
    expected = {row.message_id for row in SECOND} - (set() if turned else shared)
    assert outcomes == expected
    assert {name for _, name in waiting} == held.keys() - expected
    assert all(held[name] == day for day, name in waiting)
