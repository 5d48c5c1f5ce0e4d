from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from etl.core.checkrow import CheckRow
from etl.core.fields import FIELDS, FIRST_FIELDS, MAX_LENGTH
from etl.vendor.columns import COLUMNS
from etl.vendor.convert import convert
from tests.vendor.vendor import row

BATCH = "101713775788"


def converted(raw: dict[str, Any]) -> CheckRow:
    result = convert(raw, BATCH)
    assert isinstance(result, CheckRow)
    return result


@pytest.mark.parametrize(
    ("field", "column", "value"),
    [
        ("checkLevel", "check_level", 2**31),
        ("checkLevel", "check_level", "five"),
        ("checkLevel", "check_level", True),
        ("checkLevel", "check_level", Decimal("5.5")),
        ("checkLevel", "check_level", Decimal("1E+99")),
        ("checkLevel", "check_level", "1 000"),
        ("checkLevel", "check_level", "٥"),
        ("carrier", "carrier", "x" * 256),
        ("carrier", "carrier", ["Viettel"]),
        ("carrier", "carrier", False),
        ("countryCode", "country_code", Decimal("84.5")),
        ("countryCode", "country_code", Decimal("1E+16")),
        ("carrier", "carrier", Decimal("1.5")),
        ("preCheck", "pre_check", True),
        ("preCheck", "pre_check", "ß" * 17),
        ("price", "price", True),
        ("price", "price", "free"),
        ("price", "price", "0,0035"),
        ("price", "price", "1 000"),
        ("price", "price", "1,000"),
        ("price", "price", "1.000,50"),
        ("price", "price", "USD 0.01"),
        ("price", "price", "0.01 USD"),
        ("price", "price", "٠.٥"),
        ("price", "price", "1e999"),
        ("price", "price", "NaN"),
        ("price", "price", "1_0"),
        ("price", "price", "1e999999999"),
        ("price", "price", Decimal("0.0000001")),
        ("price", "price", 10**12),
        ("price", "price", Decimal("NaN")),
        ("price", "price", Decimal("sNaN")),
        ("price", "price", Decimal("-Infinity")),
        ("price", "price", Decimal("1E+999999999")),
        ("price", "price", Decimal("1E-999999999")),
        ("price", "price", {"amount": 1}),
    ],
)
def test_what_does_not_fit_is_kept_in_extra(field: str, column: str, value: object) -> None:
    result = converted(row(**{field: value}))
    assert getattr(result, column) is None
    assert result.extra is not None
    assert result.extra[field] is value
    assert result.is_doubtful


@pytest.mark.parametrize(
    ("sent", "price"),
    [
        (0, "0"),
        (Decimal("0.0012"), "0.0012"),
        (Decimal("999999999999.999999"), "999999999999.999999"),
        (Decimal("0.00120000000000"), "0.0012"),
        (Decimal("1E+3"), "1000"),
        ("12.5000", "12.5"),
        ("1e-4", "0.0001"),
        (-3, "-3"),
        ("0.0035 ", "0.0035"),
        ("\u3000 12 \n", "12"),
        (".5", "0.5"),
        ("5.", "5"),
        ("3.5E-3", "0.0035"),
        ("0.25" + "0" * 60, "0.25"),
    ],
)
def test_prices_are_exact(sent: object, price: str) -> None:
    result = converted(row(price=sent))
    assert (result.price, result.extra) == (Decimal(price), None)


@pytest.mark.parametrize(
    ("value", "level"),
    [
        ("-2147483648", -(2**31)),
        ("2147483647", 2**31 - 1),
        (" 5", 5),
        ("5", 5),
        ("5.0", 5),
        ("5.", 5),
        ("0.5E1", 5),
        ("005", 5),
        (Decimal("5.0"), 5),
        (Decimal("4.00"), 4),
        (Decimal("1.2E+1"), 12),
    ],
)
def test_a_check_level_is_a_whole_number_however_it_is_written(value: object, level: int) -> None:
    result = converted(row(checkLevel=value))
    assert (result.check_level, result.extra, result.is_doubtful) == (level, None, False)
    assert result.awaits_outcome is (level in (4, 5))


@pytest.mark.parametrize(
    ("name", "sent", "held"),
    [
        ("numberType", Decimal("2.0"), "2"),
        ("numberType", "2.0", "2"),
        ("numberType", " 2", "2"),
        ("numberType", "02", "2"),
        ("numberType", "mobile", "mobile"),
        ("numberType", "2,0", "2,0"),
        ("countryCode", Decimal("84.0"), "84"),
        ("countryCode", "84.0 ", "84"),
        ("countryCode", "+84", "+84"),
        ("countryCode", "8.4E1", "84"),
        ("mcc", Decimal("4.52E+2"), "452"),
        ("mnc", "04", "04"),
        ("mnc", "04.0", "04"),
        ("mnc", Decimal("4.0"), "4"),
        ("phone", Decimal("8.498E+10"), "84980000000"),
        ("phone", Decimal("84980000001.00"), "84980000001"),
        ("phone", Decimal(2**53), str(2**53)),
        ("messageId", Decimal("1.01713775788E+11"), "101713775788"),
        ("messageId", 10**40 - 1, "9" * 40),
        ("preCheck", "NO ", "NO"),
        ("preCheck", "\tyes", "YES"),
        ("preCheck", Decimal("1.0"), "1"),
    ],
)
def test_a_whole_number_in_a_column_of_text(name: str, sent: object, held: str) -> None:
    column = next(column for column in COLUMNS if name in column.vendor)
    result = converted(row(**{name: sent}))
    assert (getattr(result, column.name), result.extra) == (held, None)


