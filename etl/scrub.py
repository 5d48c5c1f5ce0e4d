r"""Masks what looks like a phone number in texts that people will read.

Phone numbers come in any script, with anything between their digits, or in codes of URLs, web pages and programs:
`+84 98 765 43 21`, `(020) 7946-0958`, `84%2098%20765`, `&#56;&#52;`, `\u0038\u0034`.
"""

from __future__ import annotations

import html
import re
import sys
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

SHORTEST = 6
"""Fewer digits than this are no phone number."""
APART = 20
"""So many other signs at most may stand between two digits of one number; those that nobody sees do not count."""

_ANYTHING = r"[\W_]"
"""What may stand between two digits of one number: anything but letters."""
_SEPARATOR = r"""(?:(?![\n,:;"'=<>{}|&?!@#$%^])[\W_])"""
"""The same without what stands between two numbers in our own texts."""
_MONTH, _DAY = "(?:0[1-9]|1[0-2])", "(?:0[1-9]|[12][0-9]|3[01])"
_DATE = f"20[2-9][0-9](?:-{_MONTH}-{_DAY}|/{_MONTH}/{_DAY})"
_HOUR, _SIXTY = "(?:[01][0-9]|2[0-3])", "[0-5][0-9]"
_TIME = rf"{_HOUR}:{_SIXTY}(?::{_SIXTY}(?:\.[0-9]{{1,6}})?)?(?:[+-]{_HOUR}:?{_SIXTY})?"
_MOMENT = f"(?<![0-9]){_DATE}(?:[T ]{_TIME})?(?![0-9]|[-/:][0-9])"
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_ADDRESS = rf"(?<![0-9.]){_BYTE}(?:\.{_BYTE}){{3}}(?::[0-9]{{1,5}})?(?![0-9]|\.[0-9])"

_HEX = "[0-9a-f]"
_NEXT = rf"(?:%|\\x)[89ab]{_HEX}"
_ONE, _TWO = rf"(?:%|\\x)[0-7]{_HEX}", rf"(?:%|\\x)[cd]{_HEX}{_NEXT}"
_THREE, _FOUR = rf"(?:%|\\x)e{_HEX}(?:{_NEXT}){{2}}", rf"(?:%|\\x)f[0-7](?:{_NEXT}){{3}}"
_CODE = re.compile(
    rf"(?P<bytes>{_ONE}|{_TWO}|{_THREE}|{_FOUR})"
    rf"|\\(?:(?-i:U)(?P<eight>00{_HEX}{{6}})|u(?P<four>{_HEX}{{4}})|u\{{(?P<braces>{_HEX}{{1,6}})\}}|x(?P<two>{_HEX}{{2}}))"
    rf"|(?P<entity>&(?:\#[0-9]{{1,7}};?|\#x{_HEX}{{1,6}};?|[a-z]{{2,8}};))"
    r"|(?P<space>\\[nrt]|</?[a-z][^<>]{0,40}>)",
    re.IGNORECASE,
)
"""One sign, written as for a URL, a web page, JSON or Python, and what is a space on a page."""
_NESTED = 3
"""A code may itself be written in codes; so often at most."""
_NEVER = "(?!)"
"""Matches nothing."""
_NOTHING = "\N{ZERO WIDTH SPACE}"
_OTHER_DIGIT = "\N{ARABIC-INDIC DIGIT ZERO}"


class _Sign(NamedTuple):
    """A sign as it is read, and where it is written."""

    sign: str
    start: int
    end: int


def scrub(text: str, at_least: int = SHORTEST, spared: str = "") -> str:
    """`text` with the digits of every number of `at_least` or more masked, except for the last two of each.

    For texts of this program and of databases: dates, times and IP addresses stay, and so does `spared` where it
    stands alone; `1, 2, 3` are three numbers.
    """
    alone = rf"(?<!\d){re.escape(spared)}(?!\d)|" if spared else ""
    return _without(text, _pattern(at_least, _SEPARATOR, f"{alone}{_MOMENT}|{_ADDRESS}"))


def scrub_foreign(text: str) -> str:
    """The same for the words of somebody who may send phone numbers: only dates and times stay."""
    return _without(text, _pattern(SHORTEST, _ANYTHING, _MOMENT))


