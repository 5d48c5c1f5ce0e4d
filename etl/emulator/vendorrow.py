"""One row as the vendor keeps it, and a batch day made of such rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from etl.core.fields import FIELDS

OUTCOME_FIELDS = frozenset(field.page for field in FIELDS if field.part != "check")
"""What a check finds out; blank until then."""


@dataclass(slots=True)
class VendorRow:
    """A row in the names of the vendor's page, and when it is listed.

    `fields` may hold anything that JSON can say, prices as `Decimal`. The times are aware moments of
    virtual time: not listed before `appears_at` nor from `gone_at` on; the outcome is blank before
    `resolves_at`. None: always listed, resolved from the start, never gone.
    """

    fields: dict[str, Any]
    appears_at: dt.datetime | None = None
    resolves_at: dt.datetime | None = None
    gone_at: dt.datetime | None = None

    def listed(self, now: dt.datetime) -> bool:
        appeared = self.appears_at is None or self.appears_at <= now
        return appeared and (self.gone_at is None or now < self.gone_at)

    def at(self, now: dt.datetime) -> dict[str, Any]:
        """The fields as they are known at that moment."""
        if self.resolves_at is None or self.resolves_at <= now:
            return self.fields
        return {name: "" if name in OUTCOME_FIELDS else value for name, value in self.fields.items()}


class Day(Protocol):
    """The rows of one batch on one date, numbered by age: 0 is the oldest."""

    @property
    def name(self) -> str:
        """Tells one batch day from another; the hash order depends on it."""

    def __len__(self) -> int: ...

    def row(self, index: int) -> VendorRow: ...

    def phone(self, index: int) -> object: ...

    def visible(self, now: dt.datetime) -> Sequence[int]:
        """The indexes of the rows listed at that moment, oldest first; a range where they are the first n."""

    def find(self, message_id: str) -> Sequence[int]: ...


@dataclass(slots=True)
class ListedDay:
    """A batch day whose rows are given one by one."""

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
