"""Whether a row of v_number_check says what the vendor sent, in every field and under any of its names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from etl.core.fields import FIELDS

COLUMNS = {name: field.name for field in FIELDS for name in field.vendor}
PRICES = {name for field in FIELDS if field.kind == "price" for name in field.vendor}

Sent = Mapping[str, Any]
Row = Mapping[str, Any]


def differing(sent: Sent, row: Row, batch_no: str) -> list[str]:
    """The vendor's names of the fields for which the row says something else, or nothing.

    `sent`: a row of the vendor's answer about `batch_no`, in any wording; its blank fields are ignored.
    """
    extra = row["extra"] or {}
    extra = json.loads(extra, parse_float=Decimal) if isinstance(extra, str) else extra
    filled = dict(_filled(sent))
    if filled.pop("batchNo", batch_no) != batch_no:
        return ["batchNo"]
    return [name for name, value in filled.items() if not _says(row, extra, name, value)]


def _filled(sent: Sent) -> Iterator[tuple[str, Any]]:
    """The fields that are not blank; those inside the object `cost` count as if they were beside it."""
    for name, value in sent.items():
        if name == "cost" and isinstance(value, dict):
            yield from _filled(value)
        elif value not in (None, ""):
            yield name, value


def _says(row: Row, extra: Mapping[str, Any], name: str, value: Any) -> bool:
    if name not in COLUMNS:  # a field without a column must not be lost either
        return name in extra and plain(extra[name]) == plain(value)
    if name == "numberType":
        return _number_type(row, str(value))
    stored = row[COLUMNS[name]]
    return plain(Decimal(stored) if name in PRICES and stored is not None else stored) == plain(value)


def _number_type(row: Row, value: str) -> bool:
    """The view has the vendor's integer in a column of its own, and one vocabulary of words for both wordings."""
    code = int(value) if value.isdigit() else None
    return row["number_type"] == code and (row["number_type_name"] == value if code is None else True)


def plain(value: Any) -> str:
    """A value as text: amounts in the shortest notation, and YES, NO, UNKNOWN in upper case."""
    if isinstance(value, Decimal | float):
        return format(Decimal(value).normalize(), "f")
    text = str(value)
    return text.upper() if text.upper() in ("YES", "NO", "UNKNOWN") else text
