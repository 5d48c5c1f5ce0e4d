"""Masks what looks like a phone number in texts that people will read.

Phone numbers come in any script and with anything between their digits: `+84 98 765 43 21`, `(020) 7946-0958`.
"""

from __future__ import annotations

import re
from functools import lru_cache

SHORTEST = 6
"""Fewer digits than this are no phone number."""

_DIGIT = r"[\d²³¹⁰⁴-⁹₀-₉①-⑨⑴-⑼⒈-⒐⓪⓵-⓽⓿❶-❾➀-➈➊-➒🄀-🄊〇零一二三四五六七八九]"
"""A digit of any script, also in a circle, raised, or in Chinese."""
_ANYTHING = r"[\W_]"
"""What may stand between two digits of one number: anything but letters."""
_SEPARATOR = r"""(?:(?![\n,:;"'=<>{}|&?!@#$%^])[\W_])"""
"""The same without what stands between two numbers in our own texts."""
_MONTH, _DAY = "(?:0[1-9]|1[0-2])", "(?:0[1-9]|[12][0-9]|3[01])"
_DATE = f"20[2-9][0-9](?:-{_MONTH}-{_DAY}|/{_MONTH}/{_DAY})"
_TIME = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:[+-][0-9]{2}:?[0-9]{2})?"
_MOMENT = f"(?<![0-9]){_DATE}(?:[T ]{_TIME})?(?![0-9]|[-/][0-9])"
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_ADDRESS = rf"(?<![0-9.]){_BYTE}(?:\.{_BYTE}){{3}}(?::[0-9]{{1,5}})?(?![0-9]|\.[0-9])"


def scrub(text: str, at_least: int = SHORTEST, spared: str = "") -> str:
    """`text` with the digits of every number of `at_least` or more masked, except for the last two of each.

    For texts of this program and of databases: dates, times and IP addresses stay, and so does `spared` where it
    stands alone; `1, 2, 3` are three numbers.
    """
    alone = rf"(?<!\d){re.escape(spared)}(?!\d)|" if spared else ""
    return _pattern(at_least, _SEPARATOR, f"{alone}{_MOMENT}|{_ADDRESS}").sub(_masked, text)


def scrub_foreign(text: str) -> str:
    """The same for the words of somebody who may send phone numbers: only dates and times stay."""
    return _pattern(SHORTEST, _ANYTHING, _MOMENT).sub(_masked, text)


@lru_cache(maxsize=100)
def _pattern(at_least: int, between: str, spared: str) -> re.Pattern[str]:
    """Matches what is spared, or a number, which ends where a date begins."""
    more = f"(?!{between}{{1,3}}{_MOMENT}){between}{{0,3}}{_DIGIT}"
    return re.compile(f"(?P<spared>{spared})|{_DIGIT}(?:{more}){{{at_least - 1},}}")


def _masked(found: re.Match[str]) -> str:
    if found["spared"]:
        return found[0]
    places = [digit.start() for digit in re.finditer(_DIGIT, found[0])]
    hidden = set(places[:-2])
    return "".join("*" if place in hidden else sign for place, sign in enumerate(found[0]))
