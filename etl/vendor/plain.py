"""Reads an answer about which little is unusual, as nearly all are: the whole page at once, column by column.

Values go through the same readers as in `convert`, but one that a column repeats does so only once. A row that is
unusual is left to `convert`, and an answer that is unusual itself to `answers.parse`: what they make of it counts,
and a test holds that this module gives the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cached_property, partial
from typing import Any

import msgspec
from msgspec.structs import astuple

from etl.core.checkrow import COST, CheckRow
from etl.core.page import Page
from etl.core.pagesize import LARGEST
from etl.core.wholenumber import whole_number
from etl.vendor.answers import as_decimal, count_of, loads, sort_out, wording_of
from etl.vendor.columns import (
    COLUMNS,
    CURRENCY,
    PRICE,
    UNFIT,
    Column,
    digits_or_text,
    is_blank,
)
from etl.vendor.convert import convert
from etl.vendor.question import DOCUMENTED, NEWER, Question
from etl.vendor.size import USUAL_BYTES, holds_too_much

FEW_BYTES = 100 * 1024
"""An answer up to this size is small, however many rows it has; they take more room than the rows of `parse`."""
OFTEN = 4
"""A column whose values come so often on a page, on average, is likely to have the same on the next."""
MOST_KNOWN = 1000
"""So many values of a column are remembered with what they are read as; what comes later is read each time."""
Scalar = str | int | None
"""What plain fields hold, apart from prices. `true` and 5.0 are no int here."""
_NUL = rb"\u0000"
_BATCH_NO = "batchNo"
_IN_COST = (PRICE, CURRENCY)


def _struct(name: str, fields: Sequence[tuple[Any, ...]]) -> Any:
    """A type that refuses what it does not name, or what it expects to be something else."""
    return msgspec.defstruct(name, fields, forbid_unknown_fields=True, gc=False)


def _field(column: Column, name: str) -> tuple[str, Any, None]:
    return name, Any if column is PRICE else Scalar, None


_Cost = _struct("Cost", [_field(column, column.vendor[0]) for column in _IN_COST])
_Row = _struct(
    "Row",
    [
        *(_field(column, name) for column in COLUMNS for name in column.vendor),
        (_BATCH_NO, Scalar, None),
        (COST, _Cost | None, None),
    ],
)
_UNKNOWN = _Row()
"""Stands for a row that is not plain; having no key, it will get a closer look."""
_NO_COST = (None,) * len(_IN_COST)


def _decoder(row: Any) -> msgspec.json.Decoder[Any]:
    """Reads an answer whose rows are of this type."""
    counts = [(name, Scalar, None) for name in ("totalSize", "totalPage", "pageSize", "page")]
    data = _struct("Data", [("result", list[row]), *counts])
    words = [(name, str | None, None) for name in ("msg", "message")]
    return msgspec.json.Decoder(
        _struct("Answer", [("code", Scalar), ("data", data), *words]), float_hook=as_decimal
    )


_ANSWER = _decoder(_Row)
_ANSWER_OF_ANY_ROWS = _decoder(msgspec.Raw)
_ROW = msgspec.json.Decoder(_Row, float_hook=as_decimal)
_CLOSER_LOOK = (msgspec.DecodeError, ValueError, RecursionError)


class _Sent:
    """An answer as it was sent. Raises one of _CLOSER_LOOK where it is not plain."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        try:
            self.answer = _ANSWER.decode(body)
            self.rows: list[Any] = self.answer.data.result
        except msgspec.ValidationError:
            self.answer = _ANSWER_OF_ANY_ROWS.decode(body)
            self.rows = list(map(_row, self.answer.data.result))

    @cached_property
    def _raw(self) -> list[msgspec.Raw]:
        return list(_ANSWER_OF_ANY_ROWS.decode(self._body).data.result)

    def raw(self, index: int) -> object:
        """A row as `answers.parse` reads it. Raises one of _CLOSER_LOOK where that refuses it."""
        return loads(bytes(self._raw[index]))


def _row(raw: msgspec.Raw) -> Any:
    try:
        return _ROW.decode(raw)
    except _CLOSER_LOOK:
        return _UNKNOWN


def plain_page(body: bytes, question: Question) -> Page | None:
    """The page in an answer; None: there is none, or only a closer look can tell. Never raises."""
    if not _may_be_plain(body):
        return None
    try:
        sent = _Sent(body)
        return _page(sent, question) if whole_number(sent.answer.code) == 0 else None
    except _CLOSER_LOOK:
        return None


def _may_be_plain(body: bytes) -> bool:
    """Whether it is worth a try: it is of the usual size, and no text in it can hold NUL."""
    if len(body) > USUAL_BYTES or (b"\\" in body and _NUL in body) or holds_too_much(body):
        return False
    return len(body) <= FEW_BYTES or body.count(b"{") <= 2 * LARGEST


