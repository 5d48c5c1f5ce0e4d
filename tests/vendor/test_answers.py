from __future__ import annotations

import contextlib
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.checkrow import CheckRow
from etl.core.page import Page
from etl.core.wholenumber import whole_number
from etl.vendor.answers import code_of, parse, to_page, words_of
from tests.vendor.vendor import QUESTION, page, row


def page_of(*rows: object, **more: Any) -> Page:
    return to_page(parse(page(*rows, **more))["data"], QUESTION)


def test_numbers_never_pass_through_a_float() -> None:
    assert str(parse(b'{"price": 0.10}')["price"]) == "0.10"
    assert parse(b'{"price": 12345678901234567890.1234}')["price"] == Decimal("12345678901234567890.1234")


@pytest.mark.parametrize(
    "number",
    ["NaN", "Infinity", "-Infinity", "9" * 41, "-" + "9" * 5000, "1e100", "1E-999999999999", "0." + "1" * 50],
)
def test_odd_numbers_are_kept_as_text(number: str) -> None:
    assert parse(f'{{"code": 0, "odd": {number}}}'.encode()) == {"code": 0, "odd": number}


def test_an_odd_number_spoils_its_own_row_only() -> None:
    odd = page(row(1), row(2)).replace(b"0.0012", b"NaN", 1)
    first, second = to_page(parse(odd)["data"], QUESTION).rows
    assert (first.price, first.extra) == (None, {"price": "NaN"})
    assert (second.price, second.extra) == (Decimal("0.0012"), None)


@pytest.mark.parametrize(
    "body", [b'\xef\xbb\xbf{"a": "\xe7\x89\x9b"}', b' \n{"a": "\\u725b"}', '{"a": "牛"}'.encode("utf-16")]
)
def test_encodings_of_json(body: bytes) -> None:
    assert parse(body) == {"a": "牛"}


def test_the_last_of_two_equal_names_wins() -> None:
    assert parse(b'{"a": 1, "a": 2}') == {"a": 2}


