"""The columns of a row, which fields of the vendor's answer their values come from, and what fits into each."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any

from etl.core.fields import FIELDS, Kind

PRICE_LIMIT = Decimal(10) ** 12
PRICE_STEP = Decimal("0.000001")
PRICE_CONTEXT = Context(prec=60)
NUMBER = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?")
"""A number as text. It guards every Decimal(text), which accepts NaN, underscores and the digits of any script."""


class _Unfit:
    """What a reader returns if the column cannot hold the value."""


UNFIT = _Unfit()


def digits_or_text(value: object) -> str | _Unfit:
    if isinstance(value, str):
        return value
    return str(value) if type(value) is int else UNFIT  # not isinstance: True is an int, too


def _text(limit: int) -> Callable[[object], str | _Unfit]:
    def read(value: object) -> str | _Unfit:
        text = value if type(value) is str else digits_or_text(value)
        return UNFIT if isinstance(text, _Unfit) or len(text) > limit else text

    return read


def _flag(limit: int) -> Callable[[object], str | _Unfit]:
    def read(value: object) -> str | _Unfit:
        text = value if type(value) is str else digits_or_text(value)
        return UNFIT if isinstance(text, _Unfit) or len(upper := text.upper()) > limit else upper

    return read


def _integer(value: object) -> int | _Unfit:
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,10}", value):
        value = int(value)
    return value if type(value) is int and -(2**31) <= value < 2**31 else UNFIT


def _price(value: object) -> Decimal | _Unfit:
    if type(value) is int or (isinstance(value, str) and NUMBER.fullmatch(value)):
        value = Decimal(value)
    # copy_abs, not abs: arithmetic in the default context rounds, and overflows at huge exponents
    if not isinstance(value, Decimal) or not value.is_finite() or value.copy_abs() >= PRICE_LIMIT:
        return UNFIT
    exact = value.quantize(PRICE_STEP, context=PRICE_CONTEXT) == value
    return value if exact else UNFIT


@dataclass(frozen=True, slots=True)
class Column:
    """Where a column's value comes from: the vendor's names for it, the best first."""

    name: str
    vendor: tuple[str, ...]
    read: Callable[[object], Any]

    def take(self, fields: dict[str, Any], known: Any = None) -> Any:
        """`known`, or else the first value that fits. Every value that says the same is removed from `fields`."""
        for name in self.vendor:
            value = fields.get(name)
            if value is None or is_blank(value):
                continue
            fitting = self.read(value)
            if fitting is UNFIT:
                continue
            if known is None:
                known = fitting
            if fitting == known:
                del fields[name]
        return known


_READERS: dict[Kind, Callable[[int], Callable[[object], Any]]] = {
    "text": _text,
    "flag": _flag,
    "integer": lambda _: _integer,
    "price": lambda _: _price,
}
COLUMNS = tuple(Column(field.name, field.vendor, _READERS[field.kind](field.length)) for field in FIELDS)
MESSAGE_ID, PHONE, PRICE, CURRENCY = (
    next(column for column in COLUMNS if column.name == name)
    for name in ("message_id", "phone", "price", "currency")
)
PLAIN = {name: (place, column.read) for place, column in enumerate(COLUMNS) for name in column.vendor}
"""The vendor's name of a field → the position of its column in COLUMNS, and how it is read."""
ODD: tuple[int, Callable[[object], Any]] = (0, lambda _: UNFIT)
"""The same for a field that is not documented."""


def is_blank(value: object) -> bool:
    """Whether this value says nothing: null, or text without a visible character."""
    return value is None or (isinstance(value, str) and (not value or value.isspace()))
