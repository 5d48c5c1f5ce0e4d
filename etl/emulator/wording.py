"""The two wordings in which the vendor describes the same row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from etl.core.fields import FIELDS

Wording = Literal["page", "newer"]

NEWER_NAMES = {field.page: field.newer for field in FIELDS if field.newer}
VARIED_NAMES = {field.newer or field.page: field.varied for field in FIELDS if field.varied}
NEWER_ONLY = frozenset(field.page for field in FIELDS if field.newer_only)
PHONE_FIELDS = tuple(field.page for field in FIELDS if field.holds_phone == "always")
MOBILE = 2


def shown(fields: Mapping[str, Any], wording: Wording, masked: bool = False) -> dict[str, Any]:
    """A row under the names of that wording, with its phone numbers masked if `masked`."""
    row = newer(fields) if wording == "newer" else page(fields)
    return {**row, **_masks(row)} if masked else row


def page(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A row without the fields that only the newer wording has."""
    return {name: value for name, value in fields.items() if name not in NEWER_ONLY}


def newer(fields: Mapping[str, Any]) -> dict[str, Any]:
    row = {NEWER_NAMES.get(name, name): value for name, value in fields.items()}
    if "numberType" in fields:
        row["numberType"] = _number_type(fields)
    return _vary(row)


def _number_type(fields: Mapping[str, Any]) -> Any:
    number_type = fields["numberType"]
    if fields.get("preCheck") == "NO":
        return "invalid"
    if not isinstance(number_type, int):
        return number_type
    return "mobile" if number_type == MOBILE else "others"


def _vary(row: dict[str, Any]) -> dict[str, Any]:
    """Revisions of the newer pages differ: the phone's last digit decides which of them a row follows."""
    if "price" in row or "currency" in row:
        row["cost"] = {name: row[name] for name in ("price", "currency") if name in row}
    if str(row.get("phone", ""))[-1:] in ("1", "3", "5", "7", "9"):
        row |= {varied: row.pop(name) for name, varied in VARIED_NAMES.items() if name in row}
        row.pop("price", None)
        row.pop("currency", None)
    return row


def _masks(fields: Mapping[str, Any]) -> dict[str, str]:
    """The masked numbers of a row: four digits of each stay, two of the national format."""
    kept = {
        name: str(fields[name])[: 2 if name == "nationalNumber" else 4]
        for name in PHONE_FIELDS
        if fields.get(name)
    }
    return {name: start + "****" for name, start in kept.items()}
