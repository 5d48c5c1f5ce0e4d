"""The lists of batches, as they are kept in the database."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace
from sys import intern
from typing import Any

import sqlalchemy as sa

from etl.core.batchday import State
from etl.core.line import DATABASE_LIST, Entry, Line, Retired
from etl.database.sql import STREAMED, Shared, analyze, chunks, insert_missing
from etl.schema.tables import account, batch, batch_day, batch_listing
from etl.store import versions


def load(connection: sa.Connection, account_id: int, since: dt.date) -> list[Entry]:
    """The entries that are not retired: those without a date, and those dated `since` or later."""
    recent = sa.or_(batch_listing.c.check_date.is_(None), batch_listing.c.check_date >= since)
    return _entries(connection, account_id, recent)


def missed(connection: sa.Connection, account_id: int, since: dt.date, before: dt.date) -> list[Entry]:
    """The entries dated from `since` to the day before `before` that the ledger does not have, as `load` does."""
    between = sa.and_(batch_listing.c.check_date >= since, batch_listing.c.check_date < before)
    return _entries(connection, account_id, sa.and_(between, sa.not_(sa.exists().where(_SAME_DAY))))


def undecided(connection: sa.Connection, account_id: int, since: dt.date, before: dt.date) -> list[Entry]:
    """The same, and also those of which the ledger says neither settled nor lost."""
    between = sa.and_(batch_listing.c.check_date >= since, batch_listing.c.check_date < before)
    decided = sa.exists().where(_SAME_DAY, batch_day.c.state.in_((State.SETTLED, State.LOST)))
    return _entries(connection, account_id, sa.and_(between, sa.not_(decided)))


def _entries(connection: sa.Connection, account_id: int, which: sa.ColumnElement[bool]) -> list[Entry]:
    columns = (
        batch_listing.c.source,
        sa.case((batch_listing.c.check_date.is_(None), batch_listing.c.told_at)),
        batch.c.batch_no,
        batch_listing.c.check_date,
        batch_listing.c.submitted_rows,
        batch.c.appkey,
        batch_listing.c.retired_at,
    )
    mine = sa.select(*columns).join_from(batch_listing, batch).where(batch.c.account_id == account_id)
    wanted = mine.where(which, batch.c.retired_at.is_(None))
    found, dates, moments = connection.execute(wanted, execution_options=STREAMED), Shared(), Shared()
    entries, marked = [], set()
    for source, told_at, batch_no, date, rows, appkey, retired_at in found:
        if retired_at is None:
            line = Line(intern(batch_no), dates[date], rows, appkey)
            entries.append(Entry(intern(source), line, moments[told_at]))
        else:
            marked.add((batch_no, date))
    return (
        [entry for entry in entries if (entry.line.batch_no, entry.line.date) not in marked] if marked else entries
    )


def retired(connection: sa.Connection, account_id: int) -> Retired:
    """What is not looked for any further, even if a list names it."""
    mine = batch.c.account_id == account_id
    whole = sa.select(batch.c.batch_no).where(mine, batch.c.retired_at.is_not(None))
    marks = sa.select(batch_listing.c.check_date, batch.c.batch_no).join_from(batch_listing, batch)
    dates: dict[dt.date, set[str]] = defaultdict(set)
    for date, batch_no in connection.execute(marks.where(mine, batch_listing.c.retired_at.is_not(None))):
        dates[date].add(batch_no)
    return Retired(set(connection.execute(whole).scalars()), dict(dates))


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


def save(
    connection: sa.Connection,
    account_id: int,
    before: Iterable[Entry],
    after: Iterable[Entry],
    moment: dt.datetime | None = None,
) -> None:
    """Write what changed from `before`, as `load` returned it, to `after`. `moment`: now, in UTC."""
    old, new = {entry.key: entry for entry in before}, {entry.key: entry for entry in after}
    added = [entry for key, entry in new.items() if key not in old]
    changed = [entry for key, entry in new.items() if key in old and _says_more(entry.line, old[key].line)]
    if added or changed:
        ids = _batch_ids(connection, account_id, [*added, *changed])
        _execute(connection, sa.insert(batch_listing), [_new_values(entry, ids, moment) for entry in added])
        _execute(connection, _UPDATE, [_names(entry, ids) for entry in changed])
        recounted = [entry for entry in changed if entry.line.rows != old[entry.key].line.rows]
        _raise_versions(connection, account_id, [*_counted(added), *recounted])
        analyze(connection, len(added), batch_listing)
    gone = [old[key] for key in old.keys() - new.keys()]
    if gone:
        found = batches(connection, account_id, {entry.line.batch_no for entry in gone})
        ids = {name: batch_id for name, (batch_id, _) in found.items()}
        _execute(connection, _DELETE, [_names(entry, ids) for entry in gone])
        _raise_versions(connection, account_id, _counted(gone))


def _counted(entries: Iterable[Entry]) -> list[Entry]:
    """Those that say how many numbers were submitted."""
    return [entry for entry in entries if entry.line.rows is not None]


def _raise_versions(connection: sa.Connection, account_id: int, entries: Iterable[Entry]) -> None:
    """The views show other submitted rows for the batch days, if there are any, that these entries name."""
    named = {(entry.line.batch_no, date) for entry in entries if (date := entry.line.date)}
    columns = (batch_day.c.batch_day_id, batch.c.batch_no, batch_day.c.check_date)
    query = sa.select(*columns).join_from(batch_day, batch).where(batch.c.account_id == account_id)
    for dates in chunks({date for _, date in named}):
        found = connection.execute(query.where(batch_day.c.check_date.in_(dates)), execution_options=STREAMED)
        versions.rise(connection, [day for day, batch_no, date in found if (batch_no, date) in named])


def add(
    connection: sa.Connection,
    account_id: int,
    lines: Collection[Line],
    *,
    more: bool,
    moment: dt.datetime | None = None,
) -> None:
    """Put lines on the list kept in the database; a retired batch is looked for again. `moment`: now, in UTC.

    `more`: the rows are further submissions and are added to those of an earlier line for the same batch and date.
    Otherwise they replace those, so that a file can be imported twice.
    """
    # Without a lock, two processes at once could both add to the same earlier line.
    mine = account.c.account_id == account_id
    connection.execute(sa.select(account.c.account_id).where(mine).with_for_update(key_share=True))
    _bring_back(connection, account_id, lines, moment)
    since = min((line.date for line in lines if line.date), default=dt.date.max)
    before = [entry for entry in load(connection, account_id, since) if entry.source == DATABASE_LIST]
    after = {entry.key: entry for entry in before}
    for line in lines:
        entry = Entry(DATABASE_LIST, line)
        earlier = after.get(entry.key)
        if more and earlier is not None and earlier.line.rows is not None:
            entry = Entry(DATABASE_LIST, replace(line, rows=earlier.line.rows + (line.rows or 0)))
        after[entry.key] = entry
    save(connection, account_id, before, after.values(), moment)


def seen(connection: sa.Connection, account_id: int, moment: dt.datetime) -> None:
    """Note that a run at `moment` (UTC) has seen these lists: nothing on them was told later than that.

    A run may have another clock than the command that told it: that of another machine, or `--now`.
    """
    mine = batch_listing.c.batch_id.in_(sa.select(batch.c.batch_id).where(batch.c.account_id == account_id))
    later = sa.update(batch_listing).where(mine, batch_listing.c.told_at > moment)
    connection.execute(later.values(told_at=moment))


def own_line(connection: sa.Connection, account_id: int, line: Line) -> Line | None:
    """What the list kept in the database says about the batch and date of this line, and the batch's appkey."""
    since = line.date or dt.date.max
    wanted = Entry(DATABASE_LIST, line).key
    return next((entry.line for entry in load(connection, account_id, since) if entry.key == wanted), None)


