"""Keys are equal only if every character is, the same on every server; prices come out as they went in."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
import sqlalchemy as sa

from etl.core.checkrow import CheckRow
from etl.schema import tables
from etl.store import accounts
from etl.store.checks import Stored, store
from tests.store.made import NOW, batch_day, check, hlr, lookups, page, table

# Each is a key of its own, though careless collations, comparisons and bulk-load formats confuse them.
ALIKE = {
    "case": ["abc", "ABC", "Abc", "ß", "ẞ", "ss", "SS", "i", "ı", "I", "İ", "σ", "ς"],
    "spaces": ["x", "x ", "x  ", " x", "x\t", "x\n", "x\r\n", "x\u00a0", "x\u200b", "x\u3000"],
    "leading zeros": ["123", "0123", "00123", "+123", "123.0", "1.23e2", "-0", "0"],
    "scripts": ["123", "١٢٣", "۱۲۳", "१२३", "１２３", "①②③", "ａｂｃ", "аbс", "abc"],
    "combining": ["é", "e\u0301", "e", "Å", "\u212b", "A\u030a", "ñ", "n\u0303", "가", "\u1100\u1161", "ﬁ", "fi"],
    "4 bytes": ["🎈", "🎉", "👨‍👩‍👧", "👨👩👧", "❤", "❤️", "𠮷", "吉", "\U0010ffff", "批号", "批號"],
    "marks": [
        "\\N",
        "\\.",
        "\\",
        "\\\\",
        "%",
        "_",
        "x%",
        "'",
        "''",
        '"',
        "NULL",
        "null",
        "a,b",
        "{a}",
        "%s",
        ":x",
    ],
}
EVERY = sorted({text for texts in ALIKE.values() for text in texts})


def rows(texts: list[str], **fields: object) -> list[CheckRow]:
    """A row for each text as message id, and one for each as phone; each with a price of its own."""
    made = [("id", text, "phone") for text in texts] + [("phone", "id", text) for text in texts]
    random.Random(len(texts)).shuffle(made)
    return [
        hlr(message_id, phone, price=Decimal(number) / 1000, national_number=phone, **fields)
        for number, (_, message_id, phone) in enumerate(made)
    ]


@pytest.mark.parametrize("texts", [*ALIKE.values(), EVERY], ids=[*ALIKE, "all"])
def test_what_differs_in_anything_is_another_row(connection: sa.Connection, texts: list[str]) -> None:
    day, new = batch_day(connection), rows(texts)
    for expected in (Stored(len(new), len(new), new_keys=len(new)), Stored(len(new))):
        assert store(connection, lookups(), day, page(*new), at_page=1, moment=NOW) == expected
    found = connection.exec_driver_sql("SELECT message_id, phone, national_number, price FROM v_number_check")
    kept = {(message_id, phone): (same, Decimal(price)) for message_id, phone, same, price in found}
    assert kept == {row.key: (row.phone, row.price) for row in new}


def test_a_change_of_one_leaves_its_likes_alone(connection: sa.Connection) -> None:
    day, old = batch_day(connection), rows(EVERY)
    store(connection, lookups(), day, page(*old), at_page=1, moment=NOW)
    for changed in old[::7]:
        now = changed._replace(reachable="YES", carrier=changed.phone)
        assert store(connection, lookups(), day, page(now), at_page=1, moment=NOW).updated == 1
    found = connection.exec_driver_sql(
        "SELECT message_id, phone, carrier FROM v_number_check WHERE reachable = 'YES'"
    )
    assert {tuple(row) for row in found} == {(*row.key, row.phone) for row in old[::7]}
    waiting = {(row["message_id"], row["phone"]) for row in table(connection, tables.awaited_check)}
    assert waiting == {row.key for row in old} - {row.key for row in old[::7]}


def test_a_search_finds_the_one_that_is_meant(connection: sa.Connection) -> None:
    day = batch_day(connection)
    store(connection, lookups(), day, page(*rows(EVERY)), at_page=1, moment=NOW)
    query = sa.text("SELECT phone FROM v_number_check WHERE phone = :text AND message_id = 'id'")
    for text in EVERY:
        assert connection.scalars(query, {"text": text}).all() == [text]


def test_likes_in_another_batch_day_are_not_seen_again(connection: sa.Connection) -> None:
    first, second = batch_day(connection, "B"), batch_day(connection, "b ")
    half = len(EVERY) // 2
    store(connection, lookups(), first, page(*rows(EVERY[:half])), at_page=1, moment=NOW)
    stored = store(connection, lookups(), second, page(*rows(EVERY[half:])), at_page=1, moment=NOW)
    assert stored.inserted == stored.received
    assert table(connection, tables.further_sighting) == []
    again = store(connection, lookups(), second, page(*rows(EVERY[:half])), at_page=2, moment=NOW)
    assert (again.inserted, again.new_keys) == (0, again.received)
    assert len(table(connection, tables.further_sighting)) == again.received


def test_accounts_and_batches_are_told_apart(connection: sa.Connection) -> None:
    numbers = {name: accounts.register(connection, name) for name in EVERY}
    assert len(set(numbers.values())) == len(EVERY)
    assert {name: accounts.find(connection, name) for name in EVERY} == numbers
    for name in EVERY:
        batch_day(connection, name, "default")
    found = connection.exec_driver_sql("SELECT DISTINCT batch_no FROM v_coverage")
    assert sorted(name for (name,) in found) == EVERY


PRICES = ["0", "0.0056", "-1.5", "100", "1E+3", "0.1", "0.000001", "999999999999.999999", "123456789012.5", "5.50"]


def test_a_price_comes_out_equal(connection: sa.Connection) -> None:
    day = batch_day(connection)
    new = [check(phone=text, price=Decimal(text), currency="USD") for text in PRICES]
    for expected in (len(new), 0):
        assert store(connection, lookups(), day, page(*new), at_page=1, moment=NOW).inserted == expected
    found = connection.exec_driver_sql("SELECT phone, price FROM v_number_check")
    seen = {phone: Decimal(price) for phone, price in found}
    assert seen == {text: Decimal(text) for text in PRICES}