def digit_runs(text: str) -> set[str]:
    """The digits (0 to 9) of every number in `text`, whatever stands between them, as written and as read."""
    if sum(map(str.isnumeric, text)) < SHORTEST:  # each digit takes at least one, even in a code
        return set()
    written = [_Sign(sign, place, place + 1) for place, sign in enumerate(text)]
    read = _read(text, written)
    return {run for signs in (written, read) for run in _runs(signs)}


def _runs(signs: list[_Sign]) -> Iterator[str]:
    seen = [sign.sign for sign in signs if sign.sign.isascii() or not _is_invisible(sign.sign)]
    text = "".join(seen)
    for found in _pattern(SHORTEST, _ANYTHING, _NEVER).finditer("".join(map(_as_digit, seen))):
        digits = (unicodedata.digit(sign, None) for sign in text[found.start() : found.end()])
        yield "".join(str(digit) for digit in digits if digit is not None)


@lru_cache(maxsize=100)
def _pattern(at_least: int, between: str, spared: str) -> re.Pattern[str]:
    """Matches what is spared, or a number, which ends where a date begins."""
    more = rf"(?!{between}{{1,{APART}}}{_MOMENT}){between}{{0,{APART}}}\d"
    return re.compile(rf"(?P<spared>{spared})|\d(?:{more}){{{at_least - 1},}}")


def _without(text: str, numbers: re.Pattern[str]) -> str:
    """Both as it is written and as it is read: a number may be one in either. A code is masked as a whole."""
    written = [_Sign(sign, place, place + 1) for place, sign in enumerate(text)]
    read = _read(text, written)
    hidden = {digit.start for digit in _hidden(written, numbers)}
    if read is not written:
        hidden |= {digit.start for digit in _hidden(read, numbers)}
    shown = []
    for sign in read:
        is_hidden = any(place in hidden for place in range(sign.start, sign.end))
        shown.append("*" if is_hidden else text[sign.start : sign.end])
    return "".join(shown)


def _hidden(signs: list[_Sign], numbers: re.Pattern[str]) -> Iterator[_Sign]:
    """The digits to mask."""
    seen = [sign for sign in signs if sign.sign.isascii() or not _is_invisible(sign.sign)]
    for found in numbers.finditer("".join(_as_digit(sign.sign) for sign in seen)):
        if not found["spared"]:
            digits = [sign for sign in seen[found.start() : found.end()] if _as_digit(sign.sign).isdecimal()]
            yield from digits[:-2]


def _as_digit(sign: str) -> str:
    """What has a value as a number is a digit: in a circle, raised, Roman, Chinese, or as an invisible tag."""
    if sign.isascii() or sign.isdecimal():
        return sign
    tag = "\U000e0030" <= sign <= "\U000e0039"
    return _OTHER_DIGIT if tag or unicodedata.numeric(sign, None) is not None else sign


def _is_invisible(sign: str) -> bool:
    """Whether it stands between digits without being seen there, or belongs to the sign before it."""
    return unicodedata.category(sign) in ("Cf", "Mn", "Me") and _as_digit(sign) == sign


def _read(text: str, signs: list[_Sign]) -> list[_Sign]:
    """The signs that the codes among these stand for, with the place of the whole code."""
    for _ in range(_NESTED):
        if not _CODE.search(text):
            break
        read, done = [], 0
        for code in _CODE.finditer(text):
            first, last = signs[code.start()], signs[code.end() - 1]
            read += [*signs[done : code.start()], _Sign(_meant(code), first.start, last.end)]
            done = code.end()
        signs = [*read, *signs[done:]]
        text = "".join(sign.sign for sign in signs)
    return signs


def _meant(code: re.Match[str]) -> str:
    """The one sign that this code stands for."""
    if code["bytes"]:
        raw = bytes.fromhex(code["bytes"].replace("%", "").replace("\\x", "").replace("\\X", ""))
        return raw.decode(errors="replace")[0]
    if code["entity"]:
        # Of two signs, and of a name that nobody knows, the first tells enough. Some show nothing.
        return (html.unescape(code["entity"]) or _NOTHING)[0]
    number = code["braces"] or code["four"] or code["two"] or code["eight"]
    value = int(number, 16) if number else 32
    return chr(value) if value <= sys.maxunicode else _NOTHING
