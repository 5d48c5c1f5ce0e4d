"""However pages are stored, the result is the same: together, one by one, or as if all rows were new."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from etl.core.page import Page
from etl.schema import tables
from etl.store.checks import Load, Stored, store
from etl.store.lookups import Lookups
from tests import servers
from tests.store.made import HOUR, NOW, bad, batch_day, check, hlr, page, table

Loader = Callable[[sa.Connection, Sequence[tuple[int, Page]]], list[Stored]]


def together(connection: sa.Connection, pages: Sequence[tuple[int, Page]]) -> list[Stored]:
    load = Load(connection, Lookups(), pages, NOW)
    stored = [load.add(day, answer, at_page=answer.number) for day, answer in pages]
    load.flush()
    return stored


def one_by_one(connection: sa.Connection, pages: Sequence[tuple[int, Page]]) -> list[Stored]:
    lookups = Lookups()
    return [store(connection, lookups, day, answer, at_page=answer.number, moment=NOW) for day, answer in pages]


def hopefully(connection: sa.Connection, pages: Sequence[tuple[int, Page]]) -> list[Stored]:
    """Each in a transaction of its own that takes all rows for new ones, which few of them are."""
    stored = []
    for day, answer in pages:
        load = Load(connection, Lookups(), [(day, answer)], NOW, first_time=True)
        stored.append(load.add(day, answer, at_page=answer.number))
        load.flush()
    return stored


def content(connection: sa.Connection) -> dict[str, list[dict[str, Any]]]:
    """Every row that results from pages, without the numbers that the database assigns."""
    filled = (
        tables.number_check,
        tables.further_sighting,
        tables.awaited_check,
        tables.rejected_row,
    )
    carriers = {row["carrier_id"]: row["name"] for row in table(connection, tables.carrier)}
    categories = {
        row["category_id"]: row
        | {"category_id": None, "carrier_id": carriers.get(row["carrier_id"]), "combination": None}
        for row in table(connection, tables.category)
    }
    found = {}
    for each in filled:
        rows = [
            row | {"category_id": categories.get(row.get("category_id")), "rejected_row_id": None}
            for row in table(connection, each)
        ]
        found[each.name] = sorted(rows, key=repr)
    return found


def some_pages(seed: int, days: Sequence[int]) -> list[tuple[int, Page]]:
    """Pages that share keys; some of their rows change, get an outcome, are under two days, or are rejected."""
    chance = random.Random(seed)
    pages = []
    for number in range(1, 9):
        rows = {}
        for _ in range(chance.randrange(1, 12)):
            message_id, phone = f"m{chance.randrange(9)}", f"8490000000{chance.randrange(2)}"
            outcome = chance.choice([{}, {"validity": "YES"}, {"validity": "NO", "mcc": "452"}])
            kind = chance.choice(
                [
                    hlr(message_id, phone, **outcome),
                    check(message_id, phone, carrier=chance.choice("ab")),
                    check(message_id, phone, check_level=4, response=chance.choice([None, "busy"])),
                ]
            )
            rows[kind.key] = kind
        wrong = [bad(f'{{"n": {n}}}') for n in range(chance.randrange(3))]
        pages.append((chance.choice(days), page(*rows.values(), *wrong, number=number, total=900)))
    return pages


@pytest.mark.parametrize("seed", range(5))
def test_all_ways_to_store_pages_have_the_same_result(connection: sa.Connection, seed: int) -> None:
    outcomes = []
    days = [batch_day(connection, "B1"), batch_day(connection, "B2"), batch_day(connection, "B2", "other")]
    loaders: tuple[Loader, ...] = (one_by_one, together, hopefully)
    for load in loaders:
        savepoint = connection.begin_nested()
        first, second = some_pages(seed, days), some_pages(seed + 100, days)
        stored = load(connection, first) + load(connection, second)
        outcomes.append((stored, content(connection)))
        savepoint.rollback()
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert sum(each.inserted for each in outcomes[0][0]) > 10
    assert all(outcomes[0][1].values()), "each kind of row was among them"


@pytest.mark.parametrize("server", [servers.POSTGRESQL], indirect=True)
def test_rows_that_did_not_change_are_not_written_again(engine: sa.Engine) -> None:
    answer = page(*(hlr(f"m{n}", validity="YES", carrier="c") for n in range(100)))
    changed = page(*(hlr(f"m{n}", validity="NO" if n < 3 else "YES", carrier="c") for n in range(100)))
    with engine.begin() as connection:
        day = batch_day(connection)
    for moment, sent in enumerate((answer, answer, changed, changed)):
        with engine.begin() as connection:
            store(connection, Lookups(), day, sent, at_page=1, moment=NOW + moment * HOUR)
    with engine.begin() as connection:
        connection.execute(sa.text("SELECT pg_stat_force_next_flush()"))
    with engine.begin() as connection:
        query = "SELECT relname, n_tup_ins, n_tup_upd FROM pg_stat_user_tables WHERE relname = ANY(:names)"
        found = connection.execute(sa.text(query), {"names": ["number_check", "category", "carrier"]}).all()
    assert {name: (inserted, updated) for name, inserted, updated in found} == {
        "number_check": (100, 3),
        "category": (1, 0),
        "carrier": (1, 0),
    }


@pytest.mark.parametrize("change", ["message_id", "phone", "neither"])
def test_rows_that_are_all_new_are_inserted_without_a_look(connection: sa.Connection, change: str) -> None:
    day = batch_day(connection)
    sent = {"message_id": hlr("m2"), "phone": hlr("m1", "84900000002"), "neither": hlr("m1")}[change]
    asked: list[str] = []
    sa.event.listen(connection, "before_cursor_execute", lambda _c, _k, text, *_: asked.append(text))
    for answer in (page(hlr("m1")), page(sent)):
        asked.clear()
        load = Load(connection, Lookups(), [(day, answer)], NOW, first_time=True)
        stored = load.add(day, answer, at_page=1)
        load.flush()
    looked = any(text.startswith("SELECT") and "FROM number_check" in text for text in asked)
    assert (stored.inserted, stored.unchanged, looked) == ((0, 1, True) if change == "neither" else (1, 0, False))
