"""Codes and names that checks refer to. An unknown code is added when it is first seen, and named as unknown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from etl.core.checkrow import CheckRow
from etl.core.fields import FIELDS
from etl.database.sql import insert_missing_shared
from etl.schema.tables import carrier, metadata, number_type


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

    An addition is part of the transaction that needs it: if the transaction fails, so does the run.
    """

    def __init__(self) -> None:
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

    def _read_carriers(self, connection: sa.Connection, names: set[str]) -> None:
        if names:
            found = sa.select(carrier.c.name, carrier.c.carrier_id).where(carrier.c.name.in_(names))
            self._carriers |= {row.name: row.carrier_id for row in connection.execute(found)}
