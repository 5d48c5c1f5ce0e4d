"""Accounts: the name under which rows are kept, and the fingerprint of the key that belongs to it."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa

from etl.database.sql import insert_missing
from etl.errors import Misconfigured
from etl.schema.tables import account


def find(connection: sa.Connection, name: str) -> int | None:
    """The account's number; None if it is not known here."""
    return connection.execute(sa.select(account.c.account_id).where(account.c.name == name)).scalar_one_or_none()


def register(connection: sa.Connection, name: str) -> int:
    """The account's number; a new account gets one now."""
    known = find(connection, name)
    if known is not None:
        return known
    insert_missing(connection, account, [{"name": name}])
    return register(connection, name)


def fingerprint(access_key: str) -> str:
    """What is kept of an accessKey: enough to recognize another key, not enough to use this one."""
    return hashlib.sha256(b"numbercheck accessKey\0" + access_key.encode()).hexdigest()


def check_key(
    connection: sa.Connection, account_id: int, access_key: str, *, accept: bool = False, keep: bool = True
) -> None:
    """Raise Misconfigured if the account is known with another key, unless `accept`.

    `keep`: keep the fingerprint, because the vendor has accepted this key; until then it may be mistyped.
    """
    mine = account.c.account_id == account_id
    # If two first runs start at once with different keys, only one of them may be the first.
    query = sa.select(account.c.name, account.c.key_fingerprint).where(mine).with_for_update(key_share=True)
    row = connection.execute(query).one()
    now = fingerprint(access_key)
    if row.key_fingerprint not in (None, now) and not accept:
        raise Misconfigured(
            f"The account {row.name!r} was synced with another accessKey before, and the rows of two customers "
            "must not be mixed. Set NUMBERCHECK_ACCOUNT to another name, or, if this account's key was replaced, "
            "run `numbercheck doctor --accept-new-key`."
        )
    if keep and row.key_fingerprint != now:
        connection.execute(sa.update(account).where(mine).values(key_fingerprint=now))
