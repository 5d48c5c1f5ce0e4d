"""Accounts: the name under which rows are kept, and the fingerprint of the key that belongs to it."""

from __future__ import annotations

import datetime as dt
import hashlib
import shlex
from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from etl.core.pagesize import PAGE_SIZE
from etl.database.sql import insert_missing
from etl.database.types import UtcTime
from etl.errors import Misconfigured
from etl.schema.tables import account, batch, batch_day, sync_run
from etl.store import versions

_DAY = dt.timedelta(days=1)


def find(connection: sa.Connection, name: str) -> int | None:
    """The account's number; None if it is not known here."""
    return connection.execute(sa.select(account.c.account_id).where(account.c.name == name)).scalar_one_or_none()


def numbered(connection: sa.Connection, names: Collection[str] = ()) -> dict[str, int]:
    """The numbers of these accounts, by their names and in one order; of all where none is named."""
    query = sa.select(account.c.name, account.c.account_id).order_by(account.c.account_id)
    found = connection.execute(query.where(account.c.name.in_(names)) if names else query)
    return dict(found.all())


def any_account(connection: sa.Connection) -> bool:
    """Whether the database has any account: whatever else is stored belongs to one."""
    return connection.execute(sa.select(account.c.account_id).limit(1)).scalar_one_or_none() is not None


def register(connection: sa.Connection, name: str) -> int:
    """The account's number; a new account gets one now."""
    known = find(connection, name)
    if known is not None:
        return known
    insert_missing(connection, account, [{"name": name}])
    return register(connection, name)


def planned_to(connection: sa.Connection, account_id: int) -> dt.date | None:
    """The last date up to which everything that the lists name was planned; None: there was no run yet."""
    mine = account.c.account_id == account_id
    kept: dt.date | None = connection.execute(sa.select(account.c.planned_to).where(mine)).scalar()
    if kept is not None:
        return kept
    # Until the first run after this was kept: what the runs before it planned.
    whole = sa.func.max(sa.case((sync_run.c.narrowed == sa.false(), sync_run.c.window_last)))
    runs = sa.select(whole, sa.func.min(sync_run.c.window_first)).where(sync_run.c.account_id == account_id)
    last, first = connection.execute(runs).one()
    before = None if first is None else first - _DAY
    date: dt.date | None = last or before
    return date


def note_planned(connection: sa.Connection, account_id: int, date: dt.date) -> None:
    """Note that everything that the lists name for dates up to this one is planned."""
    mine = account.c.account_id == account_id
    connection.execute(sa.update(account).where(mine).values(planned_to=date))


def fingerprint(access_key: str) -> str:
    """What is kept of an accessKey: enough to recognize another key, not enough to use this one."""
    return hashlib.sha256(b"numbercheck accessKey\0" + access_key.encode()).hexdigest()


def check_key(
    connection: sa.Connection, account_id: int, access_key: str, *, accept: bool = False, keep: bool = True
) -> None:
    """Refuse a key that is another account's, and another key than the first one unless `accept` (Misconfigured).

    `keep`: keep the fingerprint, because the vendor has accepted this key; until then it may be mistyped.
    """
    if not _differs(connection, account_id, access_key, accept) or not keep:
        return
    _one_at_a_time(connection)
    if _differs(connection, account_id, access_key, accept):
        values = {"key_fingerprint": fingerprint(access_key)}
        connection.execute(sa.update(account).where(account.c.account_id == account_id).values(values))


def check_name(connection: sa.Connection, account_id: int, access_key: str) -> None:
    """Refuse a key that is another account's already: one account under two names would split its figures and
    double its pace. Raises Misconfigured."""
    now, same = fingerprint(access_key), account.c.account_id == account_id
    mine = connection.execute(sa.select(account.c.name, account.c.key_fingerprint).where(same)).one()
    others = sa.select(account.c.name).where(account.c.key_fingerprint == now, sa.not_(same))
    if mine.key_fingerprint == now:  # a database of an earlier version may have two: the first one goes on
        others = others.where(account.c.account_id < account_id)
    other = connection.execute(others.order_by(account.c.account_id).limit(1)).scalar_one_or_none()
    if other is None:
        return
    remedy = f"set NUMBERCHECK_ACCOUNT to {other!r}"
    if mine.key_fingerprint is None and not _holds_anything(connection, account_id):
        remedy += (
            ", or, if that account is to have another name from now on, run "
            f"`numbercheck accounts rename {shlex.quote(other)} {shlex.quote(mine.name)}`"
        )
    raise Misconfigured(
        f"This accessKey belongs to the account {other!r} of this database, so it cannot sync as {mine.name!r}.",
        f"{remedy}.",
    )


