"""The lists of batches, as they are kept in the database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import replace
from sys import intern
from typing import Any

import sqlalchemy as sa

from etl.core.line import DATABASE_LIST, Entry, Line
from etl.database.sql import STREAMED, Shared, analyze, chunks, insert_missing
from etl.schema.tables import account, batch, batch_listing


def load(connection: sa.Connection, account_id: int, since: dt.date) -> list[Entry]:
    """The entries of batches that are not retired: those without a date, and those dated `since` or later."""
    recent = sa.or_(batch_listing.c.check_date.is_(None), batch_listing.c.check_date >= since)
    columns = (
        batch_listing.c.source,
        batch.c.batch_no,
        batch_listing.c.check_date,
        batch_listing.c.submitted_rows,
        batch.c.appkey,
    )
    mine = sa.select(*columns).join_from(batch_listing, batch).where(batch.c.account_id == account_id)
    wanted = mine.where(recent, batch.c.retired_at.is_(None))
    found, dates = connection.execute(wanted, execution_options=STREAMED), Shared()
    return [Entry(intern(source), Line(intern(no), dates[date], *more)) for source, no, date, *more in found]


def retired(connection: sa.Connection, account_id: int) -> set[str]:
    """The numbers of retired batches: they are not looked for on further dates, even if a list names them."""
    mine = sa.select(batch.c.batch_no).where(batch.c.account_id == account_id, batch.c.retired_at.is_not(None))
    return set(connection.execute(mine).scalars())


def batches(
    connection: sa.Connection, account_id: int, names: Collection[str]
) -> dict[str, tuple[int, str | None]]:
    """The number in the database and the appkey of each of these batches that is known."""
    query = sa.select(batch.c.batch_no, batch.c.batch_id, batch.c.appkey).where(
        batch.c.account_id == account_id, batch.c.batch_no.in_(sa.bindparam("names", expanding=True))
    )
    found = (row for some in chunks(names) for row in connection.execute(query, {"names": some}))
    return {name: (batch_id, appkey) for name, batch_id, appkey in found}


def any_batch(connection: sa.Connection, account_id: int) -> bool:
    """Whether any batch of this account was ever known."""
    query = sa.select(batch.c.batch_id).where(batch.c.account_id == account_id).limit(1)
    return connection.execute(query).first() is not None


def save(connection: sa.Connection, account_id: int, before: Iterable[Entry], after: Iterable[Entry]) -> None:
    """Write what changed from `before`, as `load` returned it, to `after`."""
    old, new = {entry.key: entry for entry in before}, {entry.key: entry for entry in after}
    added = [entry for key, entry in new.items() if key not in old]
    changed = [entry for key, entry in new.items() if key in old and _says_more(entry.line, old[key].line)]
    if added or changed:
        ids = _batch_ids(connection, account_id, [*added, *changed])
        _execute(connection, sa.insert(batch_listing), [_values(entry, ids) for entry in added])
        _execute(connection, _UPDATE, [_names(entry, ids) for entry in changed])
        analyze(connection, len(added), batch_listing)
    gone = [old[key] for key in old.keys() - new.keys()]
    if gone:
        found = batches(connection, account_id, {entry.line.batch_no for entry in gone})
        ids = {name: batch_id for name, (batch_id, _) in found.items()}
        _execute(connection, _DELETE, [_names(entry, ids) for entry in gone])


def add(connection: sa.Connection, account_id: int, lines: Collection[Line], *, more: bool) -> None:
    """Put lines on the list kept in the database; a retired batch is looked for again.

    `more`: the rows are further submissions and are added to those of an earlier line for the same batch and date.
    Otherwise they replace those, so that a file can be imported twice.
    """
    # Without a lock, two processes at once could both add to the same earlier line.
    mine = account.c.account_id == account_id
    connection.execute(sa.select(account.c.account_id).where(mine).with_for_update(key_share=True))
    _bring_back(connection, account_id, {line.batch_no for line in lines})
    since = min((line.date for line in lines if line.date), default=dt.date.max)
    before = [entry for entry in load(connection, account_id, since) if entry.source == DATABASE_LIST]
    after = {entry.key: entry for entry in before}
    for line in lines:
        entry = Entry(DATABASE_LIST, line)
        earlier = after.get(entry.key)
        if more and earlier is not None and earlier.line.rows is not None:
            entry = Entry(DATABASE_LIST, replace(line, rows=earlier.line.rows + (line.rows or 0)))
        after[entry.key] = entry
    save(connection, account_id, before, after.values())


def retire(connection: sa.Connection, account_id: int, batch_no: str, moment: dt.datetime) -> bool:
    """Stop looking for a batch on further dates; False if it is not known.

    Batch days that were already asked for go on as before. The others are left out of every plan, and deleted by
    the next sync, not now: one that is running may be about to ask for them.
    """
    mine = sa.and_(batch.c.account_id == account_id, batch.c.batch_no == batch_no)
    return bool(connection.execute(sa.update(batch).where(mine).values(retired_at=moment)).rowcount)


def _bring_back(connection: sa.Connection, account_id: int, names: set[str]) -> None:
    mine = sa.and_(batch.c.account_id == account_id, batch.c.batch_no == sa.bindparam("name"))
    rows = [{"name": name} for name in sorted(names & retired(connection, account_id))]
    _execute(connection, sa.update(batch).where(mine).values(retired_at=None), rows)


def _batch_ids(connection: sa.Connection, account_id: int, entries: Iterable[Entry]) -> dict[str, int]:
    """The numbers of these entries' batches. Adds new batches, and updates appkeys."""
    appkeys: dict[str, str | None] = {}
    for entry in entries:
        appkeys[entry.line.batch_no] = entry.line.appkey or appkeys.get(entry.line.batch_no)
    there = batches(connection, account_id, appkeys)
    new = {name: appkey for name, appkey in appkeys.items() if name not in there}
    rows = [{"account_id": account_id, "batch_no": name, "appkey": appkey} for name, appkey in new.items()]
    insert_missing(connection, batch, rows)
    analyze(connection, len(rows), batch)
    other = {name: key for name, key in appkeys.items() if key and name in there and there[name][1] != key}
    for name, appkey in other.items():
        connection.execute(sa.update(batch).where(batch.c.batch_id == there[name][0]).values(appkey=appkey))
    there |= batches(connection, account_id, new)
    return {name: batch_id for name, (batch_id, _) in there.items()}


def _says_more(line: Line, before: Line) -> bool:
    """Whether a line says something that the database does not have yet.

    An appkey belongs to the batch: a line without one does not remove what another line gave.
    """
    return line.rows != before.rows or line.appkey not in (None, before.appkey)


def _values(entry: Entry, ids: dict[str, int]) -> dict[str, Any]:
    return {
        "batch_id": ids[entry.line.batch_no],
        "source": entry.source,
        "check_date": entry.line.date,
        "submitted_rows": entry.line.rows,
    }


def _names(entry: Entry, ids: dict[str, int]) -> dict[str, Any]:
    return {f"_{name}": value for name, value in _values(entry, ids).items()}


def _execute(connection: sa.Connection, statement: sa.Executable, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(statement, rows)


_SAME = sa.and_(
    batch_listing.c.batch_id == sa.bindparam("_batch_id"),
    batch_listing.c.source == sa.bindparam("_source"),
    batch_listing.c.check_date.is_not_distinct_from(sa.bindparam("_check_date")),
)
_UPDATE = sa.update(batch_listing).where(_SAME).values(submitted_rows=sa.bindparam("_submitted_rows"))
_DELETE = sa.delete(batch_listing).where(_SAME)
