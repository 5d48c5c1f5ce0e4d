from __future__ import annotations

import time
from typing import Any

import pytest
import sqlalchemy as sa

from etl.database.sql import CHUNK, chunks, insert_missing, server_clock
from etl.database.upsert import upsert
from etl.schema.tables import account, batch, number_type, repeated_key
from tests.running import wait_until
from tests.store.made import batch_day, table

ODD = [
    "a'b",
    'a"b',
    "a\\b",
    "a\\",
    "%s %(x)s %%",
    ":name",
    "a\nb",
    "a\tb",
    "\r",
    "-- x",
    "😀批号é",
    "é",
    "{}",
    "?",
    "$1",
]


def types(connection: sa.Connection, *values: str) -> dict[str, tuple[int | None, str]]:
    query = sa.select(number_type).where(number_type.c.vendor_value.in_(values))
    return {value: (code, name) for value, code, name in connection.execute(query)}


def put(connection: sa.Connection, of: sa.Table, rows: list[dict[str, Any]], **options: Any) -> None:
    """`upsert` of rows that name their columns."""
    columns = list(rows[0]) if rows else ["vendor_value", "code", "name"]
    upsert(connection, of, columns, [tuple(row[name] for name in columns) for row in rows], **options)


def line(value: str, code: int | None = None, name: str = "x") -> dict[str, Any]:
    return {"vendor_value": value, "code": code, "name": name}


def test_upsert_inserts_and_updates_in_one_call(connection: sa.Connection) -> None:
    put(connection, number_type, [line("q1", 1, "old"), line("q2", 2, "old")])
    put(connection, number_type, [line("q2", 3, "new"), line("q3", None, "new")])
    assert types(connection, "q1", "q2", "q3") == {"q1": (1, "old"), "q2": (3, "new"), "q3": (None, "new")}


def test_upsert_of_nothing_does_nothing(connection: sa.Connection) -> None:
    before = table(connection, number_type)
    put(connection, number_type, [])
    insert_missing(connection, number_type, [])
    assert table(connection, number_type) == before


def test_upsert_keeps_what_a_blank_would_replace_and_nothing_else(connection: sa.Connection) -> None:
    put(connection, number_type, [line("k1", 1, "old"), line("k2", 2, "old")])
    put(connection, number_type, [line("k1", None, "new"), line("k2", 5, "new")], keep={"code"})
    assert types(connection, "k1", "k2") == {"k1": (1, "new"), "k2": (5, "new")}
    put(connection, number_type, [line("k1", None, "newer")])
    assert types(connection, "k1") == {"k1": (None, "newer")}


def test_upsert_leaves_fixed_columns_as_the_insert_set_them(connection: sa.Connection) -> None:
    put(connection, number_type, [line("f1", 1, "old")], fixed={"code"})
    put(connection, number_type, [line("f1", 2, "new"), line("f2", 3, "new")], fixed={"code"})
    assert types(connection, "f1", "f2") == {"f1": (1, "new"), "f2": (3, "new")}


def test_upsert_by_several_columns(connection: sa.Connection) -> None:
    day, other = batch_day(connection, "B1"), batch_day(connection, "B2")
    rows = [
        {"batch_day_id": number, "message_id": message_id, "phone": phone, "repeats": 1, "conflicts": 0}
        for number in (day, other)
        for message_id in ("m", "M", "m ")
        for phone in ("1", "01")
    ]
    put(connection, repeated_key, rows)
    put(connection, repeated_key, [rows[3] | {"repeats": 7}])
    found = table(connection, repeated_key)
    assert len(found) == 12
    assert [row for row in found if row["repeats"] == 7] == [rows[3] | {"repeats": 7}]


@pytest.mark.parametrize("statement", ["upsert", "insert_missing"])
def test_a_blank_in_the_first_row_takes_no_column_from_the_others(
    connection: sa.Connection, statement: str
) -> None:
    rows = [line(f"{statement}1"), line(f"{statement}2", 2), line(f"{statement}3", 3)]
    if statement == "upsert":
        put(connection, number_type, rows)
    else:
        insert_missing(connection, number_type, rows)
    assert [types(connection, row["vendor_value"])[row["vendor_value"]][0] for row in rows] == [None, 2, 3]


def test_texts_are_stored_as_they_stand(connection: sa.Connection) -> None:
    put(connection, number_type, [line(text, n, text) for n, text in enumerate(ODD)])
    assert types(connection, *ODD) == {text: (n, text) for n, text in enumerate(ODD)}
    insert_missing(connection, number_type, [line(text, 99, "other") for text in ODD])
    put(connection, number_type, [line(text, None, text + "!") for text in ODD], keep={"code"})
    assert types(connection, *ODD) == {text: (n, text + "!") for n, text in enumerate(ODD)}


def test_keys_differ_in_case_spaces_zeros_and_accents(connection: sa.Connection) -> None:
    keys = ["ab", "AB", "Ab", "ab ", " ab", "ab  ", "0ab", "00ab", "áb", "ａb", "ß", "ss", "ß "]
    put(connection, number_type, [line(key, n) for n, key in enumerate(keys)])
    assert {key: code for key, (code, _) in types(connection, *keys).items()} == {k: n for n, k in enumerate(keys)}


def test_insert_missing_changes_nothing_that_is_there(connection: sa.Connection) -> None:
    insert_missing(connection, account, [{"name": "a"}])
    insert_missing(connection, account, [{"name": "b"}, {"name": "a"}, {"name": "c"}])
    names = [row["name"] for row in sorted(table(connection, account), key=lambda row: row["account_id"])]
    assert names == ["a", "b", "c"]


def test_insert_missing_looks_at_every_unique_key(connection: sa.Connection) -> None:
    insert_missing(connection, account, [{"name": "a"}])
    [mine] = table(connection, account)
    row = {"account_id": mine["account_id"], "batch_no": "B"}
    insert_missing(connection, batch, [row | {"appkey": "first"}])
    insert_missing(connection, batch, [row | {"appkey": "second"}, row | {"batch_no": "b", "appkey": None}])
    assert {row["batch_no"]: row["appkey"] for row in table(connection, batch)} == {"B": "first", "b": None}


def test_insert_missing_waits_for_a_transaction_that_inserts_the_same(db: sa.Engine) -> None:
    """On SQLite the second transaction waits when it begins; either way both end with the same row."""
    with db.begin() as connection:
        insert_missing(connection, account, [{"name": "same"}])
    with db.begin() as connection:
        insert_missing(connection, account, [{"name": "same"}])
        assert len(table(connection, account)) == 1


def test_the_clock_is_the_time_of_the_call_and_not_of_the_transaction(connection: sa.Connection) -> None:
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql(
            "SET time_zone = '+05:30'" if "m" in connection.dialect.name else "SET TIME ZONE 5"
        )

    def now() -> float:
        told = connection.execute(sa.select(server_clock(connection.dialect))).scalar_one()
        assert isinstance(told, float)
        return told

    first = now()
    assert abs(first - time.time()) < 600  # a wrong time zone would be further off
    wait_until(lambda: now() > first)  # a transaction's own time never advances
    wait_until(lambda: now() % 1)  # nor has a clock of whole seconds a fraction


@pytest.mark.parametrize("count", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_chunks_hold_every_value_once(count: int) -> None:
    values = {f"{n:05}" for n in range(count)}
    parts = list(chunks(values))
    assert [value for part in parts for value in part] == sorted(values)
    assert all(0 < len(part) <= CHUNK for part in parts)
