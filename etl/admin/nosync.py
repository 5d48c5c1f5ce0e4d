"""Keeps the syncs of all accounts out, for work that no sync may see half done."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import ExitStack

import sqlalchemy as sa

from etl.store import accounts, lock


def lock_all(
    connection: sa.Connection, stack: ExitStack, command: str, names: Collection[str] = ()
) -> list[lock.Lock]:
    """The sync lock of every account, held for `command` until `stack` ends. Raises Locked.

    `names`: only of these accounts.
    """
    holder = lock.holder(command)
    numbers = accounts.numbered(connection, names).values()
    connection.rollback()
    locks = []
    for number in numbers:
        locks.append(lock.acquire(connection, number, holder))
        stack.callback(locks[-1].release)
    return locks
