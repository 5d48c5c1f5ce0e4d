"""The columns of a row, which fields of the vendor's answer their values come from, and what fits into each."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, InvalidOperation
from types import NoneType
from typing import Any, cast

from etl.core.fields import FIELDS, Field, Kind
from etl.core.wholenumber import EXACT, exact_digits, number_in, whole_number

PRICE_STEP = Decimal("0.000001")
PRICE_CONTEXT = Context(prec=12 + 6, traps=[Inexact, InvalidOperation])
"""Holds what fits into the column: 12 digits before the point, and 6 behind it."""
DIGITS = re.compile(r"\s*([0-9]+)(?:\.0*)?\s*", re.ASCII)
"""A whole number without a sign as text; its leading zeros may mean something."""

ReadValue = Callable[[object], Any]
KeepsAll = Callable[[Sequence[str]], bool]


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


def _keeps_texts(field: Field) -> KeepsAll:
    return lambda texts: _fit(texts, field) and not any(map(str.isspace, texts))


def _keeps_codes(field: Field) -> KeepsAll:
    """Digits, and the signs of phone numbers."""

    def keeps(texts: Sequence[str]) -> bool:
        digits = "".join(texts).replace("+", "").replace("*", "")
        return _fit(texts, field) and digits.isdigit()

    return keeps


def _fit(texts: Sequence[str], field: Field) -> bool:
    return max(map(len, texts), default=0) <= field.length


def _digits(text: str, *, zeros: bool) -> str:
    """The digits of a whole number, with leading zeros where they may mean something; another text as it is."""
    if zeros and (text.isdigit() or text.startswith("+")):  # nearly all are, and this is quick
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
    if not isinstance(value, Decimal) or not value.is_finite():
        return UNFIT
    try:
        PRICE_CONTEXT.quantize(value, PRICE_STEP)
    except (Inexact, InvalidOperation):
        return UNFIT
    return value


@dataclass(frozen=True, slots=True)
class Column:
    """Where a column's value comes from: the vendor's names for it, the best first."""

    name: str
    vendor: tuple[str, ...]
    read: ReadValue
    kept: KeepsAll | None = None

    def read_or_blank(self, value: object) -> Any:
        """What the column holds of this value alone: None if it is blank, UNFIT if it does not fit."""
        return None if is_blank(value) else self.read(value)

    def keeps(self, values: Sequence[object]) -> bool:
        """Whether all that is not blank here is text that would be read as it is. False: that is uncertain."""
        if self.kept is None or not set(map(type, values)) <= {str, NoneType}:
            return False
        return self.kept(list(filter(None, cast(Sequence[str | None], values))))

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
_KEEPERS: dict[Kind, Callable[[Field], KeepsAll]] = {"text": _keeps_texts, "code": _keeps_codes}


def _keeper(field: Field) -> KeepsAll | None:
    """None where few values repeat, or may lose their leading zeros: they are better read by value."""
    return None if field.lookup or field.kind not in _KEEPERS else _KEEPERS[field.kind](field)


COLUMNS = tuple(Column(field.name, field.vendor, _READERS[field.kind](field), _keeper(field)) for field in FIELDS)
MESSAGE_ID, PHONE, PRICE, CURRENCY = (
    next(column for column in COLUMNS if column.name == name)
    for name in ("message_id", "phone", "price", "currency")
)


def is_blank(value: object) -> bool:
    """Whether this value says nothing: null, or text without a visible character."""
    return value is None or (isinstance(value, str) and (not value or value.isspace()))
