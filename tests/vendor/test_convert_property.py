"""Whatever the vendor sends in a row, nothing of it is lost."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import simplejson
from hypothesis import example, given
from hypothesis import strategies as st

from etl.core.checkrow import CheckRow, RejectedRow
from etl.core.wholenumber import whole_number
from etl.vendor.answers import parse
from etl.vendor.columns import COLUMNS, is_blank
from etl.vendor.convert import convert

BATCH = "101713775788"

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=70)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.decimals(allow_nan=False, allow_infinity=False),
    ANY_TEXT,
    st.sampled_from(["YES", "no", "NaN", "1e5", "0.0012", "12", " ", "12.0", " 5", "0,0035", "04.0", "0.0035 "]),
)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner), max_leaves=5)
NAMES = [name for column in COLUMNS for name in column.vendor]
ROWS = st.builds(
    lambda key, fields: key | fields,
    st.fixed_dictionaries({"messageId": st.just("m"), "phone": st.just(84)}),
    st.dictionaries(
        st.sampled_from([*NAMES, "batchNo"]) | ANY_TEXT,
        SCALARS | JSON,
        max_size=12,
    )
    | st.fixed_dictionaries(
        {"cost": st.dictionaries(st.sampled_from(["price", "currency", "tax"]), SCALARS)},
        optional={"price": SCALARS, "currency": SCALARS},
    ),
)


def as_read(value: object) -> Any:
    """The value as `parse` would read it from the vendor's JSON."""
    return parse(simplejson.dumps({"raw": value}, use_decimal=True).encode())["raw"]


def says_the_same(value: Any, column: Any) -> bool:
    """Whether a column says the same as the vendor's value, whatever its type."""
    if column is None or isinstance(value, bool | list | dict):
        return False
    if isinstance(column, str):
        number = whole_number(value)
        digits = {str(number), str(value).partition(".")[0].strip()} if number is not None else set()
        return column in {str(value), str(value).strip().upper()} | digits
    return re.fullmatch(r"[-+0-9.eE]+", str(value).strip()) is not None and column == Decimal(str(value).strip())


def lost(raw: dict[str, Any], extra: dict[str, Any], columns: list[Any]) -> list[str]:
    return [
        name
        for name, value in raw.items()
        if not is_blank(value)
        and not (name in extra and extra[name] == value)
        and not (name == "batchNo" and str(value) == BATCH)
        and not any(says_the_same(value, column) for column in columns)
    ]


@given(JSON | ROWS)
@example({"messageId": "m", "phone": "1", "price": "0.5", "cost": {"price": "0.50", "currency": "X"}})
def test_nothing_that_the_vendor_sends_is_lost(value: object) -> None:
    raw = as_read(value)
    result = convert(raw, BATCH)
    if isinstance(result, RejectedRow):
        assert as_read(parse(f'{{"raw":{result.payload}}}'.encode())["raw"]) == raw
        result.payload.encode()
        return
    columns = [getattr(result, column.name) for column in COLUMNS]
    extra = dict(result.extra or {})
    cost = raw.get("cost")
    if isinstance(cost, dict):
        left = extra.pop("cost", {})
        assert lost(cost, left, [result.price, result.currency]) == []
        raw.pop("cost")
    assert lost(raw, extra, columns) == []
    assert set(extra) <= set(raw)


def test_columns_stand_in_the_order_of_the_row() -> None:
    assert [column.name for column in COLUMNS] == list(CheckRow._fields[:-1])
