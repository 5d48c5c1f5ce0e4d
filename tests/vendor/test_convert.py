from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
import simplejson

from etl.core.checkrow import CheckRow, RejectedRow
from etl.core.fields import FIELDS, Field
from etl.vendor.answers import parse
from etl.vendor.columns import COLUMNS
from etl.vendor.convert import convert
from tests.store.made import sample
from tests.vendor.vendor import row

BATCH = "101713775788"


def converted(raw: dict[str, Any]) -> CheckRow:
    result = convert(raw, BATCH)
    assert isinstance(result, CheckRow)
    return result


def rejected(raw: object) -> RejectedRow:
    result = convert(raw, BATCH)
    assert isinstance(result, RejectedRow)
    return result


NOTHING: dict[str, Any] = dict.fromkeys(CheckRow._fields)
HLR: dict[str, Any] = {"validity": "YES", "reachable": "NO", "roaming": "UNKNOWN"}


def test_the_documented_wording() -> None:
    assert converted(row(checkLevel=5, price=Decimal("0.0012"), **HLR)) == CheckRow(
        **NOTHING
        | {
            "message_id": "33f7c158a4194abe9ccdf3eac34a8422-000001",
            "phone": "84980000001",
            "check_level": 5,
            "pre_check": "YES",
            "region_code": "VN",
            "country_code": "84",
            "national_number": "980000001",
            "standard_number": "+84980000001",
            "number_type": "2",
            "carrier": "Viettel",
            "price": Decimal("0.0012"),
            "currency": "VND",
        }
        | HLR
    )


def test_the_newer_wording() -> None:
    newer = {
        "requestId": "33f7c158-1",
        "batchNo": BATCH,
        "phone": "84980000001",
        "checkLevel": 4,
        "preCheck": "YES",
        "country": "VN",
        "countryCode": "84",
        "operator": "Viettel",
        "numberType": "mobile",
        "ring": "yes",
        "answer": "No",
        "responseStatus": "busy",
        "mcc": 452,
        "mnc": "04",
        "ported": "no",
        "active": "yes",
        "failReason": "未知",
        "cost": {"price": Decimal("0.0100"), "currency": "USD"},
    }
    expected = {
        "message_id": "33f7c158-1",
        "region_code": "VN",
        "carrier": "Viettel",
        "number_type": "mobile",
        "early": "YES",
        "answered": "NO",
        "response": "busy",
        "mcc": "452",
        "mnc": "04",
        "ported": "NO",
        "active": "YES",
        "fail_reason": "未知",
        "price": Decimal("0.01"),
        "currency": "USD",
        "extra": None,
    }
    result = converted(newer)
    assert {name: getattr(result, name) for name in expected} == expected


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_every_field_is_read_under_each_of_its_names(field: Field) -> None:
    for name in field.vendor:
        for turn in range(3):
            value = sample(field, turn)
            result = converted(row(**dict.fromkeys(field.vendor) | {name: value}))
            assert (getattr(result, field.name), result.extra) == (value, None)
            text = converted(row(**dict.fromkeys(field.vendor) | {name: str(value).lower()}))
            same = value.lower() if field.kind == "text" else value
            assert (getattr(text, field.name), text.extra) == (same, None)


@pytest.mark.parametrize("blank", [None, "", "  ", "\t\n", "\u3000"])
def test_blanks_say_nothing(blank: str | None) -> None:
    names = [name for column in COLUMNS for name in column.vendor]
    names = [name for name in names if name not in ("messageId", "phone")]
    raw = {**dict.fromkeys([*names, "batchNo", "unknown"], blank), "messageId": "m", "phone": "1"}
    result = converted({**raw, "cost": {"price": blank, "other": blank}})
    assert {getattr(result, column.name) for column in COLUMNS[2:]} == {None}
    assert result.extra is None


def test_text_is_kept_exactly() -> None:
    result = converted(row(phone=" +84 98-1 ", messageId="Ab ", carrier=" Vi  ettel\n", regionCode="vn"))
    assert (result.phone, result.message_id) == (" +84 98-1 ", "Ab ")
    assert (result.carrier, result.region_code) == (" Vi  ettel\n", "vn")


def test_integers_become_their_digits_where_the_column_is_text() -> None:
    result = converted(row(phone=84980000001, messageId=12, countryCode=84, mcc=452, preCheck=1))
    assert (result.phone, result.message_id, result.country_code) == ("84980000001", "12", "84")
    assert (result.mcc, result.pre_check, result.extra) == ("452", "1", None)


def test_unknown_fields_and_codes_are_kept() -> None:
    result = converted(row(checkLevel=99, numberType="satellite", newField={"a": [1, Decimal("0.10")]}))
    assert (result.check_level, result.number_type) == (99, "satellite")
    assert result.extra == {"newField": {"a": [1, Decimal("0.10")]}}


