"""Phone numbers in any spelling, in the middle of the vendor's words: no log and no message may repeat them."""

from __future__ import annotations

import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from etl.scrub import scrub_foreign
from tests.fuzz.hunt import hunt

SCRIPTS = "0٠۰०০０𝟎"
"""The digit 0 of several scripts; the other nine follow it."""
SEPARATORS = ["", "", "", " ", "-", ".", "/", " ", " - ", ") ", " (", "\t"]
MOST_KEPT = 4
"""Digits of a number that may still be read."""


@st.composite
def phones(draw: st.DrawFn) -> str:
    """A phone number of 8 to 15 digits as people write it."""
    zero = ord(draw(st.sampled_from(SCRIPTS)))
    digits = draw(st.lists(st.integers(0, 9), min_size=8, max_size=15))
    separators = draw(st.lists(st.sampled_from(SEPARATORS), min_size=len(digits), max_size=len(digits)))
    start = draw(st.sampled_from(["", "+", "00", "("]))
    return start + "".join(chr(zero + digit) + sep for digit, sep in zip(digits, separators, strict=True)).rstrip(
        " (-"
    )


WORDS = st.sampled_from(["invalid number", "phone:", "号码", "«", "to=", "", '{"phone": "', "line\n"])


@given(WORDS, phones(), WORDS)
def trial(before: str, phone: str, after: str) -> None:
    """At most a few digits of the number are left, in whatever script."""
    shown = scrub_foreign(f"{before} {phone} {after}")
    left = [unicodedata.digit(sign) for sign in shown if unicodedata.category(sign) == "Nd"]
    assert len(left) <= MOST_KEPT, (phone, shown)
    assert not re.search(r"\d{5}", shown)


if __name__ == "__main__":
    hunt("Phone numbers in texts", trial)
