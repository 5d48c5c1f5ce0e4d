"""One row as the vendor keeps it, and a batch day that consists of such rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from etl.core.fields import FIELDS

OUTCOME_FIELDS = frozenset(field.page for field in FIELDS if field.part != "check")
"""The fields that a check finds out; they are blank until it has."""


@dataclass(slots=True)
class VendorRow:
    """A row under the names of the vendor's page, and when it is listed.

    `fields` may hold any JSON, with prices as `Decimal`. The times are aware and in virtual time: the row is
    listed from `appears_at` until `gone_at`, and its outcome is blank before `resolves_at`. None: it is listed
    from the start, never disappears, or is resolved from the start.
    """

    fields: dict[str, Any]
    appears_at: dt.datetime | None = None
    resolves_at: dt.datetime | None = None
    gone_at: dt.datetime | None = None

    def listed(self, now: dt.datetime) -> bool:
        appeared = self.appears_at is None or self.appears_at <= now
        return appeared and (self.gone_at is None or now < self.gone_at)

    def at(self, now: dt.datetime) -> dict[str, Any]:
        """The fields as they are at that moment."""
        if self.resolves_at is None or self.resolves_at <= now:
            return self.fields
        return {name: "" if name in OUTCOME_FIELDS else value for name, value in self.fields.items()}


class Day(Protocol):
    """The rows of one batch on one date, numbered by age: 0 is the oldest."""

    @property
    def name(self) -> str:
        """Identifies the batch day; the hash order depends on it."""

    def __len__(self) -> int: ...

    def row(self, index: int) -> VendorRow: ...

    def phone(self, index: int) -> object: ...

    def visible(self, now: dt.datetime) -> Sequence[int]:
        """The indexes of the rows listed at that moment, oldest first; a range if they are the first n."""

    def find(self, message_id: str) -> Sequence[int]: ...


@dataclass(slots=True)
class ListedDay:
    """A batch day whose rows are added one by one."""

    name: str
    rows: list[VendorRow] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rows)

    def row(self, index: int) -> VendorRow:
        return self.rows[index]

    def phone(self, index: int) -> object:
        return self.rows[index].fields.get("phone")

    def visible(self, now: dt.datetime) -> Sequence[int]:
        indexes = [index for index, row in enumerate(self.rows) if row.listed(now)]
        return range(len(indexes)) if not indexes or indexes[-1] == len(indexes) - 1 else indexes

    def find(self, message_id: str) -> Sequence[int]:
        return [index for index, row in enumerate(self.rows) if row.fields.get("messageId") == message_id]
