from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from etl.core.fields import FIELDS, Field
from etl.emulator import generate
from etl.emulator.wording import shown
from tests.emulator.support import TODAY

ROW: dict[str, Any] = {
    "messageId": "m", "batchNo": "b", "phone": "8498000002", "checkLevel": 5, "preCheck": "YES",
    "regionCode": "VN", "countryCode": "84", "nationalNumber": "98000002", "standNumber": "8498000002",
    "numberType": 2, "carrier": "Viettel", "price": Decimal("0.0350"), "currency": "VND", "validity": "YES",
    "mcc": "452", "mnc": "04", "ported": "no", "active": "YES", "failReason": "", "early": "NO",
    "answered": "YES", "response": "bell", "novel": 1,
}  # fmt: skip


def test_the_page_has_no_newer_fields() -> None:
    absent = {"mcc", "mnc", "ported", "active", "failReason"}
    assert shown(ROW, "page") == {name: value for name, value in ROW.items() if name not in absent}


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_every_field_has_its_name_in_each_wording(field: Field) -> None:
    row = {"phone": "2"} | {field.page: "x"}
    assert (field.page in shown(row, "page")) is not field.newer_only
    assert shown(row, "newer")[field.newer or field.page] == "x"
    varied = shown({"phone": "3"} | {field.page: "x"}, "newer")
    assert field.varied == "" or varied[field.varied] == "x"


def test_the_newer_names() -> None:
    row = shown(ROW, "newer")
    assert row == {
        "requestId": "m", "batchNo": "b", "phone": "8498000002", "checkLevel": 5, "preCheck": "YES",
        "country": "VN", "countryCode": "84", "nationalNumber": "98000002", "standNumber": "8498000002",
        "numberType": "mobile", "operator": "Viettel", "price": Decimal("0.0350"), "currency": "VND",
        "validity": "YES", "mcc": "452", "mnc": "04", "ported": "no", "active": "YES", "failReason": "",
        "ring": "NO", "answer": "YES", "response": "bell", "novel": 1,
        "cost": {"price": Decimal("0.0350"), "currency": "VND"},
    }  # fmt: skip


def test_where_the_newer_pages_differ_from_each_other() -> None:
    row = shown(ROW | {"phone": "8498000003"}, "newer")
    assert row["responseStatus"] == "bell"
    assert row["cost"] == {"price": Decimal("0.0350"), "currency": "VND"}
    assert not {"response", "price", "currency"} & row.keys()


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"numberType": 2}, "mobile"),
        ({"numberType": 0}, "others"),
        ({"numberType": 4}, "others"),
        ({"numberType": 99}, "others"),
        ({"numberType": None}, None),
        ({"numberType": "landline"}, "landline"),
        ({"numberType": 2, "preCheck": "NO"}, "invalid"),
    ],
)
def test_number_types_in_words(changes: dict[str, Any], word: str | None) -> None:
    assert shown(ROW | changes, "newer")["numberType"] == word


def test_fields_that_are_not_there_stay_away() -> None:
    assert shown({"messageId": "m"}, "newer") == {"requestId": "m"}


@pytest.mark.parametrize("wording", ["page", "newer"])
def test_masking(wording: Any) -> None:
    row = shown(ROW, wording, masked=True)
    assert (row["phone"], row["nationalNumber"], row["standNumber"]) == ("8498****", "98****", "8498****")
    assert shown({"phone": "", "standNumber": None}, wording, masked=True) == {
        "phone": "",
        "standNumber": None,
    }


def test_generated_rows_are_left_as_they_are() -> None:
    rows = generate("b", TODAY, 50)
    before = [dict(row.fields) for row in rows]
    for row in rows:
        shown(row.fields, "newer", masked=True)
    assert [row.fields for row in rows] == before
