"""Whole numbers, however they are written: `250`, `250.0`, `2.5E2` and the text of each are one number.

What is written otherwise (`1 000`, `1,000`, `0x10`, words) is ambiguous or no number, and is not guessed at.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal

MAX_DIGITS = 40
_TOO_LARGE = 10**MAX_DIGITS
MAX_TEXT = 100
"""Characters of a number that are read; whoever writes more does not write a number."""
EXACT = 2**53
"""Up to here a floating-point number holds every whole number; beyond, digits may be wrong."""

NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
"""A number as text. No Decimal(text) without it: that takes NaN, underscores and the digits of any script."""


def whole_number(value: object) -> int | None:
    """The whole number that `value` is, of at most 40 digits; None: it is none. White space around it is ignored.

    `value`: of JSON, of a query's result, or text. True and False are no numbers.
    """
    if type(value) is int:
        return value if -_TOO_LARGE < value < _TOO_LARGE else None
    if isinstance(value, str):
        value = number_in(value)
    elif isinstance(value, float) and math.isfinite(value):
        value = Decimal(value)
    if not isinstance(value, Decimal) or not value.is_finite() or value.adjusted() >= MAX_DIGITS:
        return None  # adjusted() first: int() of a number with a huge exponent takes all memory
    return int(value) if value == value.to_integral_value() else None


def number_in(text: str) -> Decimal | None:
    """The number that `text` is, white space around it ignored; None: it is none, or not plainly one."""
    text = text.strip()
    return Decimal(text) if len(text) <= MAX_TEXT and NUMBER.fullmatch(text) else None


def exact_digits(value: Decimal | float) -> str | None:
    """The digits of a number with a point or an exponent; None: it is not whole, or too large to be exact.

    Such numbers went through a floating-point number somewhere: beyond 2**53 its last digits would be invented.
    """
    number = whole_number(value)
    return str(number) if number is not None and abs(number) <= EXACT else None
