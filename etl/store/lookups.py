"""Codes and names that checks refer to. An unknown code is added when it is first seen, and named as unknown."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from etl.core.checkrow import CheckRow
from etl.core.fields import FIELDS
from etl.database.sql import chunks, insert_missing_shared
from etl.database.upsert import insert_all
from etl.schema.tables import SHARED, carrier, category, metadata, number_type

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

Codes = tuple[Any, ...]
"""The values of a row in the fields that have a lookup, in the order of SHARED; the carrier by its name."""
NAMES = tuple(field.name for field in SHARED)
codes_of: Callable[[CheckRow], Codes] = itemgetter(*(CheckRow._fields.index(name) for name in NAMES))
_OUTSIDE = {name: itemgetter(CheckRow._fields.index(name)) for _, name in LOOKUPS if name not in NAMES}
_COLUMNS = tuple(c.name for c in category.c if c is not category.c.category_id)
_CARRIER = NAMES.index("carrier")


def combination(codes: Iterable[Any]) -> str:
    """Values (the carrier by its number) as one text, which differs where they do. So does the migration that
    filled the table: a NULL is equal to no other NULL, so a unique key over the columns would not be one."""
    texts = ("" if value is None else str(value) for value in codes)
    return "|".join(text.replace("~", "~0").replace("|", "~1") for text in texts)


class Lookups:
    """The contents of the lookup tables, read once for each run and kept up to date with what this run adds.

    An addition is part of the transaction that needs it: if the transaction fails, so does the run. `added`: how
    many codes and carriers this run has added to all of them.
    """

    def __init__(self) -> None:
        self.added = 0
        self._known: dict[str, set[Any]] = {}
        self._carriers: dict[str, int] = {}
        self._categories: dict[Codes, int] = {}
        self._codes_of: dict[int, Codes] = {}
        self._may_wait: dict[int, bool] = {}

    def ensure(self, connection: sa.Connection, rows: Collection[CheckRow]) -> None:
        """Add the codes of `rows` that are still missing, and their combinations."""
        new = set(map(codes_of, rows)) - self._categories.keys()
        values = {name: {codes[place] for codes in new} - {None} for place, name in enumerate(NAMES)}
        values |= {name: set(map(value_of, rows)) - {None} for name, value_of in _OUTSIDE.items()}
        for table, name in LOOKUPS:
            self._ensure_codes(connection, table, values[name])
        self._ensure_carriers(connection, values["carrier"])
        self._ensure_categories(connection, new)

    def category_id(self, codes: Codes) -> int:
        """The number of a combination that was passed to `ensure`, or read by `read_categories`."""
        return self._categories[codes]

    def codes(self, category_id: int) -> Codes:
        """The combination of a number that was passed to `read_categories`."""
        return self._codes_of[category_id]

    def may_wait(self, category_id: int) -> bool:
        """Whether a check of this category waits for an outcome as long as it has no results."""
        if category_id not in self._may_wait:
            codes = dict(zip(NAMES, self._codes_of[category_id], strict=True))
            self._may_wait[category_id] = CheckRow._make(map(codes.get, CheckRow._fields)).awaits_outcome
        return self._may_wait[category_id]

    def read_categories(self, connection: sa.Connection, numbers: set[int]) -> None:
        """Read the combinations of these numbers, as far as they are not known yet."""
        self._find(connection, category.c.category_id, numbers - self._codes_of.keys())

    def _ensure_codes(self, connection: sa.Connection, table: sa.Table, codes: set[Any]) -> None:
        if not codes:
            return
        if table.name not in self._known:
            key = next(iter(table.primary_key))
            self._known[table.name] = set(connection.execute(sa.select(key)).scalars())
        new = codes - self._known[table.name]
        insert_missing_shared(connection, table, [_line(table, code) for code in sorted(new)])
        self._known[table.name] |= new
        self._count(len(new))

    def _ensure_carriers(self, connection: sa.Connection, names: set[str]) -> None:
        self._read_carriers(connection, names - self._carriers.keys())
        new = names - self._carriers.keys()
        insert_missing_shared(connection, carrier, [{"name": name} for name in sorted(new)])
        self._read_carriers(connection, new)
        self._count(len(new))

    def _ensure_categories(self, connection: sa.Connection, new: set[Codes]) -> None:
        """Add these combinations. In one order, like everything that several accounts may add at once."""
        lines = {codes: self._numbered(codes) for codes in new}
        self._find(connection, category.c.combination, [line[-1] for line in lines.values()])
        missing = sorted((lines[codes] for codes in new - self._categories.keys()), key=itemgetter(-1))
        if not insert_all(connection, category, _COLUMNS, missing, same={}):
            # Another account adds some of them at this moment.
            insert_missing_shared(
                connection, category, [dict(zip(_COLUMNS, line, strict=True)) for line in missing]
            )
        self._find(connection, category.c.combination, [line[-1] for line in missing])

    def _numbered(self, codes: Codes) -> Codes:
        """The values of a line of `category`: with the carrier's number, and the combination at the end."""
        name = codes[_CARRIER]
        number = None if name is None else self._carriers[name]
        values = (*codes[:_CARRIER], number, *codes[_CARRIER + 1 :])
        return (*values, combination(values))

    def _find(self, connection: sa.Connection, column: sa.Column[Any], wanted: Collection[Any]) -> None:
        for some in chunks(wanted):
            for number, *codes in connection.execute(_CATEGORIES.where(column.in_(some))):
                self._categories[tuple(codes)] = number
                self._codes_of[number] = tuple(codes)

    def _count(self, new: int) -> None:
        """Warn once where a run adds far more than a vendor has."""
        before, self.added = self.added, self.added + new
        if before <= MANY_CODES < self.added:
            log.warning(MANY_NEW, MANY_CODES)

    def _read_carriers(self, connection: sa.Connection, names: set[str]) -> None:
        for some in chunks(names):
            found = sa.select(carrier.c.name, carrier.c.carrier_id).where(carrier.c.name.in_(some))
            self._carriers |= {row.name: row.carrier_id for row in connection.execute(found)}


def _select_categories() -> sa.Select[Any]:
    columns = (carrier.c.name if field.lookup == carrier.name else category.c[field.name] for field in SHARED)
    return sa.select(category.c.category_id, *columns).select_from(category.outerjoin(carrier))


_CATEGORIES = _select_categories()
