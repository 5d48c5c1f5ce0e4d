"""A whole page at once, or row by row: it makes no difference what the vendor sends."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import simplejson
from hypothesis import example, given
from hypothesis import strategies as st

from etl.core.fields import FIELDS, Field
from etl.core.page import Page
from etl.core.pagesize import LARGEST
from etl.vendor import plain
from etl.vendor.answers import code_of, parse, to_page
from etl.vendor.columns import COLUMNS, UNFIT, Column
from etl.vendor.plain import FEW_BYTES, MOST_KNOWN, plain_page
from etl.vendor.size import USUAL_BYTES
from tests.store.made import sample
from tests.vendor.test_convert_property import NAMES, ROWS, SCALARS
from tests.vendor.vendor import QUESTION, as_bytes, page, row

BATCH = QUESTION.batch_no

# What a row is likely to hold, spelled in many ways, and what it is not. Written as JSON and put in as it is.
USUAL = st.sampled_from(
    ["YES", "no", "UNKNOWN ", "", " ", "\u3000", "84980000001", "+84", "0084", "04.0", "1E2", "²"]
)
SPELLINGS = st.sampled_from(
    ["null", '""', '"YES"', '"no "', "0", "-0", "5", "007", "5.0", "1e2", "0.10", "0.1", "-0.0", "1E-7", "1E+100"]
    + [
        "true",
        "NaN",
        "Infinity",
        "9" * 40,
        "-" + "9" * 40,
        "9" * 41,
        "9" * 70,
        "9" * 5000,
        "0." + "0" * 60,
        "1E99",
    ]
    + [
        '"\\u0000"',
        '"\\u000a"',
        '"\\ud800"',
        '"\\ud83d\\ude00"',
        '"\\u00a0"',
        '"a\tb"',
        '"\u2028"',
        '"x',
        "[]",
        "{}",
    ]
    + [f'"{"m" * 64}"', f'"{"m" * 65}"', '{"price": 0.5}', '{"price":0.50,"currency":"X"}', '{"cost":1}', "[[1]]"]
)
NAMED = st.sampled_from([*NAMES, "messageId", "phone", "batchNo", "cost", "unknown"])
PLAIN_FIELDS = st.dictionaries(st.sampled_from(NAMES), USUAL | st.none() | st.integers(0, 99), max_size=6)


def key(number: int) -> dict[str, Any]:
    return {"messageId": f"m{number % 3}", "phone": str(number), "batchNo": BATCH}


PLAIN_ROWS = st.builds(lambda number, fields: key(number) | fields, st.integers(0, 5), PLAIN_FIELDS)
ANY_ROWS = st.lists(PLAIN_ROWS | ROWS | SCALARS, max_size=6)
SPELLED_ROWS = st.lists(st.lists(st.tuples(NAMED, SPELLINGS), max_size=4), max_size=4)


def same(body: bytes) -> None:
    """The whole page at once is no page, or the one that comes of it row by row."""
    found = plain_page(body, QUESTION)
    if found is None:
        return
    answer = parse(body)
    assert code_of(answer) == 0
    expected = to_page(answer["data"], QUESTION)
    assert found == expected
    assert repr(plainly(found)) == repr(plainly(expected))  # 0.1 is not 0.10, and 1 is not True


def plainly(found: Page) -> Page:
    return replace(found, repeats=dict(found.repeats), conflicts=dict(found.conflicts))


@given(ANY_ROWS, st.booleans())
def test_any_rows(rows: list[Any], escaped: bool) -> None:
    data = {"result": rows, "totalSize": len(rows), "pageSize": 100}
    same(
        simplejson.dumps({"code": 0, "data": data}, use_decimal=True, ensure_ascii=escaped).encode(
            "utf-8", "surrogatepass"
        )
    )


@given(SPELLED_ROWS)
@example([[("price", "0.10"), ("price", "null")], [("price", "0.1")]])
@example([[("carrier", '"\\u0000"')]])
@example([[("checkLevel", "1")], [("checkLevel", "true")]])
@example([[("countryCode", "84")], [("countryCode", '"84"')], [("countryCode", "84.0")]])
@example([[("price", '{"price": 0.5}'), ("cost", '{"price": 0.5}')]])
@example([[("messageId", "[]"), ("requestId", '"m"')]])
def test_any_spelling(rows: list[list[tuple[str, str]]]) -> None:
    """A field may come twice; then the last one counts."""
    written = (
        ", ".join(
            f'"{name}": {value}' for name, value in [("messageId", '"m"'), ("phone", str(number % 2)), *fields]
        )
        for number, fields in enumerate(rows)
    )
    result = ", ".join(f"{{{fields}}}" for fields in written)
    same(f'{{"msg": "", "code": 0, "data": {{"result": [{result}], "totalSize": {len(rows)}}}}}'.encode())


ENVELOPE = st.dictionaries(
    st.sampled_from(["code", "msg", "message", "data", "success"]), SCALARS | st.sampled_from([0, "0", [0]])
)
DATA = st.dictionaries(
    st.sampled_from(["totalSize", "pageSize", "page", "result", "more"]),
    SCALARS | st.sampled_from([0, 2, "2", Decimal("2.0"), -1, 2**31, [], {}, [[]]]),
)


@given(ENVELOPE, DATA)
def test_any_envelope(envelope: dict[str, Any], data: dict[str, Any]) -> None:
    usual: dict[str, Any] = {"code": 0, "data": {"result": [row(1), row(2)], "totalSize": 2} | data}
    same(simplejson.dumps(usual | envelope, use_decimal=True).encode())


ORDINARY = {
    "messageId": st.text(max_size=65),
    "phone": st.text("+84* \0", max_size=12),
    "checkLevel": st.sampled_from([1, 5, "5", "", True, Decimal("5.0"), " 5.0"]),
    "preCheck": st.sampled_from(["YES", "no", "", None, "no "]),
    "numberType": st.sampled_from([0, 2, "mobile", "", Decimal("2.0"), "2.0"]),
    "carrier": st.sampled_from(["Viettel", "", " ", "a\tb", "x" * 256]),
    "operator": st.sampled_from(["Viettel", ""]),
    "price": st.sampled_from([Decimal("0.0056"), "0.10", 3, Decimal("0.0000001"), "free", "1_0", " 1", "NaN"]),
    "validity": st.sampled_from(["YES", "unknown", "", "\u0085"]),
    "batchNo": st.sampled_from([BATCH, int(BATCH), "other"]),
    "new": st.sampled_from(["", None, "x"]),
}


@given(st.lists(st.fixed_dictionaries({}, optional=ORDINARY), max_size=4))
def test_nearly_ordinary_rows(rows: list[dict[str, Any]]) -> None:
    same(page(*rows))


SAMPLE = page(row(1, carrier="牛\n"), row(2, price=Decimal("0.10"), new="\u00a0"), row(2))


@given(
    st.integers(0, len(SAMPLE)),
    st.integers(0, 3),
    st.binary(max_size=3) | st.sampled_from([b'"', b"}", b",", b"\\"]),
)
def test_any_damage(place: int, gone: int, instead: bytes) -> None:
    same(SAMPLE[:place] + instead + SAMPLE[place + gone :])


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbf" + SAMPLE,
        SAMPLE.decode().encode("utf-16"),
        SAMPLE + b"\0",
        SAMPLE[:-1],
        SAMPLE.replace("牛".encode(), b"\xff"),
        SAMPLE.replace("牛".encode(), b"\xed\xa0\x80"),
        SAMPLE.replace(b"0.10", b"NaN"),
        SAMPLE.replace(b"0.10", b"[" * 5000),
        SAMPLE.replace(b"0.10", b"[" * 50 + b"]" * 50),
        b"[]",
        b"",
    ],
)
def test_odd_bodies(body: bytes) -> None:
    same(body)


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The rows that needed a closer look."""
    rows: list[object] = []
    real = plain.convert
    monkeypatch.setattr(plain, "convert", lambda raw, batch_no: (rows.append(raw), real(raw, batch_no))[1])
    return rows