def retire(connection: sa.Connection, account_id: int, batch_no: str, moment: dt.datetime) -> bool:
    """Stop looking for a batch on further dates; False if it is not known.

    Batch days that were already asked for go on as before. The others are left out of every plan, and deleted by
    the next sync, not now: one that is running may be about to ask for them.
    """
    mine = sa.and_(batch.c.account_id == account_id, batch.c.batch_no == batch_no)
    return bool(connection.execute(sa.update(batch).where(mine).values(retired_at=moment)).rowcount)


def retire_date(
    connection: sa.Connection, account_id: int, batch_no: str, date: dt.date, moment: dt.datetime
) -> bool:
    """Stop looking for a batch on one date; False if no list names it with that date, or without one.

    The other dates go on; so does this one if it was asked for already, as when a whole batch is retired.
    """
    batch_id, _ = batches(connection, account_id, [batch_no]).get(batch_no, (None, None))
    dates = batch_listing.c.check_date
    listed = sa.select(dates).where(batch_listing.c.batch_id == batch_id, sa.or_(dates == date, dates.is_(None)))
    if batch_id is None or connection.execute(listed.limit(1)).first() is None:
        return False
    # A mark beside the lines, because a list may name that date again at each run.
    mark = {"batch_id": batch_id, "source": DATABASE_LIST, "check_date": date, "retired_at": moment}
    connection.execute(sa.insert(batch_listing), mark)
    return True


