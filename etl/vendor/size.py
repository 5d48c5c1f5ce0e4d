"""How much an answer holds, found out before it is parsed: a parser needs 60 bytes and more for each `{}`."""

from __future__ import annotations

MOST_VALUES = 250 * 1000
"""Values in one answer: those of the largest page, if its rows had ten times as many fields as are documented."""
USUAL_BYTES = 1024 * 1024
"""An answer up to this size is converted in a moment, and so in any case."""
_SIGNS = (b",", b"{", b"[")


def holds_too_much(body: bytes) -> bool:
    """Whether the JSON text `body` has far more values than any page of rows."""
    # What stands inside texts counts as well at first: nearly always, even this is little enough.
    return len(body) > MOST_VALUES and _count(body) > MOST_VALUES and _count_outside_texts(body) > MOST_VALUES


def _count(body: bytes, start: int = 0, end: int | None = None) -> int:
    return sum(body.count(sign, start, end) for sign in _SIGNS)


def _count_outside_texts(body: bytes) -> int:
    body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    found, start = 0, 0
    while found <= MOST_VALUES:
        quote = body.find(b'"', start)
        if quote < 0:
            return found + _count(body, start)
        found += _count(body, start, quote)
        end = body.find(b'"', quote + 1)
        if end < 0:
            return found
        start = end + 1
    return found
