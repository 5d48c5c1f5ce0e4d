"""Writing JSON back as text, with exact numbers."""

from __future__ import annotations

import re

import simplejson

LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def as_json(value: object) -> str:
    """JSON text of a value that `answers.parse` read: numbers exact, characters as they are.

    In ASCII where the value holds lone surrogates, which no encoding can write.
    """
    text = str(simplejson.dumps(value, use_decimal=True, ensure_ascii=False, separators=(",", ":")))
    if is_storable(text):
        return text
    return str(simplejson.dumps(value, use_decimal=True, separators=(",", ":")))


def is_storable(text: str) -> bool:
    """Whether every database keeps this text: no NUL (PostgreSQL refuses it), no lone surrogate."""
    return "\0" not in text and not LONE_SURROGATE.search(text)
