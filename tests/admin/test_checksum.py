"""The checksum of a table: the same on every server, and a different one for every difference that matters."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from etl.admin.checksum import Checksum
from etl.database.types import ExactText, JsonObject, Price, UtcTime

SHANGHAI = dt.timezone(dt.timedelta(hours=8))
MOMENT = dt.datetime(2026, 3, 1, 12, 34, 56, 789012, tzinfo=dt.UTC)


def checksum(kind: Any, *values: Any) -> Checksum:
    """The checksum of a table with one column."""
    found = Checksum()
    found.add([sa.Column("a", kind)], [(value,) for value in values])
    return found


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        (Price(), Decimal("0.005600"), Decimal("0.0056")),
        (Price(), Decimal("-0"), Decimal("0.000000")),
        (Price(), Decimal("1E+2"), Decimal("100")),
        (JsonObject, {"a": 1, "b": [2, None]}, {"b": [2, None], "a": 1}),
        (JsonObject, {"a": Decimal("1E+3")}, {"a": 1000}),
        (JsonObject, {"a": Decimal("1.10")}, {"a": Decimal("1.1")}),
        (JsonObject, {"a": Decimal("-0.0")}, {"a": 0}),
    ],
)
def test_the_same_in_another_notation(kind: Any, one: Any, other: Any) -> None:
    assert checksum(kind, one) == checksum(kind, other)


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        (ExactText(9), None, ""),
        (ExactText(9), "None", None),
        (ExactText(9), "a", "a "),
        (ExactText(9), "a", "A"),
        (ExactText(9), "é", "e\u0301"),
        (ExactText(9), "0084", "84"),
        (sa.Integer(), 0, None),
        (sa.Integer(), 1, "1"),
        (sa.Boolean(), False, None),
        (sa.Date(), dt.date(2026, 3, 1), dt.date(2026, 3, 2)),
        (UtcTime(), MOMENT, MOMENT + dt.timedelta(microseconds=1)),
        (UtcTime(), MOMENT, None),
        (Price(), Decimal("0.000001"), Decimal("0.000002")),
        (Price(), Decimal(0), None),
        (JsonObject, {"a": Decimal("0.1000000000000000055511151231257827")}, {"a": Decimal("0.1")}),
        (JsonObject, {"a": 1}, {"a": True}),
        (JsonObject, {"a": 1}, {"a": "1"}),
        (JsonObject, {"a": ""}, {"a": None}),
        (JsonObject, {"a": [1, 2]}, {"a": [2, 1]}),
        (JsonObject, {}, None),
    ],
)
def test_what_differs(kind: Any, one: Any, other: Any) -> None:
    assert checksum(kind, one) != checksum(kind, other)


def test_the_order_of_rows_does_not_matter_and_their_number_does() -> None:
    text = ExactText(9)
    assert checksum(text, "a", "b", "c") == checksum(text, "c", "a", "b")
    assert checksum(text, "a", "a") != checksum(text, "a")
    assert checksum(text, "a", "a", "b") != checksum(text, "a", "b", "b")
    assert checksum(text, "a", "a") != checksum(text, "b", "b")


def test_where_a_column_ends_matters() -> None:
    columns = [sa.Column("a", ExactText(9)), sa.Column("b", ExactText(9))]
    found = []
    for row in (("a', 'b", "c"), ("a", "b', 'c"), ("ab", "c"), ("a", "bc")):
        found.append(Checksum())
        found[-1].add(columns, [row])
    assert len({each.total for each in found}) == 4