@pytest.mark.parametrize(
    ("sent", "held"),
    [
        ("8.498E10", "84980000000"),
        ("84980000001.0", "84980000001"),
        (" 84980000001", "84980000001"),
        ("0084980000001.", "0084980000001"),
        ("+84980000001", "+84980000001"),
        ("+84980000001.0", "+84980000001.0"),
        ("8498*****01", "8498*****01"),
        ("84 980 000 001", "84 980 000 001"),
        ("8.4980000001234567E18", "8.4980000001234567E18"),
        ("84980000001.5", "84980000001.5"),
    ],
)
@pytest.mark.parametrize("name", ["phone", "nationalNumber", "standNumber"])
def test_a_phone_number_is_one_however_it_is_written(name: str, sent: str, held: str) -> None:
    """It is the key: two spellings of one number are one row. What is not plainly one number is kept as it is."""
    column = next(column for column in COLUMNS if name in column.vendor)
    assert getattr(converted(row(**{name: sent})), column.name) == held


@pytest.mark.parametrize("sent", ["8.498E10", "12E5", "84980000001.0", " 5"])
def test_a_message_id_that_is_text_is_kept_as_it_is(sent: str) -> None:
    assert converted(row(messageId=sent)).message_id == sent


@pytest.mark.parametrize("sent", [Decimal("101713775788.0"), Decimal("1.01713775788E+11"), int(BATCH), BATCH])
def test_the_batch_number_however_it_is_written(sent: object) -> None:
    assert converted(row(batchNo=sent)).extra is None


@pytest.mark.parametrize(
    ("fields", "doubtful"),
    [
        ({}, False),
        ({"new": "x"}, False),
        ({"new": "x", "checkLevel": "five"}, True),
        ({"operator": "Another"}, False),  # the column holds what the other name says
        ({"carrier": "x" * 300, "operator": "Viettel"}, False),
        ({"carrier": "x" * 300}, True),
        ({"ring": ["YES"]}, True),
        ({"price": None, "cost": {"price": "0,01"}}, True),
        ({"price": None, "cost": {"unit": "number"}}, False),
        ({"price": None, "cost": "0.01"}, True),
        ({"cost": "0.01"}, False),
        ({"currency": None, "cost": {"price": Decimal("0.0012"), "currency": 5.5}}, True),
    ],
)
def test_which_rows_are_doubtful(fields: dict[str, Any], doubtful: bool) -> None:
    assert converted(row(**fields)).is_doubtful is doubtful


def test_two_names_that_say_the_same_are_one_value() -> None:
    result = converted(
        row(requestId=row()["messageId"], country="VN", operator="Viettel", early="YES", ring="yes")
    )
    assert (result.early, result.extra) == ("YES", None)


def test_two_names_that_differ_keep_both() -> None:
    result = converted(row(requestId="other", country="TH", operator="", ring="NO"))
    assert result.message_id == row()["messageId"]
    assert (result.region_code, result.early) == ("VN", "NO")
    assert result.extra == {"requestId": "other", "country": "TH"}


def test_a_name_whose_value_does_not_fit_gives_way_to_the_other() -> None:
    result = converted(row(messageId=["odd"], requestId="m", carrier="x" * 300, operator="Viettel"))
    assert (result.message_id, result.carrier) == ("m", "Viettel")
    assert result.extra == {"messageId": ["odd"], "carrier": "x" * 300}


def test_cost_fills_what_is_missing_and_keeps_the_rest() -> None:
    cost = {"price": Decimal("0.0012"), "currency": "USD", "unit": "number", "tax": None}
    result = converted(row(price=None, cost=cost))
    assert (result.price, result.currency) == (Decimal("0.0012"), "VND")
    assert result.extra == {"cost": {"currency": "USD", "unit": "number"}}
    assert cost["price"] == Decimal("0.0012")


@pytest.mark.parametrize("cost", [0, "0.01", [], {"price": "much"}])
def test_other_costs_are_kept(cost: object) -> None:
    result = converted(row(cost=cost))
    assert result.extra == {"cost": cost}


def test_cost_that_says_the_same_or_nothing_leaves_no_trace() -> None:
    assert converted(row(price=Decimal("0.0012"), cost={"price": "0.00120", "currency": "VND"})).extra is None
    assert converted(row(cost={})).extra is None


@pytest.mark.parametrize(
    ("sent", "kept"), [(BATCH, None), (int(BATCH), None), ("other", "other"), (7, 7), (True, True)]
)
def test_another_batch_number_is_kept(sent: object, kept: object) -> None:
    assert (converted(row(batchNo=sent)).extra or {}).get("batchNo") == kept


def test_every_text_column_has_its_length() -> None:
    unlimited = {field.name for field in FIELDS if field.kind in ("integer", "price")}
    assert {"check_level", "price"} == unlimited & {field.name for field in FIRST_FIELDS}
    assert {column.name for column in COLUMNS} - unlimited == set(MAX_LENGTH)
    names = {column.name: column.vendor[0] for column in COLUMNS}
    for name, limit in MAX_LENGTH.items():
        assert getattr(converted(row(**{names[name]: "X" * limit})), name) == "X" * limit
