"""Writes as codes what a terminal obeys instead of showing it, and what changes the order of what is read.

Such signs come in batch numbers, in words of the vendor and of databases, and can make a line look like another.
"""

from __future__ import annotations

import re

_OBEYED = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, except tab and line feed
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f"  # the direction of text, and forms of letters and digits
    r"\u2028\u2029"  # separators of lines and paragraphs
    r"\ufff9-\ufffb\U000e0000-\U000e007f]"  # notes between lines, and tags: a second text that nobody sees
)


def escaped(text: str) -> str:
    r"""`text` with `\x1b` or `\u202e` in place of each such sign; tabs and line feeds stay."""
    return _OBEYED.sub(lambda sign: ascii(sign[0])[1:-1], text)


def on_one_line(text: str) -> str:
    """The same, with line feeds as well."""
    return escaped(text).replace("\n", "\\n")


def escaped_json(text: str) -> str:
    """The same for JSON, where each code has four digits, or two have. Such signs are in strings alone."""
    return _OBEYED.sub(lambda sign: "\\u" + sign[0].encode("utf-16-be").hex("u", 2).replace("u", "\\u"), text)
