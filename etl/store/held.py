"""Checks as rows of the vendor, read and changed by the commands that deal with whole rows, keys included."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from etl.core.checkrow import ERASED, CheckRow, Key
from etl.core.fields import FIELDS
from etl.database.keys import having_keys
from etl.database.sql import STREAMED, insert_missing
from etl.schema.tables import (
    KEY,
    OWN_FIELDS,
    SHARED,
    awaited_check,
    batch,
    batch_day,
    carrier,
    category,
    further_sighting,
    number_check,
    rejected_row,
)
from etl.store import versions
from etl.store.lookups import Lookups, codes_of
from etl.store.rejected import held_by_another

CHANGED_AT_ONCE = 1000
"""Checks that are changed by one round of statements."""


@dataclass(frozen=True, slots=True)
class HeldCheck:
    """A check that is stored. `date`: that of the batch day under which it stands, in the vendor's zone."""

    row: CheckRow
    day_id: int
    date: dt.date
    account_id: int


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a check."""

    held: HeldCheck
    row: CheckRow

    @property
    def renames(self) -> bool:
        """Whether its key changes."""
        return self.held.row.key != self.row.key


def find_checks(connection: sa.Connection, *which: sa.ColumnElement[bool]) -> Iterator[HeldCheck]:
    """The checks for which this is true, without holding all of them in memory."""
    query = _ROWS.where(*which)
    for *values, day_id, date, account_id in connection.execute(query, execution_options=STREAMED):
        yield HeldCheck(CheckRow._make(values), day_id, date, account_id)


def _rows() -> sa.Select[Any]:
    columns = [carrier.c.name if f.lookup == carrier.name else _table(f.name).c[f.name] for f in FIELDS]
    place = (number_check.c.batch_day_id, batch_day.c.check_date, batch.c.account_id)
    found = (
        number_check.join(category)
        .outerjoin(carrier)
        .join(batch_day, batch_day.c.batch_day_id == number_check.c.batch_day_id)
    )
    return sa.select(*columns, number_check.c.extra, *place).select_from(found.join(batch))


def _table(name: str) -> sa.Table:
    return category if name in {field.name for field in SHARED} else number_check


_ROWS = _rows()
_CONTENT = (*(field.name for field in OWN_FIELDS), "extra")
_BY_KEY = sa.and_(*(number_check.c[name] == sa.bindparam(f"_{name}") for name in KEY))
_UPDATE = (
    sa.update(number_check)
    .where(_BY_KEY)
    .values({name: sa.bindparam(name) for name in (*_CONTENT, "category_id", "last_changed_at")})
)
# Made once: having_keys remembers each query that it was ever given.
_CHILDREN = {table: sa.select(*table.c) for table in (further_sighting, awaited_check)}
_KEYS = sa.select(*(number_check.c[name] for name in KEY))


def change(connection: sa.Connection, lookups: Lookups, changes: Sequence[Change], moment: dt.datetime) -> None:
    """Give checks another content, and perhaps another key, in everything that refers to them.

    A key that is there already is joined: what counted for one of the two counts for it. The caller holds the lock
    of the account.
    """
    for start in range(0, len(changes), CHANGED_AT_ONCE):
        _change(connection, lookups, changes[start : start + CHANGED_AT_ONCE], moment)


def _change(connection: sa.Connection, lookups: Lookups, changes: Sequence[Change], moment: dt.datetime) -> None:
    lookups.ensure(connection, [each.row for each in changes])
    taken = dict.fromkeys(_existing(connection, [each.row.key for each in changes if each.renames]))
    free, meeting = list[Change](), list[Change]()
    for each in changes:
        (meeting if each.renames and each.row.key in taken else free).append(each)
        taken |= {each.row.key: None}
    names = {each.held.row.key: each.row.key for each in free if each.renames}
    children = {table: _taken_away(connection, table, names) for table in _CHILDREN}
    lines = [_line(lookups, each, moment) for each in free]
    if lines:
        connection.execute(_UPDATE, lines)
    for table, rows in children.items():
        _put_back(connection, table, rows, names)
    touched = {each.held.day_id for each in changes}
    touched |= {row["batch_day_id"] for rows in children.values() for row in rows}
    for each in meeting:
        touched |= _join(connection, each, moment)
    _count_doubts(connection, [*free, *meeting])
    versions.rise(connection, touched)


def _line(lookups: Lookups, each: Change, moment: dt.datetime) -> dict[str, Any]:
    content = {name: getattr(each.row, name) for name in _CONTENT}
    old = {f"_{name}": value for name, value in zip(KEY, each.held.row.key, strict=True)}
    return content | old | {"category_id": lookups.category_id(codes_of(each.row)), "last_changed_at": moment}


def _existing(connection: sa.Connection, keys: Collection[Key]) -> set[Key]:
    return {(row[0], row[1]) for row in having_keys(connection, _KEYS, number_check, keys)}


def _taken_away(connection: sa.Connection, table: sa.Table, keys: Collection[Key]) -> list[dict[str, Any]]:
    """The lines of a table that refer to these checks; they are deleted."""
    found = [dict(row._mapping) for row in having_keys(connection, _CHILDREN[table], table, keys)]
    if found:
        mine = [table.c[name] == sa.bindparam(f"_{name}") for name in ("batch_day_id", *KEY)]
        lines = [{f"_{name}": row[name] for name in ("batch_day_id", *KEY)} for row in found]
        connection.execute(sa.delete(table).where(*mine), lines)
    return found


def _put_back(connection: sa.Connection, table: sa.Table, rows: Iterable[Any], names: dict[Key, Key]) -> None:
    """Put lines back under the new keys. What is erased awaits nothing."""
    lines = [row | dict(zip(KEY, names[row["message_id"], row["phone"]], strict=True)) for row in rows]
    if table is awaited_check:
        lines = [line for line in lines if line["phone"] != ERASED]
    if lines:
        connection.execute(sa.insert(table), lines)


def _count_doubts(connection: sa.Connection, changes: Iterable[Change]) -> None:
    doubts: Counter[int] = Counter()
    for each in changes:
        doubts[each.held.day_id] += each.row.is_doubtful - each.held.row.is_doubtful
    _add(connection, "doubtful_rows", {day: more for day, more in doubts.items() if more})


def _add(connection: sa.Connection, column: str, more: dict[int, int]) -> None:
    """Add to a figure of batch days."""
    for day, number in sorted(more.items()):
        changed = {column: batch_day.c[column] + number}
        connection.execute(sa.update(batch_day).where(batch_day.c.batch_day_id == day).values(changed))


# -- a key that is there already -----------------------------------------------------------------------------


def _join(connection: sa.Connection, each: Change, moment: dt.datetime) -> set[int]:
    """Delete a check whose new key another check has; each of its batch days counts that one instead.

    Returns the batch days that were concerned.
    """
    [there] = find_checks(connection, *_is(each.row.key))
    counted = {each.held.day_id, *_sightings(connection, each.held.row.key)}
    gone_with_it = [_taken_away(connection, table, [each.held.row.key]) for table in _CHILDREN]
    connection.execute(sa.delete(number_check).where(*_is(each.held.row.key)))
    counts_there = {there.day_id, *_sightings(connection, there.row.key)}
    gone: dict[int, int] = defaultdict(int)
    for day in counted:
        if there.account_id != each.held.account_id:
            gone[day] -= 1
            _reject(connection, day, there, moment)
        elif day in counts_there:
            _count_once(connection, day)
        else:
            key = dict(zip(KEY, there.row.key, strict=True))
            connection.execute(sa.insert(further_sighting).values(batch_day_id=day, **key))
    _add(connection, "stored_rows", gone)
    return counted | {row["batch_day_id"] for rows in gone_with_it for row in rows}


def _count_once(connection: sa.Connection, day: int) -> None:
    """Two keys of a batch day have become one. A whole pass since may have counted only one of them.

    More held than reported means that both count. Where rows are missing nobody knows: a whole pass has to tell.
    """
    columns = batch_day.c
    accounted = columns.stored_rows + columns.repeated_rows + columns.rejected_rows
    this = sa.update(batch_day).where(columns.batch_day_id == day)
    connection.execute(this.where(columns.reported_rows > accounted).values(needs_pass=True))
    connection.execute(this.where(columns.reported_rows < accounted).values(stored_rows=columns.stored_rows - 1))


def _is(key: Key) -> list[sa.ColumnElement[bool]]:
    return [number_check.c[name] == value for name, value in zip(KEY, key, strict=True)]


def _sightings(connection: sa.Connection, key: Key) -> list[int]:
    mine = (further_sighting.c[name] == value for name, value in zip(KEY, key, strict=True))
    return list(connection.execute(sa.select(further_sighting.c.batch_day_id).where(*mine)).scalars())


def _reject(connection: sa.Connection, day: int, there: HeldCheck, moment: dt.datetime) -> None:
    """Another account holds the key: for this batch day it is a rejected row."""
    row = held_by_another(there.row)
    mine = sa.and_(rejected_row.c.batch_day_id == day, rejected_row.c.digest == row.digest)
    if connection.execute(sa.select(rejected_row.c.digest).where(mine)).first() is None:
        texts = dict(zip(("reason", "payload", "digest"), (row.reason, row.payload, row.digest), strict=True))
        insert_missing(connection, rejected_row, [{"batch_day_id": day, "page": 1, "seen_at": moment} | texts])
        _add(connection, "rejected_rows", {day: 1})
