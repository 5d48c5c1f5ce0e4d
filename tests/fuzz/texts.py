"""Phone numbers in any spelling, in the middle of anybody's words: no log and no message may repeat them."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable
from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from etl.escape import escaped
from etl.scrub import scrub, scrub_foreign
from etl.vendor.words import presentable
from tests.fuzz.hunt import hunt

SCRIPTS = "0٠۰०০０𝟎𝟘߀๐"
"""The digit 0 of several scripts; the other nine follow it."""
ROWS = (
    "⓪①②③④⑤⑥⑦⑧⑨",
    "⁰¹²³⁴⁵⁶⁷⁸⁹",
    "〇一二三四五六七八九",
    "零壹贰叁肆伍陆柒捌玖",
    "〇〡〢〣〤〥〦〧〨〩",
    "ⅩⅠⅡⅢⅣⅤⅥⅦⅧⅨ",
)
DIGITS = [*("".join(chr(ord(zero) + digit) for digit in range(10)) for zero in SCRIPTS), *ROWS]
SEEN = [
    " ",
    "-",
    ".",
    "/",
    " - ",
    ") ",
    " (",
    "\t",
    "\u00a0",
    "\u2009",
    "\u202f",
    "\u2011",
    "\u2013",
    "－",
    "·",
    "_",
]
UNSEEN = ["\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u202e", "\u0301", "\ufe0f\u20e3", "\U000e0020", ""]
APART_IN_OURS = st.lists(st.sampled_from(["", *SEEN, *UNSEEN]), max_size=3).map("".join)
APART = APART_IN_OURS | st.sampled_from(
    [",", ":", ";", "=", "|", "','", '","', "#", "\n", "&", "\r\n", "<br>", "*"]
)
MOST_KEPT = 4
"""Digits of a number that may still be read."""

Write = Callable[[str], str]


def _percent(sign: str) -> str:
    return "".join(f"%{byte:02X}" for byte in sign.encode())


WRITTEN: list[Write] = [
    str,
    str,
    _percent,
    lambda sign: _percent(_percent(sign)),
    lambda sign: f"&#{ord(sign)};",
    lambda sign: f"&#x{ord(sign):X};",
    lambda sign: f"&amp;#{ord(sign)};",
    lambda sign: f"\\u{ord(sign):04x}" if ord(sign) < 0x10000 else f"\\U{ord(sign):08x}",
    lambda sign: f"\\u{{{ord(sign):x}}}",
    lambda sign: repr(sign.encode())[2:-1] if not sign.isascii() else f"\\x{ord(sign):02x}",
]
"""How one sign can be written: as it is, for a URL, for a page, for a program."""


@st.composite
def phones(draw: st.DrawFn, apart: st.SearchStrategy[str]) -> str:
    """A phone number of 8 to 15 digits, each with what stands after it; scripts and codes may be mixed."""
    mixed = draw(st.booleans())
    row, write, parts = draw(st.sampled_from(DIGITS)), draw(st.sampled_from(WRITTEN)), []
    for digit in draw(st.lists(st.integers(0, 9), min_size=8, max_size=15)):
        if mixed:
            row, write = draw(st.sampled_from(DIGITS)), draw(st.sampled_from(WRITTEN))
        between = draw(apart)
        parts.append(write(row[digit]) + (between if draw(st.booleans()) else "".join(map(write, between))))
    return draw(st.sampled_from(["", "+", "(", "tel:"])) + "".join(parts)


WORDS = st.sampled_from(
    [
        "invalid number",
        "phone:",
        "号码",
        "«",
        "to=",
        "",
        '{"phone": "',
        "line\n",
        "http://h.example/q?p=",
        "{'",
        "<a href=",
    ]
)


HEX = "[0-9a-fA-F]"
CODE = re.compile(rf"\\u\{{({HEX}+)\}}|\\u({HEX}{{4}})|\\U({HEX}{{8}})")
BYTES = re.compile(rf"(?:\\x{HEX}{{2}})+")


CUT = re.compile(rf"(\\[uUx]\{{?|%|&#?x?){HEX}*…$")
"""A code of which the end is left out, as in a long message."""


def kept(shown: str) -> int:
    """How many digits somebody can still read who undoes every code."""
    shown = CUT.sub("", shown)
    for _ in range(3):
        shown = BYTES.sub(_signs, shown)
        shown = CODE.sub(_sign, html.unescape(unquote(shown)))
    return sum(unicodedata.numeric(sign, None) is not None for sign in shown)


def _signs(code: re.Match[str]) -> str:
    return bytes.fromhex(code[0].replace("\\x", "")).decode(errors="replace")


def _sign(code: re.Match[str]) -> str:
    value = int(next(filter(None, code.groups())), 16)
    return chr(value) if value < 0x110000 else code[0]


@given(WORDS, phones(APART), WORDS)
def foreign(before: str, phone: str, after: str) -> None:
    """Words of somebody who may send phone numbers."""
    _look(phone, scrub_foreign(f"{before} {phone} {after}"))
    _look(phone, presentable(f"{before} {phone} {after}"))


@given(WORDS, phones(APART_IN_OURS), WORDS)
def ours(before: str, phone: str, after: str) -> None:
    """Words of this program and of databases, as a log shows them."""
    _look(phone, escaped(scrub(f"{before} {phone} {after}", 7)))


@given(st.text(st.sampled_from("0123456789٣五 -:.,/%&#;x\\u{}<>abuUTZ+20\u200b\u0301\U000e0031"), max_size=80))
def anything(text: str) -> None:
    """Masking fails for no text and leaves all but digits as it is."""
    for mask in (scrub, scrub_foreign):
        masked = mask(text)
        assert len(masked) <= len(text)
        if set("%&\\<").isdisjoint(text):
            assert all(other in (one, "*") for one, other in zip(text, masked, strict=True))


def _look(phone: str, shown: str) -> None:
    assert kept(shown) <= MOST_KEPT, (phone, shown)


if __name__ == "__main__":
    hunt("Phone numbers in texts", foreign, ours, anything)
