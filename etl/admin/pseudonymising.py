"""Replaces the clear numbers of an account by pseudonyms: what `numbercheck privacy pseudonymise` does."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import ExitStack

import sqlalchemy as sa

from etl.admin.nosync import lock_all
from etl.core.checkrow import Key
from etl.database.rewriting import rewrite
from etl.privacy.disguise import Disguise
from etl.privacy.macs import Macs
from etl.schema.tables import batch, number_check
from etl.store import accounts, erasures, lock
from etl.store.erasures import BEGUN_PSEUDONYMS, ON, LogLine
from etl.store.held import Change, change, find_checks
from etl.store.lookups import Lookups
from etl.store.rewritten import rewrite_rejected, rewrite_repeats

ROWS_REPLACED = 5000
"""Rows that are looked at in one transaction."""

LookedAt = Callable[[int], None]
"""Called after each slice with the rows that were looked at so far."""


def pseudonymise(engine: sa.Engine, macs: Macs, name: str, who: str, moment: dt.datetime, told: LookedAt) -> int:
    """Replace them, slice by slice, under the lock of the account; returns how many rows were changed.

    No sync of it runs until the end is reached: killed meanwhile, it goes on when it is called again. Raises
    Locked, Misconfigured (another key), TryLater (the lock was lost).
    """
    with engine.connect() as connection, ExitStack() as stack:
        [held] = lock_all(connection, stack, "numbercheck privacy pseudonymise", [name])
        with connection.begin():
            erasures.require_key(connection, macs, moment)
            account_id = accounts.register(connection, name)
            done = erasures.of_account(connection, account_id).pseudonyms == ON
            if not done:
                erasures.set_pseudonyms(connection, account_id, BEGUN_PSEUDONYMS)
        changed = 0 if done else _Replacing(connection, held, account_id, macs, moment).go(who, told)
        rewrite(engine)
    return changed


class _Replacing:
    """The replacing of an account's numbers. A row that is replaced already stays as it is."""

    def __init__(
        self, connection: sa.Connection, held: lock.Lock, account_id: int, macs: Macs, moment: dt.datetime
    ) -> None:
        self._connection = connection
        self._held = held
        self._account_id = account_id
        self._moment = moment
        with connection.begin():
            erased = erasures.erased_of(connection, account_id, macs)
        self._disguise = Disguise(macs, erased, pseudonyms=True)

    def go(self, who: str, told: LookedAt) -> int:
        """Replace all of them; how many rows that changed."""
        changed = looked_at = 0
        last: Key = ("", "")
        while True:
            with self._connection.begin():
                keys = self._next(last)
                changed += self._slice(last, keys[-1]) if keys else self._finish(who, changed)
                lock.verify(self._held)
            if not keys:
                return changed
            last, looked_at = keys[-1], looked_at + len(keys)
            told(looked_at)

    def _next(self, last: Key) -> list[Key]:
        """The next keys after this one, of whichever account."""
        columns = number_check.c.message_id, number_check.c.phone
        query = sa.select(*columns).where(_after(last)).order_by(*columns).limit(ROWS_REPLACED)
        return [(message_id, phone) for message_id, phone in self._connection.execute(query)]

    def _slice(self, last: Key, end: Key) -> int:
        mine = batch.c.account_id == self._account_id
        found = find_checks(self._connection, mine, _after(last), sa.not_(_after(end)))
        after = ((held, self._disguise.row(held.row, held.date)) for held in found)
        changes = [Change(held, row) for held, row in after if row.key != held.row.key]
        change(self._connection, Lookups(), changes, self._moment)
        return len(changes)

    def _finish(self, who: str, changed: int) -> int:
        """The rest, in the transaction that says that all is done; how many rows that changed."""
        rest = rewrite_repeats(self._connection, self._disguise, self._account_id)
        rest += rewrite_rejected(self._connection, self._disguise, self._account_id)
        erasures.set_pseudonyms(self._connection, self._account_id, ON)
        line = LogLine(self._account_id, "pseudonymise", who, 0, changed + rest)
        erasures.note_action(self._connection, line, self._moment)
        return rest


def _after(key: Key) -> sa.ColumnElement[bool]:
    """Keys behind this one, in the order of the primary key."""
    message_id, phone = number_check.c.message_id, number_check.c.phone
    behind = sa.or_(message_id > key[0], phone > key[1])
    return sa.and_(message_id >= key[0], behind)
