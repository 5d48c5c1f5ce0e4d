"""Only one sync for each account, across all hosts. The lock is released if its process or its host dies."""

from __future__ import annotations

import fcntl
import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa

from etl.database.types import MYSQL_FAMILY
from etl.errors import Locked, Misconfigured, TryLater
from etl.schema.tables import account


class Lock(Protocol):
    """A lock that was acquired: with the connection that writes, or on a file beside the database."""

    def held(self) -> bool:
        """Whether the lock is still held."""
        ...

    def release(self) -> None:
        """Release the lock for the next sync."""
        ...


def acquire(connection: sa.Connection, account_id: int, holder: str) -> Lock:
    """Lock the account for `connection`, the only one that writes while the lock is held.

    On a server the lock belongs to that connection: if the connection breaks, its transaction fails as well.
    Raises Locked, which names the holder, if another sync of the account is running, and TryLater where a pooler
    lends the connection's session to others.
    """
    lock: Lock | None
    match connection.dialect.name:
        case "postgresql":
            lock = _PostgresLock.take(connection, account_id)
        case name if name in MYSQL_FAMILY:
            lock = _MysqlLock.take(connection, account_id)
        case _:
            lock = _FileLock.take(connection, account_id)
    mine = account.c.account_id == account_id
    if lock is None:
        other = connection.execute(sa.select(account.c.name, account.c.holder).where(mine)).one()
        connection.rollback()
        raise Locked(f"Another sync of the account {other.name!r} is running: {other.holder or 'just started'}.")
    connection.execute(sa.update(account).where(mine).values(holder=holder))
    connection.commit()
    return lock


def verify(lock: Lock) -> None:
    """Raise TryLater if the lock is lost, because then nothing more may be committed."""
    if not lock.held():
        raise TryLater(
            "This run lost its lock on the account (the connection to the database was cut, or it goes through a "
            "pooler in transaction mode): nothing more is written. The next run goes on from here."
        )


class _PostgresLock:
    """A session-level advisory lock."""

    def __init__(self, connection: sa.Connection, key: tuple[int, int]) -> None:
        self._connection = connection
        self._key = {"space": key[0], "id": key[1]}

    @classmethod
    def take(cls, connection: sa.Connection, account_id: int) -> _PostgresLock | None:
        _require_own_session(connection)
        schema = connection.execute(sa.text("SELECT current_schema()")).scalar_one()
        lock = cls(connection, (_number(f"numbercheck sync {schema}"), account_id))
        taken = connection.execute(sa.text("SELECT pg_try_advisory_lock(:space, :id)"), lock._key).scalar_one()
        connection.commit()
        return lock if taken else None

    def held(self) -> bool:
        query = sa.text(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid() "
            "AND classid::bigint = :space AND objid::bigint = :id AND objsubid = 2"
        )
        return bool(self._connection.execute(query, self._key).scalar_one())

    def release(self) -> None:
        _end(self._connection, sa.text("SELECT pg_advisory_unlock(:space, :id)"), self._key)


def _require_own_session(connection: sa.Connection) -> None:
    """Raise TryLater if another connection gets this one's session of the server between two transactions.

    Such a pooler gives the lock to every connection, so that nobody would notice. It hands out first what it got
    back last; under load this may go unseen, and `verify` sees later that the lock is not there.
    """
    session = sa.text("SELECT pg_backend_pid()")
    mine = connection.execute(session).scalar_one()
    connection.rollback()
    with connection.engine.connect() as other:
        shared = other.execute(session).scalar_one() == mine
    if shared:
        raise TryLater(
            "The connection to the database goes through a pooler in transaction mode, in which no lock keeps two "
            "syncs apart: nothing is written.",
            "let the pooler give this user sessions (PgBouncer: pool_mode = session), or connect to the server "
            "itself; then run this again.",
        )


class _MysqlLock:
    """A named user-level lock. All databases of a server share one set of names."""

    def __init__(self, connection: sa.Connection, name: str) -> None:
        self._connection = connection
        self._name = {"name": name}

    @classmethod
    def take(cls, connection: sa.Connection, account_id: int) -> _MysqlLock | None:
        database = connection.execute(sa.text("SELECT database()")).scalar_one()
        lock = cls(connection, f"numbercheck sync {_number(database)} {account_id}")
        taken = connection.execute(sa.text("SELECT get_lock(:name, 0)"), lock._name).scalar_one()
        connection.commit()
        return lock if taken else None

    def held(self) -> bool:
        query = sa.text("SELECT is_used_lock(:name) = connection_id()")
        return bool(self._connection.execute(query, self._name).scalar_one())

    def release(self) -> None:
        _end(self._connection, sa.text("SELECT release_lock(:name)"), self._name)


class _FileLock:
    """A locked file beside an SQLite database. A database in memory needs none: no other process can open it."""

    def __init__(self, path: Path | None, descriptor: int | None) -> None:
        self._path = path
        self._descriptor = descriptor

    @classmethod
    def take(cls, connection: sa.Connection, account_id: int) -> _FileLock | None:
        # The path as SQLite knows it: absolute, and with links resolved.
        database = connection.exec_driver_sql("PRAGMA database_list").first()
        if database is None or not database[2]:
            return cls(None, None)
        path = Path(f"{database[2]}.sync-{account_id}.lock")
        try:
            return cls(path, _lock_file(path))
        except BlockingIOError:
            return None
        except OSError as error:
            raise Misconfigured(
                f"The lock file {path} cannot be locked ({error.strerror}).",
                "allow this user to write it and its directory, or delete it while no sync is running.",
            ) from error

    def held(self) -> bool:
        if self._path is None or self._descriptor is None:
            return True
        with suppress(OSError):
            return os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        return False

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)


def _lock_file(path: Path) -> int:
    """Open and lock a file: it stays locked as long as the descriptor is open. Raises BlockingIOError, OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _end(connection: sa.Connection, unlock: sa.TextClause, values: dict[str, Any]) -> None:
    """Unlock. If that fails, close the session, which always ends its locks, though not immediately."""
    unlocked = False
    if not connection.invalidated:
        with suppress(sa.exc.SQLAlchemyError):
            connection.rollback()
            unlocked = bool(connection.execute(unlock, values).scalar_one())
            connection.rollback()
    if not unlocked:
        connection.invalidate()


def _number(text: str) -> int:
    """A 31-bit number for `text`."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) >> 1
