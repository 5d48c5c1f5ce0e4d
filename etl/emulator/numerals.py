"""Ways to write the numbers of an answer: whatever they look like, they are the same numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Literal

Spelling = Literal["plain", "points", "exponents", "texts"]

NUMBERS = ("code", "totalSize", "totalPage", "pageSize", "page", "checkLevel", "numberType")
PHONE, PRICE = "phone", "price"


def _as_text(number: Any) -> str:
    return f"{number}.0 "


def _with_point(number: Any) -> Decimal:
    return Decimal(f"{number}.0")


def _with_exponent(number: Any) -> Decimal:
    digits = str(number)
    rest = digits[1:].rstrip("0")
    return Decimal(f"{digits[0]}{'.' if rest else ''}{rest}E{len(digits) - 1}")


WRITE: Mapping[Spelling, Callable[[Any], Any]] = {
    "texts": _as_text,
    "points": _with_point,
    "exponents": _with_exponent,
}


def spelt(value: Any, spelling: Spelling) -> Any:
    """`value`, JSON of an answer, with its numbers written like that; phones become numbers, or stay texts."""
    if spelling == "plain":
        return value
    if isinstance(value, list):
        return [spelt(part, spelling) for part in value]
    if isinstance(value, dict):
        return {name: _field(name, part, spelling) for name, part in value.items()}
    return value


def _field(name: str, value: Any, spelling: Spelling) -> Any:
    if type(value) is int and name in NUMBERS:
        return WRITE[spelling](value)
    if name == PHONE and spelling != "texts" and str(value).isdigit() and not str(value).startswith("0"):
        return WRITE[spelling](value)
    if name == PRICE and spelling == "texts" and value is not None:
        return f" {value} "
    return spelt(value, spelling)
