"""Keeps the syncs of all accounts out, for work that no sync may see half done."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack

import sqlalchemy as sa

from etl.schema.tables import account
from etl.store import lock


def lock_all(connection: sa.Connection, stack: ExitStack, command: str) -> list[lock.Lock]:
    """The sync lock of every account, held for `command` until `stack` ends. Raises Locked."""
    holder = f"process {os.getpid()} on {socket.gethostname()}, {command}"[:255]
    numbers = connection.execute(sa.select(account.c.account_id).order_by(account.c.account_id)).scalars().all()
    connection.rollback()
    locks = []
    for number in numbers:
        locks.append(lock.acquire(connection, number, holder))
        stack.callback(locks[-1].release)
    return locks
