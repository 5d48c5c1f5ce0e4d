"""Writes the rows of pages. The caller's transaction holds the ledger's lines about them as well.

A row is only ever changed by the account that stored it first. What another account is answered under the same key
is kept as rejected. Two accounts may meet in the middle of their transactions: so new rows are written before
anything is counted, and the one that comes second learns that it did.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from etl.core.checkrow import CheckRow, Key
from etl.core.fields import FIELDS, of_part
from etl.core.page import Page
from etl.core.steps import Listed
from etl.database.keys import having_keys
from etl.database.sql import chunks
from etl.database.upsert import Rows, insert_all, upsert
from etl.errors import TryLater
from etl.schema.tables import (
    KEY,
    batch,
    batch_day,
    call_result,
    carrier,
    hlr_result,
    number_check,
    repeated_key,
)
from etl.store.awaited import Waiting
from etl.store.lookups import Lookups
from etl.store.rejected import Rejections, held_by_another
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


_COLUMNS = (*KEY, *CHECK, "carrier_id", "batch_day_id")


@dataclass(slots=True)
class Stored:
    """What storing a page did. `new_…`: what this batch day did not have before.

    `new_elsewhere`: rows that another account holds; they are rejected as well, but told apart by their keys.
    `doubtful`: rows received with a value that its column cannot take, without those that were rejected.
    """

    received: int = 0
    inserted: int = 0
    updated: int = 0
    rejected: int = 0
    new_keys: int = 0
    new_rejected: int = 0
    new_elsewhere: int = 0
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
    """Store one page by itself; the arguments are those of `Load` and of `Load.add`."""
    load = Load(connection, lookups, [(day_id, page)], moment)
    stored = load.add(day_id, page, at_page=at_page, fixed=fixed)
    load.flush()
    return stored


class Load:
    """The pages of one transaction: compared with what is held, page by page, and written.

    New rows are written at once, so that nobody else can hold them; everything else by `flush`.
    """

    def __init__(
        self,
        connection: sa.Connection,
        lookups: Lookups,
        answers: Collection[tuple[int, Page]],
        moment: dt.datetime,
    ) -> None:
        """`answers`: all that will be added, in this order, each with its batch day. `moment`: when their rows are
        first seen or changed."""
        rows = [row for _, page in answers for row in page.rows]
        self._connection = connection
        self._lookups = lookups
        self._moment = moment
        self._held = _held(connection, {row.key for row in rows})
        self._doubts: Counter[int] = Counter()
        awaited = [key for key, (_, row) in self._held.items() if row.awaits_outcome]
        self._waiting = Waiting(connection, awaited, moment)
        self._sightings = Sightings(connection)
        self._rejections = Rejections(connection, moment)
        # In one order, and lookups first: else two accounts that meet the same codes or keys block each other.
        self._ensure(row for row in rows if row.key not in self._held or row != self._held[row.key][1])
        self._new = self._insert_new(answers)
        self._uncounted = set(self._new)
        self._changed: set[Key] = set()
        days = {day_id for day_id, _ in answers} | {day_id for day_id, _ in self._held.values()}
        self._holders = _holders(connection, days)

    def _ensure(self, rows: Iterable[CheckRow]) -> None:
        self._lookups.ensure(self._connection, list(rows))

    def _insert_new(self, answers: Iterable[tuple[int, Page]]) -> set[Key]:
        """Write the rows that nobody holds. Their keys; the rows are held from now on."""
        own = {day_id for day_id, _ in answers}
        new: dict[Key, tuple[int, CheckRow]] = {}
        for day_id, page in answers:
            for row in page.rows:
                if row.key not in self._held:
                    new.setdefault(row.key, (day_id, row))
        left = new
        while left and not self._insert(left):
            found = _held(self._connection, left.keys())
            if not found:
                raise TryLater("Another account stores the same rows. The next run goes on from here.")
            self._held |= {key: line for key, line in found.items() if line[0] not in own}
            left = {key: line for key, line in left.items() if key not in found}
        new = {key: line for key, line in new.items() if key not in self._held}
        self._held |= new
        return set(new)

    def _insert(self, held: Mapping[Key, tuple[int, CheckRow]]) -> bool:
        checks = self._checks(held, held)
        return insert_all(self._connection, number_check, _COLUMNS, checks, same=self._moments)

    @property
    def _moments(self) -> dict[str, dt.datetime]:
        return {"first_seen_at": self._moment, "last_changed_at": self._moment}

    def _checks(self, keys: Iterable[Key], held: Mapping[Key, tuple[int, CheckRow]]) -> Rows:
        rows = [held[key] for key in sorted(keys)]
        return [(*_CHECK(row), self._lookups.carrier_id(row.carrier), day_id) for day_id, row in rows]

    def marked(self, day_id: int, page: Page) -> Page:
        """The page, with the keys of those of its rows that another account holds."""
        elsewhere = frozenset(row.key for row in self._elsewhere(day_id, page))
        return replace(page, elsewhere=elsewhere) if elsewhere else page

    def _elsewhere(self, day_id: int, page: Page) -> list[CheckRow]:
        """The rows of a page that another account holds; nearly always none."""
        if len(set(self._holders.values())) == 1:
            return []
        mine = self._holders[day_id]
        return [row for row in page.rows if self._holders[self._held[row.key][0]] != mine]

    def add(self, day_id: int, page: Page, *, at_page: int | None, fixed: Collection[Key] = ()) -> Stored:
        """Take in a page's rows, and return what that changes.

        `at_page`: the number of the page; None if it is not a page of the whole batch day. `fixed`: keys under
        which the vendor lists several rows; the stored row stays, or else the rejected one would replace it.
        """
        theirs = self._elsewhere(day_id, page)
        keys = {row.key for row in theirs}
        own = [row for row in page.rows if row.key not in keys] if keys else page.rows
        stored = self._add(day_id, own, fixed)
        self._waiting.note(day_id, (self._held[row.key][1] for row in own), page, at_page)
        stored.received, stored.rejected = page.received, len(page.rejected)
        stored.new_rejected = self._rejections.add(day_id, page.rejected, at_page or page.number)
        if theirs:
            stored.rejected += len(theirs)
            stored.new_keys -= self._sightings.take_back(day_id, [row.key for row in theirs])
            rejected = map(held_by_another, theirs)
            stored.new_elsewhere = self._rejections.add(day_id, rejected, at_page or page.number)
        return stored

    def _add(self, day_id: int, rows: Iterable[CheckRow], fixed: Collection[Key]) -> Stored:
        stored, elsewhere = Stored(), []
        for row in rows:
            key = row.key
            stored.doubtful += row.is_doubtful
            held_day, held = self._held[key]
            if key in self._uncounted:
                stored.inserted += 1
                self._uncounted.remove(key)
                self._doubts[held_day] += held.is_doubtful
            elif row != held and key not in fixed and (merged := _merge(held, row)) != held:
                stored.updated += 1
                self._held[key] = (held_day, merged)
                self._changed.add(key)
                self._doubts[held_day] += merged.is_doubtful - held.is_doubtful
            if held_day != day_id:
                elsewhere.append(key)
        stored.new_keys = stored.inserted + self._sightings.add(day_id, elsewhere)
        return stored

    def flush(self) -> None:
        """Write what is new or changed."""
        # Once more, because a changed row keeps codes of the old one, which may not have been looked at.
        self._ensure(self._held[key][1] for key in self._changed)
        changed = self._checks(self._changed, self._held)
        self._upsert(number_check, _COLUMNS, changed, same=self._moments, fixed=("batch_day_id", "first_seen_at"))
        rows = [self._held[key][1] for key in sorted(self._changed | self._new)]
        for table, names, values_of in ((hlr_result, HLR, _HLR), (call_result, CALL, _CALL)):
            results, nothing = map(values_of, rows), (None,) * len(names)
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


def _holders(connection: sa.Connection, days: Collection[int]) -> dict[int, int]:
    """The account of each of these batch days; where there is only one, nobody needs to know."""
    if len(days) < 2:
        return dict.fromkeys(days, 0)
    query = sa.select(batch_day.c.batch_day_id, batch.c.account_id).join_from(batch_day, batch)
    return dict(_in_chunks(connection, query, days))


def _in_chunks(
    connection: sa.Connection, query: sa.Select[Any], days: Collection[int]
) -> Iterator[tuple[int, int]]:
    for some in chunks(days):
        yield from map(tuple, connection.execute(query.where(batch_day.c.batch_day_id.in_(some))))


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
