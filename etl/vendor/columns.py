"""The columns of a row, which fields of the vendor's answer their values come from, and what fits into each."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any

from etl.core.fields import FIELDS, Field, Kind
from etl.core.wholenumber import EXACT, exact_digits, number_in, whole_number

PRICE_LIMIT = Decimal(10) ** 12
PRICE_STEP = Decimal("0.000001")
PRICE_CONTEXT = Context(prec=60)
DIGITS = re.compile(r"\s*([0-9]+)(?:\.0*)?\s*", re.ASCII)
"""A whole number without a sign as text; its leading zeros may mean something."""

ReadValue = Callable[[object], Any]


class _Unfit:
    """What a reader returns if the column cannot hold the value."""


UNFIT = _Unfit()


class OddNumber(str):
    """A number in the vendor's JSON that is too long or too large for one, as its text."""

    __slots__ = ()


def digits_or_text(value: object) -> str | _Unfit:
    """Text as it is, a whole number as its digits. UNFIT: neither, or digits that nobody could vouch for."""
    if type(value) is str:
        return value
    if type(value) is int:  # not isinstance: True is an int, too
        return str(value)
    if isinstance(value, OddNumber):
        value = str(value) if value.lstrip("-").isdigit() else number_in(value)
    if isinstance(value, Decimal):
        value = exact_digits(value)
    return value if isinstance(value, str) else UNFIT


def _text(field: Field) -> ReadValue:
    def read(value: object) -> str | _Unfit:
        text = value if type(value) is str else digits_or_text(value)
        return UNFIT if isinstance(text, _Unfit) or len(text) > field.length else text

    return read


def _flag(field: Field) -> ReadValue:
    def read(value: object) -> str | _Unfit:
        text = value if type(value) is str else digits_or_text(value)
        return UNFIT if isinstance(text, _Unfit) or len(upper := text.upper().strip()) > field.length else upper

    return read


def _code(field: Field) -> ReadValue:
    """A whole number as its digits, however it is written; a word as it is."""

    def read(value: object) -> str | _Unfit:
        text = value if type(value) is str else digits_or_text(value)
        if type(value) is not int and not isinstance(text, _Unfit):
            text = _digits(text, zeros=not field.lookup)
        return UNFIT if isinstance(text, _Unfit) or len(text) > field.length else text

    return read


def _digits(text: str, *, zeros: bool) -> str:
    """The digits of a whole number, with leading zeros where they may mean something; another text as it is."""
    if zeros and text.isdigit():  # nearly all are, and this is quick
        return text
    if zeros and (found := DIGITS.fullmatch(text)):
        return found[1]
    number = whole_number(text)
    if number is None or abs(number) > EXACT or (zeros and text.lstrip().startswith("+")):
        return text
    return str(number)


def _integer(_: Field) -> ReadValue:
    def read(value: object) -> int | _Unfit:
        number = value if type(value) is int else whole_number(value)
        return UNFIT if number is None or not -(2**31) <= number < 2**31 else number

    return read


def _price(value: object) -> Decimal | _Unfit:
    """An amount. A text with a decimal comma, separators or a currency is ambiguous, and does not fit."""
    if type(value) is int:
        value = Decimal(value)
    elif isinstance(value, str):
        value = number_in(value)
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
    read: ReadValue

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


_READERS: dict[Kind, Callable[[Field], ReadValue]] = {
    "text": _text,
    "flag": _flag,
    "code": _code,
    "integer": _integer,
    "price": lambda _: _price,
}
COLUMNS = tuple(Column(field.name, field.vendor, _READERS[field.kind](field)) for field in FIELDS)
MESSAGE_ID, PHONE, PRICE, CURRENCY = (
    next(column for column in COLUMNS if column.name == name)
    for name in ("message_id", "phone", "price", "currency")
)
PLAIN = {name: (place, column.read) for place, column in enumerate(COLUMNS) for name in column.vendor}
"""The vendor's name of a field → the position of its column in COLUMNS, and how it is read."""
ODD: tuple[int, ReadValue] = (0, lambda _: UNFIT)
"""The same for a field that is not documented."""


def is_blank(value: object) -> bool:
    """Whether this value says nothing: null, or text without a visible character."""
    return value is None or (isinstance(value, str) and (not value or value.isspace()))
