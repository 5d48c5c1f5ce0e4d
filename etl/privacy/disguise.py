"""Rows as they are stored: an erased one says only what it cost, and a number may be a pseudonym.

Each row of the vendor is mapped right after it was read, and so is each row that is stored already when a number
is erased. Equal keys stay equal and distinct ones distinct: whatever counts and compares keys need not know.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import simplejson

from etl.core.checkrow import ERASED, CheckRow, Key, RejectedRow
from etl.core.fields import FIELDS
from etl.core.page import Page
from etl.privacy.erased import Erased, abroad
from etl.privacy.macs import Macs
from etl.scrub import scrub_foreign

ERASED_PAYLOAD = '{"erased": true}'
"""What is kept of a rejected row that holds an erased number."""
UNREADABLE_PAYLOAD = '{"scrubbed": true}'
"""What is kept of a rejected row that is cut, so that nobody knows which of its values would be numbers."""
VENDORS_KEY = ("messageId", "phone")
"""The names of a key in the payload of a row that another account holds."""
_KEPT = ("check_level", "region_code", "price", "currency")
_NUMBERS = ("national_number", "standard_number")
_TEXTS = tuple(
    field.name
    for field in FIELDS
    if field.kind in ("text", "code", "flag") and field.name not in ("message_id", "phone", *_NUMBERS)
)
_MANY_DIGITS = re.compile(r"(?:[0-9][^0-9]*){6}")
_NOBODY = CheckRow._make([None] * len(CheckRow._fields))


@dataclass(frozen=True, slots=True)
class Disguise:
    """How an account stores rows. `pseudonyms`: every number is stored as its pseudonym."""

    macs: Macs
    erased: Erased
    pseudonyms: bool = False

    # -- rows --------------------------------------------------------------------------------------------

    def row(self, row: CheckRow, date: dt.date) -> CheckRow:
        """A row of a batch day of `date` as it is stored; one that is stored already: as it should be."""
        if row.phone == ERASED:
            return row
        if self.erased.has(row.phone, date):
            return self._tombstone(row)
        return self._pseudonymous(row) if self.pseudonyms else self._without_erased(row, date)

    def key(self, key: Key, date: dt.date) -> Key:
        """The key of a row of a batch day of `date` as it is stored."""
        if self.erased.has(key[1], date):
            return self.macs.tombstone(key)
        return self.macs.pseudonymous(key) if self.pseudonyms and key[1] != ERASED else key

    def _tombstone(self, row: CheckRow) -> CheckRow:
        message_id, phone = self.macs.tombstone(row.key)
        kept = {name: getattr(row, name) for name in _KEPT}
        return _NOBODY._replace(message_id=message_id, phone=phone, **kept)

    def _pseudonymous(self, row: CheckRow) -> CheckRow:
        message_id, phone = self.macs.pseudonymous(row.key)
        changes: dict[str, Any] = {"message_id": message_id, "phone": phone} | dict.fromkeys(_NUMBERS)
        changes |= {name: scrub_foreign(text) for name, text in _telling(row)}
        if row.extra:
            changes["extra"] = scrubbed(row.extra)
        return row._replace(**changes)

    def _without_erased(self, row: CheckRow, date: dt.date) -> CheckRow:
        """The row of somebody else, whose texts may name an erased number."""
        if not self.erased:
            return row
        changes: dict[str, Any] = {}
        if any(number and self.erased.has(number, date) for number in _other_numbers(row)):
            changes = dict.fromkeys(_NUMBERS)
        for name, text in _telling(row):
            if self.erased.is_in([text], date):
                changes[name] = scrub_foreign(text)
        if row.extra and self.erased.is_in(list(texts_of(row.extra)), date):
            changes["extra"] = scrubbed(row.extra)
        return row._replace(**changes) if changes else row

    # -- what is no row ----------------------------------------------------------------------------------

    def rejected(self, row: RejectedRow, date: dt.date) -> RejectedRow:
        """A rejected row as it is kept. Its digest still tells it apart, and no longer what it was made of."""
        known = _parsed(row.payload)
        if self.erased.is_in([row.payload, *texts_of(known)], date):
            return RejectedRow(row.reason, ERASED_PAYLOAD, self.macs.digest(row.digest))
        if not self.pseudonyms:
            return row
        payload = UNREADABLE_PAYLOAD if known is None else simplejson.dumps(scrubbed(known), ensure_ascii=False)
        return RejectedRow(row.reason, payload, self.macs.digest(row.digest))

    def page(self, page: Page, date: dt.date) -> Page:
        """A page of a batch day of `date`, as it is counted and stored."""
        rows = tuple(self.row(row, date) for row in page.rows)
        names = {old.key: new.key for old, new in zip(page.rows, rows, strict=True)}
        return replace(
            page,
            rows=rows,
            rejected=tuple(self.rejected(row, date) for row in page.rejected),
            repeats={names[key]: times for key, times in page.repeats.items()},
            conflicts={names[key]: times for key, times in page.conflicts.items()},
        )


def _other_numbers(row: CheckRow) -> tuple[str | None, ...]:
    """The numbers of a row besides its phone, which the vendor may have masked."""
    return row.standard_number, abroad(row.country_code, row.national_number)


def _telling(row: CheckRow) -> Iterator[tuple[str, str]]:
    """The texts of a row that are long enough to hold a number, by their names."""
    for name in _TEXTS:
        text = getattr(row, name)
        if text is not None and may_hold_number(text):
            yield name, text


def may_hold_number(text: str) -> bool:
    """Whether a text has enough digits for a number; in a script of its own, any text may."""
    return not text.isascii() or _MANY_DIGITS.search(text) is not None


def texts_of(value: object) -> Iterator[str]:
    """The texts and numbers in a JSON value, names included."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield name
            yield from texts_of(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts_of(part)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def scrubbed(value: Any) -> Any:
    """A JSON value with the digits of every number in it masked: a number that could be a phone becomes a text."""
    if isinstance(value, dict):
        return {scrub_foreign(name): scrubbed(part) for name, part in value.items()}
    if isinstance(value, list):
        return [scrubbed(part) for part in value]
    if value is None or isinstance(value, bool):
        return value
    masked = scrub_foreign(text := str(value))
    return value if masked == text else masked


def _parsed(payload: str) -> Any:
    """The JSON of a rejected row; None where it was cut."""
    try:
        return simplejson.loads(payload, use_decimal=True)
    except (ValueError, RecursionError):
        return None


def held_key(payload: str) -> Key | None:
    """The key in the payload of a row that another account holds, as etl/store/rejected.py writes it."""
    known = _parsed(payload)
    if not isinstance(known, dict):
        return None
    key = tuple(map(known.get, VENDORS_KEY))
    return (key[0], key[1]) if isinstance(key[0], str) and isinstance(key[1], str) else None
