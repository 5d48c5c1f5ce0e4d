"""Writes the rows of pages. The caller's transaction holds the ledger's lines about them as well.

A row is only ever changed by the account that stored it first. What another account is answered under the same key
is kept as rejected. Two accounts may meet in the middle of their transactions: so new rows are written before
anything is counted, and the one that comes second learns that it did.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from operator import add, attrgetter, itemgetter
from typing import Any

import sqlalchemy as sa

from etl.core.checkrow import CheckRow, Key
from etl.core.fields import FIELDS
from etl.core.page import Page
from etl.core.steps import Listed
from etl.database.keys import having_keys_for_driver
from etl.database.sql import chunks
from etl.database.upsert import insert_all, insert_unheld, upsert
from etl.database.values import DriverRow, from_driver, rows_for_driver
from etl.errors import TryLater
from etl.schema.tables import KEY, OWN_FIELDS, batch, batch_day, number_check, repeated_key
from etl.store import versions
from etl.store.awaited import Waiting
from etl.store.lookups import NAMES, Lookups, codes_of
from etl.store.rejected import Rejections, held_by_another
from etl.store.sightings import Sightings

Values = Callable[[tuple[Any, ...]], tuple[Any, ...]]

_FIELDS = CheckRow._fields
_OWN = (*(field.name for field in OWN_FIELDS), "extra")
_CONTENT = (*_OWN, "category_id")
"""What number_check holds of a row of the vendor. Its key comes first."""
_COLUMNS = (*_CONTENT, "batch_day_id")
# An older answer may arrive last, so a blank never replaces what a check found out.
OUTCOME = frozenset(field.name for field in FIELDS if field.kept)
_KEPT = OUTCOME.intersection(_OWN)

_key_of: Callable[[DriverRow], Key] = itemgetter(0, 1)
_own_of: Values = itemgetter(*map(_FIELDS.index, _OWN))
_row_of: Values = itemgetter(*map((*NAMES, *_CONTENT).index, _FIELDS))  # of the codes and the content behind them
_results_of: Values = itemgetter(*(_CONTENT.index(field.name) for field in OWN_FIELDS if field.settles))


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
        return Stored(*map(add, _figures(self), _figures(other)))


_figures = attrgetter(*(field.name for field in fields(Stored)))


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
    versions.rise(connection, load.flush())
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
        *,
        first_time: bool = False,
    ) -> None:
        """`answers`: all that will be added, in this order, each with its batch day. `moment`: when their rows are
        first seen or changed. `first_time`: whether hardly any of the rows can be held yet."""
        rows = [row for _, page in answers for row in page.rows]
        self._connection = connection
        self._lookups = lookups
        self._moment = moment
        self._python = from_driver(number_check, _CONTENT)
        # In one order, and lookups first: else two accounts that meet the same codes or keys block each other.
        lookups.ensure(connection, rows)
        arrived = self._for_driver(rows, [day_id for day_id, page in answers for _ in page.rows])
        firsts = dict(zip(map(_key_of, reversed(arrived)), reversed(arrived), strict=True))
        self._held: dict[Key, DriverRow] = {}
        self._uncounted: set[Key] = set()
        if first_time and self._insert(firsts, insert_unheld):
            self._hold_new(firsts)
        else:
            self._held = _held(connection, firsts.keys())
        own = {day_id for day_id, _ in answers}
        self._insert_new(own, {key: row for key, row in firsts.items() if key not in self._held})
        lookups.read_categories(connection, self._categories)
        self._changed: dict[Key, CheckRow] = {}
        self._doubts: Counter[int] = Counter()
        self._touched: set[int] = set()
        self._waiting = Waiting(connection, list(self._awaited()), moment)
        self._sightings = Sightings(connection)
        self._rejections = Rejections(connection, moment)
        unlike = [row for row in arrived if self._held[_key_of(row)] != row]
        self._differing = {key for row in unlike if self._held[key := _key_of(row)][:-1] != row[:-1]}
        self._holders = _holders(connection, own | {row[-1] for row in self._held.values()})

    def _for_driver(self, rows: Sequence[CheckRow], day_ids: Sequence[int]) -> Sequence[DriverRow]:
        """What number_check holds once these rows are stored as they are, each with its batch day at the end."""
        if not rows:
            return []
        categories = list(map(self._lookups.category_id, map(codes_of, rows)))
        columns = (*zip(*map(_own_of, rows), strict=True), categories, day_ids)
        return rows_for_driver(self._connection.dialect, number_check, _COLUMNS, columns)

    def _content(self, row: CheckRow) -> DriverRow:
        return (*_own_of(row), self._lookups.category_id(codes_of(row)))

    def _row(self, key: Key) -> CheckRow:
        """The row that is stored under a key, with the changes of this transaction."""
        if key in self._changed:
            return self._changed[key]
        content = self._python(self._held[key][:-1])
        return CheckRow._make(_row_of((*self._lookups.codes(content[-1]), *content)))

    @property
    def _categories(self) -> set[int]:
        return {row[-2] for row in self._held.values()}

    def _awaited(self) -> Iterator[Key]:
        """The keys of rows that were held before and have no outcome yet."""
        may_wait = set(filter(self._lookups.may_wait, self._categories))
        for key, row in self._held.items():
            blank = row[-2] in may_wait and key not in self._uncounted and not any(_results_of(row))
            if blank and self._row(key).awaits_outcome:
                yield key

    def _insert_new(self, own: Collection[int], new: dict[Key, DriverRow]) -> None:
        """Write rows that nobody held a moment ago. `own`: our batch days."""
        left = new
        while left and not self._insert(left, insert_all):
            found = _held(self._connection, left.keys())
            if not found:
                raise TryLater("Another account stores the same rows. The next run goes on from here.")
            self._held |= {key: row for key, row in found.items() if row[-1] not in own}
            left = {key: row for key, row in left.items() if key not in found}
        self._hold_new({key: row for key, row in new.items() if key not in self._held})

    def _hold_new(self, new: dict[Key, DriverRow]) -> None:
        """These were written by this transaction: `add` will count them."""
        self._held |= new
        self._uncounted |= new.keys()

    def _insert(self, new: Mapping[Key, DriverRow], how: Callable[..., bool]) -> bool:
        rows = [new[key] for key in sorted(new)]
        return how(self._connection, number_check, _COLUMNS, rows, same=self._moments)

    @property
    def _moments(self) -> dict[str, dt.datetime]:
        return {"first_seen_at": self._moment, "last_changed_at": self._moment}

    def marked(self, day_id: int, page: Page) -> Page:
        """The page, with the keys of those of its rows that another account holds."""
        elsewhere = frozenset(row.key for row in self._elsewhere(day_id, page))
        return replace(page, elsewhere=elsewhere) if elsewhere else page

    def _elsewhere(self, day_id: int, page: Page) -> list[CheckRow]:
        """The rows of a page that another account holds; nearly always none."""
        if len(set(self._holders.values())) == 1:
            return []
        mine = self._holders[day_id]
        return [row for row in page.rows if self._holders[self._held[row.key][-1]] != mine]

    def add(self, day_id: int, page: Page, *, at_page: int | None, fixed: Collection[Key] = ()) -> Stored:
        """Take in a page's rows, and return what that changes.

        `at_page`: the number of the page; None if it is not a page of the whole batch day. `fixed`: keys under
        which the vendor lists several rows; the stored row stays, or else the rejected one would replace it.
        """
        theirs = self._elsewhere(day_id, page)
        keys = {row.key for row in theirs}
        own = [row for row in page.rows if row.key not in keys] if keys else page.rows
        stored = Stored()
        self._waiting.note(day_id, [self._take(day_id, row, stored, fixed) for row in own], page, at_page)
        elsewhere = [key for row in own if self._held[key := row.key][-1] != day_id]
        further = self._sightings.add(day_id, elsewhere)
        stored.new_keys = stored.inserted + further
        stored.received, stored.rejected = page.received, len(page.rejected)
        stored.new_rejected = self._rejections.add(day_id, page.rejected, at_page or page.number)
        if theirs:
            stored.rejected += len(theirs)
            stored.new_keys -= self._sightings.take_back(day_id, [row.key for row in theirs])
            rejected = map(held_by_another, theirs)
            stored.new_elsewhere = self._rejections.add(day_id, rejected, at_page or page.number)
        if further or theirs:
            self._touched.add(day_id)
        return stored

    def _take(self, day_id: int, row: CheckRow, stored: Stored, fixed: Collection[Key]) -> CheckRow:
        """Compare a row with what is held under its key, and count it in `stored`. The row as it is now stored."""
        key = row.key
        doubtful = row.extra is not None and row.is_doubtful
        stored.doubtful += doubtful
        if key in self._uncounted:
            self._uncounted.remove(key)
            self._touched.add(self._held[key][-1])
            stored.inserted += 1
            self._doubts[self._held[key][-1]] += doubtful
            return row
        if key not in self._differing:
            return row
        held = self._row(key)
        if key in fixed or (merged := _merge(held, row)) == held:
            return held
        stored.updated += 1
        self._changed[key] = merged
        self._touched.add(self._held[key][-1])
        self._doubts[self._held[key][-1]] += merged.is_doubtful - held.is_doubtful
        return merged

    def flush(self) -> set[int]:
        """Write what is changed. Returns the batch days of which the views show something else by now: the caller
        raises their versions."""
        changed = dict(sorted(self._changed.items()))
        # Once more, because a changed row keeps codes of the old one: perhaps no row had this combination.
        self._lookups.ensure(self._connection, changed.values())
        rows = [(*self._content(row), self._held[key][-1]) for key, row in changed.items()]
        fixed = ("batch_day_id", "first_seen_at")
        upsert(self._connection, number_check, _COLUMNS, rows, same=self._moments, keep=_KEPT, fixed=fixed)
        if doubts := [{"day_id": day_id, "more": more} for day_id, more in sorted(self._doubts.items()) if more]:
            self._connection.execute(_DOUBT, doubts)
        self._sightings.flush()
        self._rejections.flush()
        return self._touched | self._waiting.flush()


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


def _held(connection: sa.Connection, keys: Collection[Key]) -> dict[Key, DriverRow]:
    """What is stored under these keys, in the order of _COLUMNS; the last is the batch day that saw it first."""
    return {row[:2]: row for row in having_keys_for_driver(connection, _HELD, number_check, keys)}


_HELD = sa.select(*(number_check.c[name] for name in _COLUMNS))


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


def _merge(old: CheckRow, new: CheckRow) -> CheckRow:
    """The row as the vendor sent it last, except for outcomes that it leaves blank."""
    pairs = zip(_FIELDS, old, new, strict=True)
    return CheckRow._make(before if after is None and name in OUTCOME else after for name, before, after in pairs)
