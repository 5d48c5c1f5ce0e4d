"""Keeps the syncs of all accounts out, for work that no sync may see half done."""

from __future__ import annotations

import os
import socket
from collections.abc import Collection
from contextlib import ExitStack

import sqlalchemy as sa

from etl.schema.tables import account
from etl.store import lock


def lock_all(
    connection: sa.Connection, stack: ExitStack, command: str, names: Collection[str] = ()
) -> list[lock.Lock]:
    """The sync lock of every account, held for `command` until `stack` ends. Raises Locked.

    `names`: only of these accounts.
    """
    holder = f"process {os.getpid()} on {socket.gethostname()}, {command}"[:255]
    query = sa.select(account.c.account_id).order_by(account.c.account_id)
    query = query.where(account.c.name.in_(names)) if names else query
    numbers = connection.execute(query).scalars().all()
    connection.rollback()
    locks = []
    for number in numbers:
        locks.append(lock.acquire(connection, number, holder))
        stack.callback(locks[-1].release)
    return locks
