"""The digits of a phone number, in any of its usual spellings; and numbers line by line, from a file."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

LEAST, MOST = 6, 15
"""Digits of a phone number: ITU-T E.164 allows 15 at most; fewer than 6 are no number of a person."""
LONGEST_LINE = 200
"""Characters of a line that may hold a number."""

_TRUNK = re.compile(r"\(0\)")
_BETWEEN = re.compile(r"[\s().+/\-\u00b7\u2010-\u2015\u200b\u200e\u200f\u202a\u202c\u2060\ufeff]+")
# Country codes (ITU-T E.164) of one digit, and how those of two begin; all others have three.
_ONE = ("1", "7")
_TWO = re.compile("2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]")


def number_of(text: str) -> str:
    """The international digits of a number that is spelled in a usual way; any other text as it is.

    `+84 98-000 00 01`, `0084 98 000 0001`, `tel:+84980000001` and `84980000001` are one number. What holds other
    signs (a masked number, a word) is only equal to itself.
    """
    plain = text if text.isascii() and text.isdecimal() else _read(text)
    if plain is None:
        return text
    return plain[2:] if plain.startswith("00") and len(plain) > 2 else plain


def _read(text: str) -> str | None:
    """The digits of a number with the usual signs between them; None: there is something else."""
    simple = unicodedata.normalize("NFKC", text).strip().removeprefix("tel:")
    if simple.startswith(("+", "00")):
        simple = _TRUNK.sub("", simple)
    digits = _BETWEEN.sub("", simple)
    return "".join(str(unicodedata.decimal(sign)) for sign in digits) if digits.isdecimal() else None


def is_number(text: str) -> bool:
    """Whether `text` is what `number_of` makes of a phone number."""
    return text.isascii() and text.isdecimal() and LEAST <= len(text) <= MOST


def without_country(number: str) -> str | None:
    """The number as it is known inside its country; None where too little would be left to recognise it by."""
    if lacks_country(number):
        rest = number.lstrip("0")
    else:
        rest = number[1 if number.startswith(_ONE) else 2 if _TWO.match(number) else 3 :].lstrip("0")
    return rest if len(rest) >= LEAST + 1 else None


def lacks_country(number: str) -> bool:
    """Whether a number is spelled as inside its country: no international one begins with 0."""
    return number.startswith("0")


def is_within(number: str, text: str) -> bool:
    """Whether `text` holds this number, or (for a word, or a masked number) this text."""
    if not is_number(number):
        return number in text
    digits = "".join(str(unicodedata.decimal(sign)) for sign in text if sign.isdecimal())
    return (without_country(number) or number) in digits


def spellings(number: str) -> tuple[str, ...]:
    """How the vendor may write this number, so that an index finds it; others are found by looking at each."""
    return number, f"+{number}", f"00{number}"


@dataclass(frozen=True, slots=True)
class Given:
    """What a file of numbers holds. `numbers`: by line, counted from 1. `bad`: lines that are none."""

    numbers: dict[int, str]
    bad: tuple[int, ...]


def read_lines(lines: Iterable[str]) -> Given:
    """The numbers in `lines`, one in each, in any usual spelling; lines without anything are left out."""
    found: dict[int, str] = {}
    bad = []
    for place, line in _with_content(lines):
        number = number_of(line) if len(line) <= LONGEST_LINE else ""
        if is_number(number):
            found[place] = number
        else:
            bad.append(place)
    return Given(found, tuple(bad))


def _with_content(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    for place, line in enumerate(lines, 1):
        content = line.strip().strip("\ufeff\"' \t")
        if content:
            yield place, content
