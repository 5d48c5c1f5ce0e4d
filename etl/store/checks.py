"""Writes the rows of pages, in the caller's transaction, which also holds the changes to the ledger."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import astuple, dataclass
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from etl.core.checkrow import CheckRow, Key
from etl.core.fields import FIELDS, of_part
from etl.core.page import Page
from etl.core.steps import Listed
from etl.database.keys import having_keys
from etl.database.upsert import Rows, upsert
from etl.schema.tables import KEY, batch_day, call_result, carrier, hlr_result, number_check, repeated_key
from etl.store.awaited import Waiting
from etl.store.lookups import Lookups
from etl.store.rejected import Rejections
from etl.store.sightings import Sightings

HLR = tuple(field.name for field in of_part("hlr"))
CALL = tuple(field.name for field in of_part("call"))
_FIELDS = CheckRow._fields
CHECK = tuple(c.name for c in number_check.c if c.name in _FIELDS and c.name not in KEY)
# An older answer may arrive last, so a blank never replaces what a check found out.
OUTCOME = frozenset(field.name for field in FIELDS if field.kept)

_CHECK, _HLR, _CALL = (
    itemgetter(*(_FIELDS.index(name) for name in (*KEY, *names))) for names in (CHECK, HLR, CALL)
)


@dataclass(slots=True)
class Stored:
    """What storing a page did. `new_keys`, `new_rejected`: how many the batch day did not have before.

    `doubtful`: rows received with a value that its column cannot take.
    """

    received: int = 0
    inserted: int = 0
    updated: int = 0
    rejected: int = 0
    new_keys: int = 0
    new_rejected: int = 0
    doubtful: int = 0

    @property
    def unchanged(self) -> int:
        """Rows that were already stored with the same content."""
        return self.received - self.inserted - self.updated - self.rejected

    def __add__(self, other: Stored) -> Stored:
        return Stored(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


def store(
    connection: sa.Connection,
    lookups: Lookups,
    day_id: int,
    page: Page,
    *,
    at_page: int | None,
    moment: dt.datetime,
    fixed: Collection[Key] = (),
) -> Stored:
    """Store a single page; the arguments are those of `Load` and `Load.add`."""
    load = Load(connection, lookups, [page], moment)
    stored = load.add(day_id, page, at_page=at_page, fixed=fixed)
    load.flush()
    return stored


class Load:
    """The pages of one transaction: each is compared with what is stored; all are written at once at the end."""

    def __init__(
        self, connection: sa.Connection, lookups: Lookups, pages: Iterable[Page], moment: dt.datetime
    ) -> None:
        """`pages`: all that will be added. `moment`: when their rows count as first seen or as changed."""
        rows = [row for page in pages for row in page.rows]
        self._connection = connection
        self._lookups = lookups
        self._moment = moment
        self._held = _held(connection, {row.key for row in rows})
        self._written: set[Key] = set()
        self._doubts: Counter[int] = Counter()
        self._sightings = Sightings(connection)
        self._rejections = Rejections(connection, moment)
        awaited = [key for key, (_, row) in self._held.items() if row.awaits_outcome]
        self._waiting = Waiting(connection, awaited, moment)

    def add(self, day_id: int, page: Page, *, at_page: int | None, fixed: Collection[Key] = ()) -> Stored:
        """Take in a page's rows, and return what that changes.

        `at_page`: the number of the page; None if it is not a page of the whole batch day. `fixed`: keys under
        which the vendor lists several rows; the stored row stays, or else the rejected one would replace it.
        """
        inserted = updated = 0
        elsewhere = []
        for row in page.rows:
            key = row.key
            held_day, held = self._held.get(key, (day_id, None))
            if held is None:
                inserted += 1
                self._take(key, day_id, row)
            elif row != held and key not in fixed and (merged := _merge(held, row)) != held:
                updated += 1
                self._take(key, held_day, merged)
            if held_day != day_id:
                elsewhere.append(key)
        self._waiting.note(day_id, (self._held[row.key][1] for row in page.rows), page, at_page)
        return Stored(
            page.received,
            inserted,
            updated,
            len(page.rejected),
            inserted + self._sightings.add(day_id, elsewhere),
            self._rejections.add(day_id, page.rejected, at_page or page.number),
            sum(row.is_doubtful for row in page.rows),
        )

    def _take(self, key: Key, day_id: int, row: CheckRow) -> None:
        before = self._held.get(key)
        self._doubts[day_id] += row.is_doubtful - (before is not None and before[1].is_doubtful)
        self._held[key] = (day_id, row)
        self._written.add(key)

    def flush(self) -> None:
        """Write what is new or changed."""
        # In a fixed order, and lookups first: otherwise two accounts with the same codes or keys block each other.
        rows = [self._held[key] for key in sorted(self._written)]
        self._lookups.ensure(self._connection, [row for _, row in rows])
        checks = [(*_CHECK(row), self._lookups.carrier_id(row.carrier), day_id) for day_id, row in rows]
        self._upsert(
            number_check,
            (*KEY, *CHECK, "carrier_id", "batch_day_id"),
            checks,
            same={"first_seen_at": self._moment, "last_changed_at": self._moment},
            fixed=("batch_day_id", "first_seen_at"),
        )
        for table, names, values_of in ((hlr_result, HLR, _HLR), (call_result, CALL, _CALL)):
            results, nothing = (values_of(row) for _, row in rows), (None,) * len(names)
            self._upsert(table, (*KEY, *names), [values for values in results if values[2:] != nothing])
        if doubts := [{"day_id": day_id, "more": more} for day_id, more in sorted(self._doubts.items()) if more]:
            self._connection.execute(_DOUBT, doubts)
        self._sightings.flush()
        self._rejections.flush()
        self._waiting.flush()

    def _upsert(self, table: sa.Table, columns: Sequence[str], rows: Rows, **options: Any) -> None:
        upsert(self._connection, table, columns, rows, keep={"carrier_id", *OUTCOME}, **options)


_DOUBT = (
    sa.update(batch_day)
    .where(batch_day.c.batch_day_id == sa.bindparam("day_id"))
    .values(doubtful_rows=batch_day.c.doubtful_rows + sa.bindparam("more"))
)


def listed(connection: sa.Connection, day_id: int) -> dict[Key, Listed]:
    """The keys known to be listed more than once in this batch day, and how often beyond the first time."""
    table = repeated_key
    query = sa.select(table.c.message_id, table.c.phone, table.c.repeats, table.c.conflicts)
    found = connection.execute(query.where(table.c.batch_day_id == day_id))
    return {(row.message_id, row.phone): Listed(row.repeats, row.conflicts) for row in found}


def note_listed(connection: sa.Connection, day_id: int, key: Key, now: Listed) -> int:
    """Save how often a key is listed beyond the first time; returns by how many its repeats have changed."""
    before = listed(connection, day_id).get(key, Listed(0, 0))
    if now != before:
        upsert(connection, repeated_key, ("batch_day_id", *KEY, *Listed._fields), [(day_id, *key, *now)])
    return now.repeats - before.repeats


def _held(connection: sa.Connection, keys: Collection[Key]) -> dict[Key, tuple[int, CheckRow]]:
    """The rows stored under these keys, each with the number of the batch day under which it was first seen."""
    found = having_keys(connection, _HELD, number_check, keys)
    return {(row[1], row[2]): (row[0], CheckRow._make(row[1:])) for row in found}


def _select_held() -> sa.Select[Any]:
    columns = {c.name: c for table in (call_result, hlr_result, number_check) for c in table.c}
    columns["carrier"] = carrier.c.name
    joined = number_check.outerjoin(carrier).outerjoin(
        hlr_result, sa.and_(*(hlr_result.c[name] == number_check.c[name] for name in KEY))
    )
    joined = joined.outerjoin(call_result, sa.and_(*(call_result.c[name] == number_check.c[name] for name in KEY)))
    return sa.select(number_check.c.batch_day_id, *(columns[name] for name in _FIELDS)).select_from(joined)


_HELD = _select_held()


def _merge(old: CheckRow, new: CheckRow) -> CheckRow:
    """The row as the vendor sent it last, except for outcomes that it leaves blank."""
    pairs = zip(_FIELDS, old, new, strict=True)
    return CheckRow._make(before if after is None and name in OUTCOME else after for name, before, after in pairs)
