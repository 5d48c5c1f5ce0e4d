"""The lists of batches as the database keeps them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from typing import Any

import sqlalchemy as sa

from etl.batches.known import DATABASE, Entry
from etl.batches.listing import Line
from etl.store.schema import batch, batch_day, batch_listing
from etl.store.sql import insert_missing


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
    found = connection.execute(mine.where(recent, batch.c.retired_at.is_(None)))
    return [Entry(source, Line(*line)) for source, *line in found]


def retired(connection: sa.Connection, account_id: int) -> set[str]:
    """The batch numbers that are not looked for on further dates, whatever list names them."""
    mine = sa.select(batch.c.batch_no).where(batch.c.account_id == account_id, batch.c.retired_at.is_not(None))
    return set(connection.execute(mine).scalars())


def save(connection: sa.Connection, account_id: int, before: Iterable[Entry], after: Iterable[Entry]) -> None:
    """Write what changed from `before`, as `load` returned it, to `after`."""
    old, new = {entry.key: entry for entry in before}, {entry.key: entry for entry in after}
    changed = [entry for key, entry in new.items() if old.get(key) != entry]
    if changed:
        ids = _batch_ids(connection, account_id, changed)
        added = [_values(entry, ids) for entry in changed if entry.key not in old]
        if added:
            connection.execute(sa.insert(batch_listing), added)
        _update(connection, [_values(entry, ids) for entry in changed if entry.key in old])
    _delete(connection, account_id, old.keys() - new.keys())


def add(connection: sa.Connection, account_id: int, lines: Collection[Line], *, more: bool) -> None:
    """Put lines on the list kept here; a retired batch comes back.

    `more`: rows are further submissions, added to those of an earlier line for this batch and date;
    otherwise they replace them, so that a file can be imported twice.
    """
    names = {line.batch_no for line in lines}
    _for_names(connection, account_id, names, retired_at=None)
    before = [entry for entry in load(connection, account_id, dt.date.min) if entry.source == DATABASE]
    after = {entry.key: entry for entry in before}
    for line in lines:
        entry = Entry(DATABASE, line)
        earlier = after.get(entry.key)
        if more and earlier is not None and earlier.line.rows is not None:
            rows = earlier.line.rows + (line.rows or 0)
            entry = Entry(DATABASE, Line(line.batch_no, line.date, rows, line.appkey or earlier.line.appkey))
        after[entry.key] = entry
    save(connection, account_id, before, after.values())


def retire(connection: sa.Connection, account_id: int, batch_no: str, moment: dt.datetime) -> bool:
    """Look for a batch on no further date; False where it is not known. What was asked for already goes on."""
    mine = sa.and_(batch.c.account_id == account_id, batch.c.batch_no == batch_no)
    ids = sa.select(batch.c.batch_id).where(mine).scalar_subquery()
    never_asked = sa.and_(batch_day.c.state == "pending", batch_day.c.last_asked_at.is_(None))
    connection.execute(sa.delete(batch_day).where(batch_day.c.batch_id == ids, never_asked))
    return bool(connection.execute(sa.update(batch).where(mine).values(retired_at=moment)).rowcount)


def _for_names(connection: sa.Connection, account_id: int, names: set[str], **values: Any) -> None:
    mine = sa.and_(batch.c.account_id == account_id, batch.c.batch_no == sa.bindparam("name"))
    rows = [{"name": name} for name in sorted(names)]
    if rows:
        connection.execute(sa.update(batch).where(mine, batch.c.retired_at.is_not(None)).values(**values), rows)


def _batch_ids(connection: sa.Connection, account_id: int, entries: Iterable[Entry]) -> dict[str, int]:
    """The numbers of these entries' batches; new batches are added, and appkeys brought up to date."""
    appkeys: dict[str, str | None] = {}
    for entry in entries:
        appkeys[entry.line.batch_no] = entry.line.appkey or appkeys.get(entry.line.batch_no)
    query = sa.select(batch.c.batch_no, batch.c.batch_id, batch.c.appkey).where(batch.c.account_id == account_id)
    there = {name: appkey for name, _, appkey in connection.execute(query)}
    new = [
        {"account_id": account_id, "batch_no": name, "appkey": appkey}
        for name, appkey in appkeys.items()
        if name not in there
    ]
    insert_missing(connection, batch, new)
    for name, appkey in appkeys.items():
        if appkey and there.get(name, appkey) != appkey:
            mine = sa.and_(batch.c.account_id == account_id, batch.c.batch_no == name)
            connection.execute(sa.update(batch).where(mine).values(appkey=appkey))
    return {name: batch_id for name, batch_id, _ in connection.execute(query)}


def _values(entry: Entry, ids: dict[str, int]) -> dict[str, Any]:
    return {
        "batch_id": ids[entry.line.batch_no],
        "source": entry.source,
        "check_date": entry.line.date,
        "submitted_rows": entry.line.rows,
    }


def _update(connection: sa.Connection, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        same_date = batch_listing.c.check_date.is_not_distinct_from(row["check_date"])
        same = sa.and_(
            batch_listing.c.batch_id == row["batch_id"], batch_listing.c.source == row["source"], same_date
        )
        connection.execute(sa.update(batch_listing).where(same).values(submitted_rows=row["submitted_rows"]))


def _delete(connection: sa.Connection, account_id: int, keys: Iterable[tuple[str, str, dt.date | None]]) -> None:
    for source, name, date in keys:
        mine = sa.select(batch.c.batch_id).where(batch.c.account_id == account_id, batch.c.batch_no == name)
        gone = sa.and_(
            batch_listing.c.batch_id == mine.scalar_subquery(),
            batch_listing.c.source == source,
            batch_listing.c.check_date.is_not_distinct_from(date),
        )
        connection.execute(sa.delete(batch_listing).where(gone))
