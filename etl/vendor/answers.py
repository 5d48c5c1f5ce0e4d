"""Turns the bytes of an answer into a page of typed rows."""

from __future__ import annotations

import json
import re
from collections import Counter
from decimal import Decimal
from typing import Any

from etl.core.checkrow import CheckRow, Key, RejectedRow
from etl.core.page import Page
from etl.core.wholenumber import MAX_DIGITS, whole_number
from etl.vendor.columns import OddNumber, is_blank
from etl.vendor.convert import convert, reject
from etl.vendor.question import DOCUMENTED, NEWER, Question

MAX_TOTAL = 2**31 - 1
MAX_EXPONENT = 99


class NotTheApi(ValueError):
    """An answer in another form than the vendor's API ever gives: something else answers."""


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`: fractions as Decimal, and numbers that no database could hold as text.

    Raises ValueError if there is none; its message contains nothing from the body.
    """
    try:
        answer = json.loads(body, parse_int=_integer, parse_float=_decimal, parse_constant=OddNumber, strict=False)
    except (ValueError, RecursionError):
        raise _what_else(body) from None
    if not isinstance(answer, dict):
        raise ValueError("JSON, but not an object")
    return answer


def code_of(answer: dict[str, Any]) -> int | None:
    """The vendor's result code; None if it is missing or not a whole number."""
    return whole_number(answer.get("code"))


def words_of(answer: dict[str, Any]) -> str:
    """The vendor's own words on the result, as sent; empty if there are none."""
    return next((answer[name] for name in ("msg", "message") if isinstance(answer.get(name), str)), "")


def to_page(data: object, question: Question) -> Page:
    """The page that `data` (of an answer with code 0) holds.

    Raises ValueError if it holds none: it is not an object, its totalSize is not a count, or it has no list of
    rows although totalSize says that there are some.
    """
    if not isinstance(data, dict):
        raise ValueError("no data")
    total = whole_number(data.get("totalSize"))
    if total is None or not 0 <= total <= MAX_TOTAL:
        raise ValueError("totalSize is not a count")
    result = data.get("result")
    if not isinstance(result, list):
        if total:
            raise ValueError("totalSize is not 0, but there is no list of rows")
        result = []
    return Page(question.page, total, *_sort_out(result, question.batch_no), len(result), _wording(result))


def _sort_out(
    result: list[object], batch_no: str
) -> tuple[tuple[CheckRow, ...], tuple[RejectedRow, ...], dict[Key, int], dict[Key, int]]:
    rows: dict[Key, CheckRow] = {}
    rejected: dict[str, RejectedRow] = {}
    repeats: Counter[Key] = Counter()
    conflicts: Counter[Key] = Counter()
    first: dict[Key, object] = {}
    for raw in result:
        row = convert(raw, batch_no)
        if isinstance(row, RejectedRow):
            rejected[row.digest] = row
        elif row.key not in rows:
            rows[row.key], first[row.key] = row, raw
        elif rows[row.key] == row:
            repeats[row.key] += 1
        else:
            # The same row is kept, in whatever order they come.
            kept, other = sorted(
                (reject("key_conflict", first[row.key]), reject("key_conflict", raw)), key=_digest
            )
            if kept.digest == reject("key_conflict", raw).digest:
                rows[row.key], first[row.key] = row, raw
            (repeats if other.digest in rejected else conflicts)[row.key] += 1
            rejected[other.digest] = other
    return tuple(rows.values()), tuple(rejected.values()), repeats, conflicts


def _digest(row: RejectedRow) -> str:
    return row.digest


def _wording(result: list[object]) -> str:
    for raw in result:
        if isinstance(raw, dict) and not is_blank(raw.get("messageId")):
            return DOCUMENTED
        if isinstance(raw, dict) and not is_blank(raw.get("requestId")):
            return NEWER
    return DOCUMENTED


def _integer(text: str) -> int | OddNumber:
    return int(text) if len(text) <= MAX_DIGITS else OddNumber(text)


def _decimal(text: str) -> Decimal | OddNumber:
    exponent = re.search(r"[eE]([+-]?[0-9]+)$", text)
    silly = len(text) > MAX_DIGITS or (exponent is not None and abs(int(exponent[1])) > MAX_EXPONENT)
    return OddNumber(text) if silly else Decimal(text)


def _what_else(body: bytes) -> ValueError:
    start = body[:1000].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start:
        return ValueError("empty")
    if start.startswith(b"<"):
        return NotTheApi("a web page")
    if start.startswith((b"{", b"[")):
        return ValueError("broken or incomplete JSON")
    return NotTheApi("not JSON")
