"""Turns the bytes of an answer into a page of typed rows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any

from etl.core.checkrow import CheckRow, Key, RejectedRow
from etl.core.page import Page
from etl.core.pagesize import LARGEST
from etl.core.wholenumber import MAX_DIGITS, whole_number
from etl.vendor.columns import OddNumber, is_blank
from etl.vendor.convert import convert, reject
from etl.vendor.question import DOCUMENTED, NEWER, Question
from etl.vendor.size import holds_too_much

MAX_TOTAL = 2**31 - 1
MAX_EXPONENT = 99


class NotTheApi(ValueError):
    """An answer in another form than the vendor's API ever gives: something else answers."""


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`: fractions as Decimal, and numbers that no database could hold as text.

    Raises ValueError if there is none; its message contains nothing from the body.
    """
    if holds_too_much(body):
        raise ValueError("far more values than a page of rows has")
    try:
        answer = loads(body)
    except (ValueError, RecursionError):
        raise _what_else(body) from None
    if not isinstance(answer, dict):
        raise ValueError("JSON, but not an object")
    return answer


def loads(text: bytes) -> Any:
    """The JSON value in `text`, read as `parse` reads it. Raises ValueError or RecursionError if there is none."""
    return json.loads(text, parse_int=_integer, parse_float=as_decimal, parse_constant=OddNumber, strict=False)


def code_of(answer: dict[str, Any]) -> int | None:
    """The vendor's result code; None if it is missing or not a whole number."""
    return whole_number(answer.get("code"))


def words_of(answer: dict[str, Any]) -> str:
    """The vendor's own words on the result, as sent; empty if there are none."""
    return next((answer[name] for name in ("msg", "message") if isinstance(answer.get(name), str)), "")


def to_page(data: object, question: Question, go_on: Callable[[], None] = lambda: None) -> Page:
    """The page that `data` (of an answer with code 0) holds. `go_on` is called before each row; it may raise.

    Raises ValueError if it holds none: it is not an object, its totalSize is not a count, it has no list of rows
    although totalSize says that there are some, or it has far more rows than were asked for.
    """
    if not isinstance(data, dict):
        raise ValueError("no data")
    total = count_of(data.get("totalSize"))
    if total is None:
        raise ValueError("totalSize is not a count")
    result = data.get("result")
    if not isinstance(result, list):
        if total:
            raise ValueError("totalSize is not 0, but there is no list of rows")
        result = []
    if len(result) > LARGEST:
        raise ValueError(f"{len(result):,} rows, far more than were asked for")
    size = whole_number(data.get("pageSize"))
    sorted_out = sort_out(_converted(result, question.batch_no, go_on), result.__getitem__)
    return Page(question.page, total, *sorted_out, len(result), wording_of(result), size)


def count_of(value: object) -> int | None:
    """The number of rows that `value` is; None: it is no count."""
    count = whole_number(value)
    return None if count is None or not 0 <= count <= MAX_TOTAL else count


def _converted(result: list[object], batch_no: str, go_on: Callable[[], None]) -> Iterator[CheckRow | RejectedRow]:
    for raw in result:
        go_on()
        yield convert(raw, batch_no)


def sort_out(
    converted: Iterable[CheckRow | RejectedRow], raw: Callable[[int], object]
) -> tuple[tuple[CheckRow, ...], tuple[RejectedRow, ...], dict[Key, int], dict[Key, int]]:
    """What `Page` calls rows, rejected, repeats and conflicts. `raw`: a row as it was sent, by its position."""
    rows: dict[Key, CheckRow] = {}
    rejected: dict[str, RejectedRow] = {}
    repeats: Counter[Key] = Counter()
    conflicts: Counter[Key] = Counter()
    first: dict[Key, int] = {}
    for place, row in enumerate(converted):
        if isinstance(row, RejectedRow):
            rejected[row.digest] = row
        elif row.key not in rows:
            rows[row.key], first[row.key] = row, place
        elif rows[row.key] == row:
            repeats[row.key] += 1
        else:
            # The same row is kept, in whatever order they come.
            kept, other = (reject("key_conflict", raw(which)) for which in (first[row.key], place))
            if other.digest <= kept.digest:
                rows[row.key], first[row.key] = row, place
                kept, other = other, kept
            (repeats if other.digest in rejected else conflicts)[row.key] += 1
            rejected[other.digest] = other
    return tuple(rows.values()), tuple(rejected.values()), repeats, conflicts


def wording_of(result: Iterable[object]) -> str:
    """Which name the rows, as they were sent, use for the message id."""
    for raw in result:
        if isinstance(raw, dict) and not is_blank(raw.get("messageId")):
            return DOCUMENTED
        if isinstance(raw, dict) and not is_blank(raw.get("requestId")):
            return NEWER
    return DOCUMENTED


def _integer(text: str) -> int | OddNumber:
    return int(text) if len(text) <= MAX_DIGITS else OddNumber(text)


def as_decimal(text: str) -> Decimal | OddNumber:
    """A number with a point or an exponent, exactly as it stands in the JSON."""
    if len(text) > MAX_DIGITS:
        return OddNumber(text)
    if "e" not in text and "E" not in text:
        return Decimal(text)
    exponent = int(text.lower().partition("e")[2])
    return OddNumber(text) if abs(exponent) > MAX_EXPONENT else Decimal(text)


def _what_else(body: bytes) -> ValueError:
    start = body[:1000].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start:
        return ValueError("empty")
    if start.startswith(b"<"):
        return NotTheApi("a web page")
    if start.startswith((b"{", b"[")):
        return ValueError("broken or incomplete JSON")
    return NotTheApi("not JSON")