def test_what_only_one_row_can_suffer_from_does_not_stop_the_page() -> None:
    assert parse(b'{"a": "x\ty\x00", "b": "\\ud800", "c": "\xed\xa0\x80"}') == {
        "a": "x\ty\0",
        "b": "\ud800",
        "c": "\ud800",
    }


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b" \r\n", "empty"),
        (b"<html>Bad gateway</html>", "a web page"),
        (b"\xef\xbb\xbf <!DOCTYPE html>", "a web page"),
        (page(row())[:-30], "broken or incomplete JSON"),
        (b'{"a": "\xff"}', "broken or incomplete JSON"),
        (b"[" * 200_000, "broken or incomplete JSON"),
        (b"Service 84980000001 unavailable", "not JSON"),
        (b"[]", "JSON, but not an object"),
        (b"null", "JSON, but not an object"),
    ],
)
def test_bodies_that_cannot_be_used(body: bytes, words: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse(body)
    assert str(caught.value) == words


@given(st.binary(max_size=300))
def test_any_bytes_are_an_object_or_a_value_error(body: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(parse(body), dict)


@pytest.mark.parametrize(
    ("code", "number"),
    [
        (0, 0),
        ("0", 0),
        (" 1004 ", 1004),
        ("-1", -1),
        (None, None),
        (True, None),
        (Decimal("0.0"), 0),
        ("0.0", 0),
        (" 1.003E3 ", 1003),
        (Decimal("1.004E+3"), 1004),
        (Decimal("88.5"), None),
        (Decimal("1E+99"), None),
        (10**50, None),
        ("1,003", None),
        ("OK", None),
        ("٣", None),
        ([0], None),
    ],
)
def test_codes(code: object, number: int | None) -> None:
    assert code_of({"code": code}) == number
    assert code_of({}) is None


def test_the_words_of_both_wordings() -> None:
    assert words_of({"msg": "one", "message": "two"}) == "one"
    assert words_of({"msg": None, "message": "two"}) == "two"
    assert words_of({"msg": 7}) == ""


def test_a_page() -> None:
    result = page_of(row(1), row(2), total=250)
    assert (result.number, result.total, result.received) == (1, 250, 2)
    assert [held.phone for held in result.rows] == ["84980000001", "84980000002"]
    assert (result.rejected, result.repeats, result.conflicts, result.wording) == ((), {}, {}, "page")


def test_the_page_is_the_one_that_was_asked_for() -> None:
    assert page_of(row(), page=7, pageSize=3, totalPage=99).number == 1


def test_a_page_may_hold_more_rows_than_asked() -> None:
    assert page_of(*(row(n) for n in range(150))).received == 150


@pytest.mark.parametrize("result", [None, {}, "", []])
def test_no_rows_at_all(result: object) -> None:
    empty = page_of(total=0, result=result)
    assert (empty.total, empty.rows, empty.received, empty.wording) == (0, (), 0, "page")


@pytest.mark.parametrize(
    ("total", "count"),
    [
        ("12", 12),
        (2**31 - 1, 2**31 - 1),
        (Decimal("1.0"), 1),
        (Decimal("2.5E+2"), 250),
        ("250.0 ", 250),
        ("\t2.5e2", 250),
        ("+7.", 7),
        ("0" * 60 + "7", 7),
        (Decimal("0E+9"), 0),
    ],
)
def test_totals(total: object, count: int) -> None:
    assert page_of(row(), total=total).total == count


@pytest.mark.parametrize(
    "total",
    [
        *(
            -1,
            "-1",
            True,
            Decimal("1.5"),
            "many",
            "",
            [1],
            2**31,
            10**30,
            {"n": 1},
            "1 000",
            "1,000",
            "0x10",
            "1_0",
        ),
        *(Decimal("1E+10"), "2.5E9", Decimal("1E+99"), "1e999", "9" * 5000, "٢٥"),
    ],
)
def test_totals_that_are_no_count(total: object) -> None:
    with pytest.raises(ValueError, match="totalSize"):
        page_of(row(), total=total)


@pytest.mark.parametrize("number", ["1E999999999", "-1e999999", "1E+99", "9" * 100_000, "0." + "3" * 100_000])
def test_a_number_beyond_reason_takes_no_time_and_no_memory(number: str) -> None:
    body = b'{"code": %s, "data": {"totalSize": %s, "result": []}}' % (number.encode(), number.encode())
    assert code_of(parse(body)) is None
    with pytest.raises(ValueError, match="totalSize"):
        to_page(parse(body)["data"], QUESTION)


def test_zeros_behind_the_point_change_nothing_however_many_there_are() -> None:
    answer = parse(b'{"code": 0.%s, "total": 250.%s}' % (b"0" * 60, b"0" * 60))
    assert (code_of(answer), whole_number(answer["total"])) == (0, 250)


@pytest.mark.parametrize("data", [None, [], "", 0, {}, {"result": []}, {"totalSize": None}])
def test_data_that_is_no_page(data: object) -> None:
    with pytest.raises(ValueError):
        to_page(data, QUESTION)


@pytest.mark.parametrize("result", [None, {}, "rows"])
def test_a_total_without_rows(result: object) -> None:
    with pytest.raises(ValueError, match="no list of rows"):
        page_of(total=1, result=result)


def test_equal_rows_are_kept_once_and_counted() -> None:
    result = page_of(row(1), row(2), row(1), row(1))
    assert [held.phone for held in result.rows] == ["84980000001", "84980000002"]
    assert (result.repeats, result.conflicts) == ({result.rows[0].key: 2}, {})
    assert (result.rejected, result.received) == ((), 4)


def test_rows_of_one_key_that_differ_are_a_conflict() -> None:
    result = page_of(row(1), row(1, carrier="Mobifone"), row(2))
    assert [held.carrier for held in result.rows] == ["Viettel", "Viettel"]
    assert [(lost.reason, parse(lost.payload.encode())["carrier"]) for lost in result.rejected] == [
        ("key_conflict", "Mobifone")
    ]
    assert (result.repeats, result.conflicts) == ({}, {result.rows[0].key: 1})


def test_a_conflicting_row_that_comes_twice_is_rejected_once() -> None:
    result = page_of(row(1), row(1, carrier="Mobifone"), row(1, carrier="Mobifone"), row(1))
    assert [lost.reason for lost in result.rejected] == ["key_conflict"]
    assert (result.repeats, result.conflicts) == ({result.rows[0].key: 2}, {result.rows[0].key: 1})
    assert result.received == 4


def test_one_message_id_with_two_phones_is_two_rows() -> None:
    result = page_of(row(1, messageId="m-2"), row(2, messageId="m-2"))
    assert len(result.rows) == 2
    assert (result.repeats, result.conflicts) == ({}, {})


def test_rejected_rows_stand_beside_the_others_once() -> None:
    result = page_of(row(1), "odd", row(2, phone=None), row(2, phone=None), total=4)
    assert [held.message_id for held in result.rows] == [row(1)["messageId"]]
    assert [lost.reason for lost in result.rejected] == ["not_an_object", "phone_missing"]
    assert result.received == 4


def newer(number: int) -> dict[str, Any]:
    return row(number, messageId=None, requestId=f"m-{number}")


@pytest.mark.parametrize(
    ("rows", "wording"),
    [
        ([newer(1)], "newer"),
        ([None, {"messageId": ""}, newer(1)], "newer"),
        ([row(1, requestId="m")], "page"),
        ([row(1), newer(2)], "page"),
        ([{"phone": "1"}], "page"),
    ],
)
def test_which_wording_a_page_has(rows: list[object], wording: str) -> None:
    assert page_of(*rows).wording == wording


def test_the_rows_are_converted_for_the_batch_that_was_asked_for() -> None:
    result = page_of(row(1), row(2, batchNo="other"))
    assert [held.extra for held in result.rows] == [None, {"batchNo": "other"}]
    assert all(isinstance(held, CheckRow) for held in result.rows)