def newer(number: int) -> dict[str, Any]:
    sent = row(number, messageId=None, requestId=f"m-{number}", mcc=452, ring="yes", regionCode=None, country="VN")
    return sent | {"cost": {"price": sent["price"], "currency": sent["currency"]}}


PLAIN_PAGES = {
    "documented": page(*(row(n, checkLevel=5, validity="YES", mnc=None) for n in range(100)), total=250),
    "newer": page(*(newer(n) for n in range(100))),
    "escaped": simplejson.dumps(
        simplejson.loads(page(row(1, carrier="牛\t")), use_decimal=True), use_decimal=True
    ).encode(),
    "blank": page(row(1, carrier=" ", validity="", price="", batchNo="")),
    "no rows": page(),
    "the most rows": page(*(row(n) for n in range(LARGEST))),
}


@pytest.mark.parametrize("name", PLAIN_PAGES)
def test_a_plain_page_is_read_at_once(name: str, looked_at: list[object]) -> None:
    assert plain_page(PLAIN_PAGES[name], QUESTION) is not None
    assert looked_at == []
    same(PLAIN_PAGES[name])


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_every_field_is_read_at_once_under_each_of_its_names(field: Field, looked_at: list[object]) -> None:
    for name in field.vendor:
        sent = [row(turn, **dict.fromkeys(field.vendor) | {name: sample(field, turn)}) for turn in range(3)]
        found = plain_page(page(*sent), QUESTION)
        assert found is not None
        assert [getattr(held, field.name) for held in found.rows] == [sample(field, turn) for turn in range(3)]
    assert looked_at == []