def _bring_back(
    connection: sa.Connection, account_id: int, lines: Collection[Line], moment: dt.datetime | None
) -> None:
    """Look again for the batches of these lines; on single dates that were retired, if a line names the date or
    has none."""
    names, gone = {line.batch_no for line in lines}, retired(connection, account_id)
    mine = sa.and_(batch.c.account_id == account_id, batch.c.batch_no == sa.bindparam("name"))
    rows = [{"name": name} for name in sorted(names.intersection(gone.batches))]
    _execute(connection, sa.update(batch).where(mine).values(retired_at=None), rows)
    # It was not to be looked for in between: dates that passed meanwhile were not missed.
    these = batch_listing.c.batch_id.in_(sa.select(batch.c.batch_id).where(mine))
    again = sa.update(batch_listing).where(these, batch_listing.c.check_date.is_(None))
    _execute(connection, again.values(told_at=moment), rows)
    wanted = {(line.batch_no, line.date) for line in lines}
    marked = [(name, date) for date, marks in gone.dates.items() for name in marks]
    back = [(name, date) for name, date in marked if (name, date) in wanted or (name, None) in wanted]
    if back:
        ids = batches(connection, account_id, {name for name, _ in back})
        _execute(connection, _UNMARK, [{"_batch_id": ids[name][0], "_check_date": date} for name, date in back])


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


def _new_values(entry: Entry, ids: dict[str, int], moment: dt.datetime | None) -> dict[str, Any]:
    # A line with a date says by itself which date is meant.
    return _values(entry, ids) | {"told_at": None if entry.line.date else moment}


def _names(entry: Entry, ids: dict[str, int]) -> dict[str, Any]:
    return {f"_{name}": value for name, value in _values(entry, ids).items()}


def _execute(connection: sa.Connection, statement: sa.Executable, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(statement, rows)


_SAME_DAY = sa.and_(
    batch_day.c.batch_id == batch_listing.c.batch_id, batch_day.c.check_date == batch_listing.c.check_date
)
_SAME = sa.and_(
    batch_listing.c.retired_at.is_(None),
    batch_listing.c.batch_id == sa.bindparam("_batch_id"),
    batch_listing.c.source == sa.bindparam("_source"),
    batch_listing.c.check_date.is_not_distinct_from(sa.bindparam("_check_date")),
)
_UPDATE = sa.update(batch_listing).where(_SAME).values(submitted_rows=sa.bindparam("_submitted_rows"))
_DELETE = sa.delete(batch_listing).where(_SAME)
_UNMARK = sa.delete(batch_listing).where(
    batch_listing.c.retired_at.is_not(None),
    batch_listing.c.batch_id == sa.bindparam("_batch_id"),
    batch_listing.c.check_date == sa.bindparam("_check_date"),
)
