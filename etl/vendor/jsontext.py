"""Writes parsed JSON back as text, with exact numbers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container
from typing import Any

import simplejson

LONE_SURROGATE = re.compile("[\ud800-\udfff]")
MOST_BYTES = 64 * 1024
"""Of a text, an `extra` or a payload, as UTF-8; what is larger is cut."""
BRIEF = 256
"""Bytes of a value that stays beside what is cut, as JSON; some 30 of them fit."""
KEPT_SIGNS = 8192
"""Characters kept of what is cut: escaped as JSON, they stay within MOST_BYTES whatever they are."""


def as_json(value: object) -> str:
    """The JSON text of a value that `answers.parse` read: numbers are exact, characters stay as they are.

    The text is ASCII if the value holds lone surrogates, which no encoding can write, or NUL.
    """
    text = str(simplejson.dumps(value, use_decimal=True, ensure_ascii=False, separators=(",", ":")))
    if is_storable(text):
        return text
    return str(simplejson.dumps(value, use_decimal=True, separators=(",", ":")))


def is_storable(text: str) -> bool:
    """Whether every database can store this text: no NUL (PostgreSQL refuses it) and no lone surrogate."""
    return "\0" not in text and not LONE_SURROGATE.search(text)


def cut(text: str) -> dict[str, Any]:
    """What is kept of a text that is too large: its beginning, and length and digest of its UTF-8 bytes."""
    whole = text.encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(whole).hexdigest()
    return {"cut": True, "bytes": len(whole), "sha256": digest, "start": text[:KEPT_SIGNS]}


def fitting(extra: dict[str, Any], named: Container[str] = ()) -> dict[str, Any]:
    """`extra`, with whatever is too large in it cut: single values if that is enough, otherwise all of it.

    A text is cut as it is, another value as the JSON text of it. Where all is cut, short values of the fields
    `named` stay beside it.
    """
    if _is_small(extra):
        return extra
    fits = {name: _value(value) for name, value in extra.items()}
    if _fits(as_json(fits)):
        return fits
    whole = cut(as_json(extra))
    left = {name: _brief(value) for name, value in extra.items() if name in named and name not in whole}
    return left | whole


def _brief(value: object) -> object:
    """A value, or what is kept of one that would take more than its share of the room."""
    text = as_json(value)
    return value if len(text.encode("utf-8", "surrogatepass")) <= BRIEF else {**cut(text), "start": ""}


def fitting_json(text: str) -> str:
    """JSON text; if it is too large, the JSON text of what is kept of it."""
    return text if _fits(text) else as_json(cut(text))


def _value(value: object) -> object:
    if _is_small(value):
        return value
    text = value if isinstance(value, str) else as_json(value)
    return value if _fits(text) else cut(text)


def _fits(text: str) -> bool:
    return len(text) <= MOST_BYTES and len(text.encode("utf-8", "surrogatepass")) <= MOST_BYTES


def _is_small(value: object) -> bool:
    """Whether a value is small beyond doubt, without writing it as JSON."""
    return _weight(value) * 6 <= MOST_BYTES


def _weight(value: object) -> int:
    """At least as many characters as a value has in JSON before they are escaped."""
    if isinstance(value, str):
        return len(value) + 3
    if isinstance(value, dict):
        return 2 + sum(_weight(name) + _weight(part) for name, part in value.items())
    if isinstance(value, list):
        return 2 + sum(map(_weight, value))
    return 60