def _holds_anything(connection: sa.Connection, account_id: int) -> bool:
    """Whether this name is taken, and not just about to be made."""
    tables = (batch, sync_run)
    return any(
        connection.execute(sa.select(table.c.account_id).where(table.c.account_id == account_id).limit(1)).first()
        for table in tables
    )


def rename(connection: sa.Connection, account_id: int, new: str) -> None:
    """Give an account another name. Everything else refers to its number. Raises Misconfigured."""
    _one_at_a_time(connection)
    if find(connection, new) is not None:
        raise Misconfigured(
            f"There is an account {new!r} already, and the rows of two accounts must not mix.",
            "choose another name; `numbercheck accounts list` shows those that are taken.",
        )
    if _any_archived(connection, account_id):
        raise Misconfigured(
            "Dates of this account are archived: a lake has their rows under its name, and this database no longer"
            " does, so it keeps this name.",
            "where people are to see another name, let a view of yours say so.",
        )
    connection.execute(sa.update(account).where(account.c.account_id == account_id).values(name=new))
    versions.rise_all(connection, account_id)


def _any_archived(connection: sa.Connection, account_id: int) -> bool:
    mine = sa.and_(batch.c.account_id == account_id, batch_day.c.archived_at.is_not(None))
    query = sa.select(batch_day.c.batch_day_id).join_from(batch_day, batch).where(mine).limit(1)
    return connection.execute(query).first() is not None


@dataclass(frozen=True, slots=True)
class Overview:
    """What is known of an account as a whole. `last_run` (UTC): when its last run began; None: there was none.

    `fingerprint`: that of its accessKey; None where the vendor has taken none yet.
    """

    name: str
    batch_days: int
    last_run: dt.datetime | None
    fingerprint: str | None


def overview(connection: sa.Connection) -> list[Overview]:
    """All accounts, by name."""
    days = sa.select(sa.func.count()).select_from(batch_day).join(batch)
    days = days.where(batch.c.account_id == account.c.account_id).correlate(account)
    run = sa.select(sa.func.max(sync_run.c.started_at, type_=UtcTime()))
    run = run.where(sync_run.c.account_id == account.c.account_id).correlate(account)
    columns = (account.c.name, days.scalar_subquery(), run.scalar_subquery(), account.c.key_fingerprint)
    return [Overview(*row) for row in connection.execute(sa.select(*columns).order_by(account.c.name))]


def _differs(connection: sa.Connection, account_id: int, access_key: str, accept: bool) -> bool:
    """Whether this key is not the one that is kept. Raises Misconfigured where it may not become it."""
    check_name(connection, account_id, access_key)
    mine = account.c.account_id == account_id
    row = connection.execute(sa.select(account.c.name, account.c.key_fingerprint).where(mine)).one()
    now = fingerprint(access_key)
    if row.key_fingerprint not in (None, now) and not accept:
        raise Misconfigured(
            f"The account {row.name!r} was synced with another accessKey before, and the rows of two customers "
            "must not be mixed. Set NUMBERCHECK_ACCOUNT to another name, or, if this account's key was replaced, "
            "run `numbercheck doctor --accept-new-key`."
        )
    return bool(row.key_fingerprint != now)


def page_size(connection: sa.Connection, account_id: int) -> int:
    """Rows per page, as the answers to this account have shown so far."""
    query = sa.select(account.c.page_size).where(account.c.account_id == account_id)
    return connection.execute(query).scalar_one_or_none() or PAGE_SIZE


def learn_page_size(connection: sa.Connection, account_id: int, rows: int) -> None:
    """Keep what the answers to this account have shown."""
    connection.execute(sa.update(account).where(account.c.account_id == account_id).values(page_size=rows))


def _one_at_a_time(connection: sa.Connection) -> None:
    """Let one transaction at a time decide whose a key or a name is: all of them lock the first account."""
    first = sa.select(account.c.account_id).order_by(account.c.account_id).limit(1)
    connection.execute(first.with_for_update(key_share=True))
