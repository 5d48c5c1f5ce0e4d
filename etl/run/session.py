"""The connection that writes and holds the account's lock: nothing is committed once the lock is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from etl.errors import LockedBriefly, TryLater
from etl.store import accounts, erasures, lock
from etl.store.erasures import Privacy

LOOKS, LOOK_AGAIN = 300, 0.1
"""How often, and every how many seconds, a sync looks whether rows that expire have given the lock back."""


@dataclass(frozen=True, slots=True)
class Session:
    """An account's lock, held, and the only connection that writes while it is held.

    `privacy`: what was known of its erased numbers and pseudonyms when it was locked.
    """

    connection: sa.Connection
    account_id: int
    held: lock.Lock
    privacy: Privacy

    @property
    def lost(self) -> bool:
        """Whether the connection broke: then the database has rolled back and released the lock."""
        return self.connection.invalidated

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """A transaction that is committed only while the lock is still held."""
        with self.connection.begin():
            yield self.connection
            lock.verify(self.held)


@contextmanager
def locked(engine: sa.Engine, account: str, key: str, holder: str) -> Iterator[Session]:
    """A session of `account`, which syncs with the accessKey `key`. Raises Locked, Misconfigured.

    `holder`: who has the lock, for the message of a run that finds it taken.
    """
    with engine.connect() as connection:
        with connection.begin():
            account_id = accounts.register(connection, account)
            accounts.check_key(connection, account_id, key, keep=False)
        held = _acquire(connection, account_id, holder)
        try:
            with connection.begin():
                privacy = erasures.of_account(connection, account_id)
            _require_same(account, privacy)
            yield Session(connection, account_id, held, privacy)
        finally:
            held.release()


def _acquire(connection: sa.Connection, account_id: int, holder: str) -> lock.Lock:
    """The lock of the account. What deletes old rows gives it back after a moment, so that is waited for."""
    for _ in range(LOOKS):
        try:
            return lock.acquire(connection, account_id, holder)
        except LockedBriefly:
            time.sleep(LOOK_AGAIN)
    return lock.acquire(connection, account_id, holder)


def _require_same(account: str, found: Privacy) -> None:
    """Raise TryLater where the account was given another name just before it was locked."""
    if found.account != account:
        raise TryLater(
            f"The account {account!r} was renamed at this moment. The next run says what is to be done."
        )
