"""Codes and names that checks refer to. An unknown code is added when it is first seen, and named as unknown."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from etl.core.checkrow import CheckRow
from etl.core.fields import FIELDS
from etl.database.sql import chunks, insert_missing_shared
from etl.schema.tables import carrier, metadata, number_type

MANY_CODES = 100
"""More new codes and carriers in one run than this are worth a warning; so says deploy/prometheus/alerts.yml."""

MANY_NEW = (
    "This run has added more than %d codes and carriers that were never seen before. In a first run that may be"
    " right; otherwise the vendor, or what answers in its place, sends nonsense. Remedy: look at the regions,"
    " carriers and currencies in v_number_check. Once such rows were read again as they should be, `numbercheck db"
    " tidy` removes what nothing refers to."
)

log = logging.getLogger(__name__)


def _line(table: sa.Table, code: Any) -> dict[str, Any]:
    """A new row of a lookup table for a code that it does not have."""
    if table is number_type:
        return _number_type(code)
    return {"code": code} | ({"name": f"Unknown ({code})"} if "name" in table.c else {})


def _number_type(value: str) -> dict[str, Any]:
    number = int(value) if value.isascii() and value.isdigit() and len(value) < 9 else None
    return {"vendor_value": value, "code": number, "name": value if number is None else f"unknown_{number}"}


LOOKUPS = tuple(
    (metadata.tables[field.lookup], field.name) for field in FIELDS if field.lookup not in ("", carrier.name)
)
"""Lookups whose key is the vendor's code, each with the field that holds it. Carriers have numbers instead."""


class Lookups:
    """The contents of the lookup tables, read once for each run and kept up to date with what this run adds.

    An addition is part of the transaction that needs it: if the transaction fails, so does the run. `added`: how
    many this run has added to all of them.
    """

    def __init__(self) -> None:
        self.added = 0
        self._known: dict[str, set[Any]] = {}
        self._carriers: dict[str, int] = {}

    def ensure(self, connection: sa.Connection, rows: Iterable[CheckRow]) -> None:
        """Add the codes of `rows` that are still missing."""
        column = dict(zip(CheckRow._fields, zip(*rows, strict=True), strict=False))
        for table, name in LOOKUPS:
            known = self._codes(connection, table)
            new = set(column.get(name, ())) - known - {None}
            insert_missing_shared(connection, table, [_line(table, code) for code in sorted(new)])
            known |= new
            self._count(len(new))
        self._ensure_carriers(connection, set(column.get("carrier", ())) - {None})

    def carrier_id(self, name: str | None) -> int | None:
        """The number of a carrier that was passed to `ensure`."""
        return None if name is None else self._carriers[name]

    def _codes(self, connection: sa.Connection, table: sa.Table) -> set[Any]:
        if table.name not in self._known:
            key = next(iter(table.primary_key))
            self._known[table.name] = set(connection.execute(sa.select(key)).scalars())
        return self._known[table.name]

    def _ensure_carriers(self, connection: sa.Connection, names: set[str]) -> None:
        self._read_carriers(connection, names - self._carriers.keys())
        new = names - self._carriers.keys()
        insert_missing_shared(connection, carrier, [{"name": name} for name in sorted(new)])
        self._read_carriers(connection, new)
        self._count(len(new))

    def _count(self, new: int) -> None:
        """Warn once where a run adds far more than a vendor has."""
        before, self.added = self.added, self.added + new
        if before <= MANY_CODES < self.added:
            log.warning(MANY_NEW, MANY_CODES)

    def _read_carriers(self, connection: sa.Connection, names: set[str]) -> None:
        for some in chunks(names):
            found = sa.select(carrier.c.name, carrier.c.carrier_id).where(carrier.c.name.in_(some))
            self._carriers |= {row.name: row.carrier_id for row in connection.execute(found)}