ODD_ROWS: dict[str, Any] = {
    "unknown": row(2, new="x"),
    "nested": row(2, carrier=["x"]),
    "no object": 7,
    "unfit": row(2, checkLevel="five"),
    "no key": row(2, phone=""),
    "another batch": row(2, batchNo="other"),
    "two names": row(2, operator="Mobifone"),
    "two prices": row(2, cost={"price": Decimal("0.5")}),
    "tax": row(2, cost={"price": Decimal("0.0012"), "tax": 1}),
}


@pytest.mark.parametrize("name", ODD_ROWS)
def test_an_odd_row_leaves_the_others_as_they_are(name: str, looked_at: list[object]) -> None:
    body = page(*(row(n) for n in range(10, 20)), ODD_ROWS[name], *(row(n) for n in range(20, 30)))
    assert plain_page(body, QUESTION) is not None
    assert looked_at == [parse(body)["data"]["result"][10]]
    same(body)


def test_what_is_too_large_for_a_page_is_not_tried() -> None:
    rows = b",".join([b"{}"] * (2 * LARGEST + 1))
    many = b'{"code": 0, "data": {"totalSize": 1, "result": [%s]}}' % rows
    assert plain_page(many, QUESTION) is None
    assert plain_page(many + b" " * FEW_BYTES, QUESTION) is None
    assert plain_page(page(row()) + b" " * USUAL_BYTES, QUESTION) is None


def test_few_values_of_a_column_are_remembered() -> None:
    column: Column = next(column for column in COLUMNS if column.name == "validity")
    read = plain._ByValue(column)
    for start in range(0, 3 * MOST_KNOWN, 10):
        values = [f"no{number}" for number in range(start, start + 10)]
        assert read(values * 9, set()) == [value.upper() for value in values] * 9
    assert len(read._known) < MOST_KNOWN + 10
    unusual: set[int] = set()
    assert read(["yes", "x" * 33, "yes", *["no"] * 20], unusual)[1] is UNFIT
    assert unusual == {1}


@given(st.sampled_from(COLUMNS), st.lists(USUAL | st.text(max_size=70) | st.none(), max_size=9))
def test_what_a_column_keeps_is_read_as_it_is(column: Column, values: list[str | None]) -> None:
    if column.keeps(values):
        assert [column.read_or_blank(value) for value in values] == [value or None for value in values]


def test_an_answer_that_is_not_plain_is_no_page() -> None:
    assert plain_page(as_bytes({"code": 88, "msg": "busy", "data": {}}), QUESTION) is None
    assert plain_page(page(row()).replace(b'"code": 0', b'"code": 88'), QUESTION) is None
