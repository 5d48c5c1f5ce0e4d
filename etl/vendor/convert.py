"""Turns one row of the vendor's answer into one typed row, field by field, as the table of fields says."""

from __future__ import annotations

import hashlib
from typing import Any

import simplejson

from etl.core.checkrow import COST, CheckRow, RejectedRow
from etl.vendor.columns import (
    COLUMNS,
    CURRENCY,
    MESSAGE_ID,
    PHONE,
    PRICE,
    UNFIT,
    Column,
    digits_or_text,
    is_blank,
)
from etl.vendor.jsontext import as_json, fitting, fitting_json, is_storable

KNOWN = {COST, *(name for column in COLUMNS for name in column.vendor)}
"""Fields that have a column; what is left of them is ambiguous, and counted."""
MAX_DEPTH = 30
"""Levels of lists and objects in one row; writing the row as JSON could fail if there were many more."""


def convert(raw: object, batch_no: str) -> CheckRow | RejectedRow:
    """The typed row of one element of the vendor's `result`, received in answer to a request for `batch_no`.

    `raw` is JSON as `answers.parse` reads it (no floats). Never raises: a row that cannot be stored is rejected.
    """
    if not isinstance(raw, dict):
        return reject("not_an_object", raw)
    if flaw := _flaw(raw):
        return reject(flaw, raw)
    fields = dict(raw)
    values = {column.name: column.take(fields) for column in COLUMNS}
    for column, word in ((MESSAGE_ID, "message_id"), (PHONE, "phone")):
        if values[column.name] is None:
            return reject(f"{word}_{_why_no_key(column, raw)}", raw)
    _take_cost(values, fields)
    if digits_or_text(fields.get("batchNo")) == batch_no:
        del fields["batchNo"]
    extra = {name: value for name, value in fields.items() if not is_blank(value)}
    return CheckRow(**values, extra=fitting(extra, KNOWN) or None)


def reject(reason: str, raw: object) -> RejectedRow:
    """`raw` as a row that, for this reason, cannot be stored."""
    try:
        # One after the other: each is as large as the row, until it is cut.
        payload = fitting_json(as_json(raw))
        digest = _sha256(simplejson.dumps(raw, use_decimal=True, sort_keys=True))
    except RecursionError:
        payload = '"nested too deeply to be shown"'
        digest = _sha256(payload)
    return RejectedRow(reason, payload, digest)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _take_cost(values: dict[str, Any], fields: dict[str, Any]) -> None:
    """Price and currency may be in an object `cost`; whatever else it holds stays in `fields`."""
    cost = fields.get(COST)
    if not isinstance(cost, dict):
        return
    rest = dict(cost)
    for column in (PRICE, CURRENCY):
        values[column.name] = column.take(rest, values[column.name])
    fields[COST] = {name: value for name, value in rest.items() if not is_blank(value)} or None


def _why_no_key(column: Column, raw: dict[str, Any]) -> str:
    sent = next((raw[name] for name in column.vendor if not is_blank(raw.get(name))), None)
    if sent is None:
        return "missing"
    return "invalid" if digits_or_text(sent) is UNFIT else "too_long"


def _flaw(raw: dict[str, Any]) -> str | None:
    """Why not every database could keep this row: a text that some of them refuse, or nesting that is too deep."""
    waiting: list[tuple[Any, int]] = [(raw, 1)]
    while waiting:
        value, depth = waiting.pop()
        if depth > MAX_DEPTH:
            return "nested_too_deeply"
        parts = [*value, *value.values()] if isinstance(value, dict) else value
        for part in parts:
            if isinstance(part, str):
                if not part.isprintable() and not is_storable(part):
                    return "unstorable_text"
            elif isinstance(part, dict | list):
                waiting.append((part, depth + 1))
    return None
