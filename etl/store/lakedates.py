"""What a lake has to know of this database: its id, and what has changed of each date."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from etl.core.batchday import State
from etl.core.checkrow import ERASED
from etl.database.sql import STREAMED
from etl.schema.tables import (
    account,
    batch,
    batch_day,
    daily_total,
    database_identity,
    further_sighting,
    number_check,
)


@dataclass(frozen=True, slots=True)
class DateState:
    """A date of an account, in the vendor's zone, that has a batch day that was asked for or is lost.

    `version`: another one whenever the views show anything else of the date, times in v_coverage aside; within 63
    bits. `archived`: its rows have left this database, or are about to, and only the lake has all of them.
    `expired`: at least some of its rows were deleted as too old. `erased_rows`: how many rows are erased.
    """

    date: dt.date
    version: int
    archived: bool
    expired: bool
    erased_rows: int


def database_id(connection: sa.Connection) -> str:
    """The id of this database, 32 hexadecimal digits. A copy has the same."""
    query = sa.select(database_identity.c.database_id).where(database_identity.c.number == 1)
    return str(connection.execute(query).scalar_one())


def date_states(connection: sa.Connection, account_id: int) -> list[DateState]:
    """The dates of an account, the oldest first."""
    erased = _erased(connection, account_id)
    begun = sa.case((batch_day.c.state != State.PENDING, 1))
    query = (
        sa.select(
            batch_day.c.check_date,
            sa.func.sum(batch_day.c.version),
            sa.func.count(batch_day.c.archived_at),
            sa.func.count(batch_day.c.expired_at),
        )
        .join_from(batch_day, batch)
        .where(batch.c.account_id == account_id)
        .group_by(batch_day.c.check_date)
        .having(sa.func.count(begun) > 0)
        .order_by(batch_day.c.check_date)
    )
    return [
        DateState(date, int(version), archived > 0, expired > 0, erased.get(date, 0))
        for date, version, archived, expired in connection.execute(query, execution_options=STREAMED)
    ]


def ledger_rows(connection: sa.Connection, account_id: int) -> dict[dt.date, int]:
    """How many rows the ledger says each date has.

    A key that two batch days list counts for both of them, and stands under the first. Of an archived date, the
    totals know it, together with the rows that are not deleted yet.
    """
    there, archived = batch_day.c.archived_at.is_(None), batch_day.c.archived_at.is_not(None)
    counts = Counter[dt.date]()
    counts.update(_by_date(connection, account_id, sa.func.sum(batch_day.c.stored_rows), batch_day, there))
    counts.subtract(_by_date(connection, account_id, sa.func.count(), further_sighting.join(batch_day), there))
    totals = sa.func.sum(daily_total.c.checked_rows)
    counts.update(_by_date(connection, account_id, totals, daily_total.join(batch_day), archived))
    counts.update(_by_date(connection, account_id, sa.func.count(), number_check.join(batch_day), archived))
    return dict(counts)


def _by_date(
    connection: sa.Connection,
    account_id: int,
    what: sa.ColumnElement[int],
    source: sa.FromClause,
    which: sa.ColumnElement[bool],
) -> dict[dt.date, int]:
    """What comes of the batch days of each date."""
    query = sa.select(batch_day.c.check_date, what).select_from(source.join(batch))
    found = connection.execute(
        query.where(batch.c.account_id == account_id, which).group_by(batch_day.c.check_date)
    )
    return {date: int(number or 0) for date, number in found}


def note_export(connection: sa.Connection, account_id: int, moment: dt.datetime) -> None:
    """Note that a lake has had all that this database holds of an account since `moment` (aware)."""
    mine = account.c.account_id == account_id
    connection.execute(sa.update(account).where(mine).values(lake_exported_at=moment))


def archived_dates(connection: sa.Connection, names: Collection[str] = (), before: dt.date = dt.date.max) -> int:
    """How many dates of these accounts (their names; empty: all) are archived, those before `before` alone."""
    dates = sa.select(batch.c.account_id, batch_day.c.check_date).distinct().join_from(batch_day, batch)
    dates = dates.where(batch_day.c.archived_at.is_not(None), batch_day.c.check_date < before)
    if names:
        dates = dates.join(account).where(account.c.name.in_(names))
    return connection.execute(sa.select(sa.func.count()).select_from(dates.subquery())).scalar_one()


def last_export(connection: sa.Connection, account_id: int) -> dt.datetime | None:
    """The moment of the last complete export of an account (UTC); None: it has no lake."""
    query = sa.select(account.c.lake_exported_at).where(account.c.account_id == account_id)
    found: dt.datetime | None = connection.execute(query).scalar_one()
    return found


def _erased(connection: sa.Connection, account_id: int) -> dict[dt.date, int]:
    """The erased rows of an account, by their dates."""
    query = (
        sa.select(batch_day.c.check_date, sa.func.count())
        .select_from(number_check.join(batch_day).join(batch))
        .where(batch.c.account_id == account_id, number_check.c.phone == ERASED)
        .group_by(batch_day.c.check_date)
    )
    return dict(connection.execute(query).all())