@pytest.mark.parametrize(
    ("fields", "awaits"),
    [
        ({"checkLevel": 5}, True),
        ({"checkLevel": 5, "validity": "", "mnc": "04"}, True),
        ({"checkLevel": 5, "preCheck": "NO"}, False),
        ({"checkLevel": 5, "preCheck": ""}, True),
        *[
            ({"checkLevel": 5, name: "UNKNOWN"}, False)
            for name in ("validity", "reachable", "roaming", "mcc", "ported", "active")
        ],
        ({"checkLevel": 4}, True),
        ({"checkLevel": 4, "early": "YES"}, True),
        ({"checkLevel": 4, "response": "busy"}, False),
        ({"checkLevel": 4, "responseStatus": "busy"}, False),
        ({"checkLevel": 4, "preCheck": "no"}, False),
        ({"checkLevel": 1}, False),
        ({"checkLevel": 2}, False),
        ({"checkLevel": None}, False),
    ],
)
def test_which_rows_await_their_outcome(fields: dict[str, Any], awaits: bool) -> None:
    assert converted(row(**fields)).awaits_outcome is awaits


def test_the_key() -> None:
    assert converted(row(messageId="m", phone="8498****")).key == ("m", "8498****")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (None, "not_an_object"),
        ([], "not_an_object"),
        ("row\0", "not_an_object"),
        (row(messageId=None), "message_id_missing"),
        (row(messageId=" ", requestId=""), "message_id_missing"),
        (row(messageId=Decimal("1.5")), "message_id_invalid"),
        (row(messageId=True), "message_id_invalid"),
        (row(messageId="m" * 65), "message_id_too_long"),
        (row(messageId="", requestId={"id": 1}), "message_id_invalid"),
        (row(phone=None), "phone_missing"),
        (row(phone="\n"), "phone_missing"),
        (row(phone=[84]), "phone_invalid"),
        (row(phone=Decimal("8.45")), "phone_invalid"),
        (row(phone=Decimal("8.4980000001E+16")), "phone_invalid"),  # the last digits may be invented
        (row(phone=parse(b'{"odd": 1E99999}')["odd"]), "phone_invalid"),
        (row(messageId=parse(b'{"odd": NaN}')["odd"]), "message_id_invalid"),
        (row(messageId=Decimal(2**53 + 1)), "message_id_invalid"),
        (row(phone="8" * 65), "phone_too_long"),
        (row(phone=10**64), "phone_too_long"),
        (row(carrier="a\0b"), "unstorable_text"),
        (row(carrier="\ud83d"), "unstorable_text"),
        (row(new={"deep": ["ok", {"\0": 1}]}), "unstorable_text"),
        (row(new=[["\udfff"]]), "unstorable_text"),
    ],
)
def test_rows_that_cannot_be_stored(raw: object, reason: str) -> None:
    result = rejected(raw)
    assert result.reason == reason
    assert "\0" not in result.payload
    assert json.loads(result.payload) == json.loads(simplejson.dumps(raw, use_decimal=True))
    result.payload.encode()


def test_the_longest_keys_that_fit() -> None:
    assert converted(row(messageId="批" * 64, phone="8" * 64)).extra is None


def test_pairs_of_surrogates_are_one_character() -> None:
    raw = parse(b'{"messageId": "m", "phone": "1", "carrier": "\\ud83d\\ude00"}')
    assert converted(raw).carrier == "😀"


def test_a_payload_keeps_numbers_and_characters_as_they_were_sent() -> None:
    sent = '{"phone":"牛","price":0.1000,"big":12345678901234567890,"cost":{"price":1.50}}'
    assert rejected(parse(sent.encode())).payload == sent
    assert rejected(parse(b'{"a":"\\ud800","b":"\xe7\x89\x9b"}')).payload == '{"a":"\\ud800","b":"\\u725b"}'


def test_rejected_rows_are_told_apart_by_what_they_say() -> None:
    one = rejected({"phone": "1", "price": Decimal("0.10")})
    same = rejected({"price": Decimal("0.10"), "phone": "1"})
    other = rejected({"phone": 1, "price": Decimal("0.10")})
    assert one.digest == same.digest != other.digest
    assert len(one.digest) == 64


def test_rows_nested_too_deeply() -> None:
    fits, too_deep = (parse(b'{"a":' * depth + b"1" + b"}" * depth) for depth in (29, 31))
    assert converted(row(new=fits)).extra == {"new": fits}
    assert rejected(row(new=too_deep)).reason == "nested_too_deeply"


def test_any_depth_that_can_be_read_can_be_rejected() -> None:
    deepest: object = None
    for depth in range(100, 1200, 10):
        try:
            deepest = parse(b'{"row":' + b"[" * depth + b"]" * depth + b"}")["row"]
        except ValueError:
            break
    assert rejected(row(new=deepest)).reason == "nested_too_deeply"