def _page(sent: _Sent, question: Question) -> Page | None:
    total, size = count_of(sent.answer.data.totalSize), whole_number(sent.answer.data.pageSize)
    if total is None or len(sent.rows) > LARGEST:
        return None
    columns, unusual = _columns(sent.rows, question.batch_no)
    rows = list(map(_check_row, zip(*columns, strict=True)))
    if not unusual and len(set(zip(*columns[:2], strict=True))) == len(rows):
        return Page(question.page, total, tuple(rows), (), {}, {}, len(rows), _wording(sent), size)
    looked_at = (
        convert(sent.raw(place), question.batch_no) if place in unusual else row for place, row in enumerate(rows)
    )
    return Page(question.page, total, *sort_out(looked_at, sent.raw), len(rows), _wording(sent), size)


_check_row: Callable[[Any], CheckRow] = partial(tuple.__new__, CheckRow)
"""CheckRow._make without its check, which takes longer than making a row."""


def _wording(sent: _Sent) -> str:
    first = sent.rows[0] if sent.rows else _UNKNOWN
    if not is_blank(first.messageId):
        return DOCUMENTED
    return NEWER if not is_blank(first.requestId) else wording_of(map(sent.raw, range(len(sent.rows))))


def _columns(rows: list[Any], batch_no: str) -> tuple[list[Sequence[Any]], set[int]]:
    """The values of these rows as CheckRow has them, and the numbers of the rows that need a closer look."""
    nothing = (None,) * len(rows)
    columns: list[Sequence[Any]] = [nothing] * len(CheckRow._fields)
    if not rows:
        return columns, set()
    *named, batches, costs = zip(*map(astuple, rows), strict=True)
    unusual = _of_another_batch(batches, batch_no)
    for (place, read), values in zip(_READERS, [*named, *_in_cost(costs)], strict=True):
        if values != nothing:
            first, second = columns[place], read(values, unusual)
            columns[place] = second if first is nothing else _united(first, second, unusual)
    for key in columns[:2]:
        if not all(key):
            unusual.update(_places(key, None))
    return columns, unusual


def _of_another_batch(batches: Sequence[Scalar], batch_no: str) -> set[int]:
    if set(batches) <= {batch_no, None, ""}:
        return set()
    return {row for row, sent in enumerate(batches) if not is_blank(sent) and digits_or_text(sent) != batch_no}


def _in_cost(costs: Sequence[Any]) -> list[Sequence[Any]]:
    if costs.count(None) == len(costs):
        return [costs] * len(_IN_COST)
    return list(zip(*(_NO_COST if cost is None else astuple(cost) for cost in costs), strict=True))


def _united(first: Sequence[Any], second: Sequence[Any], unusual: set[int]) -> Sequence[Any]:
    """A column that comes under two names, in the order of their precedence: they may not say different things."""
    pairs = list(zip(first, second, strict=True))
    unusual.update(row for row, (one, two) in enumerate(pairs) if not (one is None or two is None or one == two))
    return [two if one is None else one for one, two in pairs]


def _places(values: Sequence[Any], value: object) -> list[int]:
    return [place for place, found in enumerate(values) if found is value]


class _ByValue:
    """Reads a column of texts and int, of which no two are equal and differ. Thread-safe."""

    def __init__(self, column: Column) -> None:
        self._column = column
        self._known: dict[Scalar, Any] = {None: None, "": None}

    def __call__(self, values: Sequence[Scalar], unusual: set[int]) -> Sequence[Any]:
        try:
            return list(map(self._known.__getitem__, values))
        except KeyError:
            kept = self._column.keeps(values)
            return [value or None for value in values] if kept else self._read(values, unusual)

    def _read(self, values: Sequence[Scalar], unusual: set[int]) -> list[Any]:
        known = {value: self._column.read_or_blank(value) for value in set(values)}
        fitting = [known[value] for value in values]
        if UNFIT in known.values():
            unusual.update(_places(fitting, UNFIT))
        elif OFTEN * len(known) < len(values) and len(self._known) < MOST_KNOWN:
            self._known.update(known)
        return fitting


def _one_by_one(column: Column) -> Callable[[Sequence[Any], set[int]], Sequence[Any]]:
    """Reads a column of prices, of which equal ones may differ in what they are, and in their zeros."""

    def read(values: Sequence[Any], unusual: set[int]) -> list[Any]:
        fitting = [
            column.read(value) if type(value) is Decimal else column.read_or_blank(value) for value in values
        ]
        unusual.update(_places(fitting, UNFIT))
        return fitting

    return read


_READERS = [
    (COLUMNS.index(column), (_one_by_one if column is PRICE else _ByValue)(column))
    for column in (*(column for column in COLUMNS for _ in column.vendor), *_IN_COST)
]
