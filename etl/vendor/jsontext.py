"""Writes parsed JSON back as text, with exact numbers."""

from __future__ import annotations

import re

import simplejson

LONE_SURROGATE = re.compile("[\ud800-\udfff]")


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
