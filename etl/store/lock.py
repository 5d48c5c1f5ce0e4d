"""Only one sync for each account, across all hosts. The lock is released if its process or its host dies.

Only who may write the account's row can take it (docs/adr/0016): the row names the lock of the run that holds the
account, and each run gives its lock a new random name. A lock of that name counts only in the session that took
it.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa

from etl.database.types import MYSQL_FAMILY
from etl.errors import Locked, LockedBriefly, Misconfigured, TryLater
from etl.schema.tables import account

EXPIRING = "numbercheck privacy expire"
"""Who holds a lock under this name gives it back after a moment."""


class Lock(Protocol):
    """A lock that was acquired: with the connection that writes, or on a file beside the database."""

    def held(self) -> bool:
        """Whether the lock is still held."""
        ...

    def release(self) -> None:
        """Release the lock for the next sync."""
        ...


class _Kind(Protocol):
    """How one kind of database locks. `session`: what has to hold a lock of this name for it to count."""

    session: str | None

    def held(self, row: sa.ColumnElement[bool]) -> bool:
        """Whether the lock is still held, and the account has a row like this, which names it."""
        ...

    def release(self) -> None:
        """Release the lock for the next sync."""
        ...

    @classmethod
    def take(cls, connection: sa.Connection, name: str) -> _Kind:
        """Lock what nobody else knows the name of."""
        ...

    @classmethod
    def is_taken(cls, connection: sa.Connection, name: str, session: str | None, /) -> bool:
        """Whether that session still holds the lock."""
        ...


def acquire(connection: sa.Connection, account_id: int, holder: str) -> Lock:
    """Lock the account for `connection`, the only one that writes while the lock is held.

    On a server the lock belongs to that connection: if the connection breaks, its transaction fails as well.
    Raises Locked, which names the holder, if another sync of the account is running, and TryLater where a pooler
    lends the connection's session to others.
    """
    kind, mine = _kind(connection.dialect), account.c.account_id == account_id
    row = sa.select(account.c.name, account.c.holder, account.c.lock_key, account.c.lock_session).where(mine)
    _refuse_if_taken(connection, kind, row)  # at once, though the holder may have locked the row for a while
    if connection.dialect.name == "postgresql":
        # In a transaction of its own: within one, PostgreSQL goes on showing the sessions that it showed first.
        _require_own_session(connection)
    _refuse_if_taken(connection, kind, row.with_for_update(key_share=True))
    name = secrets.token_hex(16)
    taken = kind.take(connection, name)
    try:
        values = {"holder": holder, "lock_key": name, "lock_session": taken.session}
        connection.execute(sa.update(account).where(mine).values(values))
        connection.commit()
    except BaseException:
        taken.release()
        raise
    return _Named(taken, mine & (account.c.lock_key == name))


def taken(connection: sa.Connection, account_id: int) -> bool:
    """Whether somebody holds the account's lock now. Waits for nobody, and takes nothing."""
    query = sa.select(account.c.lock_key, account.c.lock_session).where(account.c.account_id == account_id)
    row = connection.execute(query).one()
    kind = _kind(connection.dialect)
    return row.lock_key is not None and kind.is_taken(connection, row.lock_key, row.lock_session)


def holder(what: str) -> str:
    """Who has a lock and for what, for the message of whoever finds it taken."""
    return f"process {os.getpid()} on {socket.gethostname()}, {what}"[:255]


def verify(lock: Lock) -> None:
    """Raise TryLater if the lock is lost, because then nothing more may be committed."""
    if not lock.held():
        raise TryLater(
            "This run lost its lock on the account (the connection to the database was cut, or it goes through a "
            "pooler in transaction mode): nothing more is written. The next run goes on from here."
        )


def _kind(dialect: sa.Dialect) -> type[_Kind]:
    if dialect.name == "postgresql":
        return _PostgresLock
    return _MysqlLock if dialect.name in MYSQL_FAMILY else _FileLock


def _require_own_session(connection: sa.Connection) -> None:
    """Raise TryLater if another connection gets this one's session of the server between two transactions.

    Such a pooler gives the lock to every connection, so that nobody would notice. It hands out first what it got
    back last; under load this may go unseen, and `verify` sees later that the lock is not there.
    """
    session = sa.text("SELECT pg_backend_pid()")
    mine = connection.execute(session).scalar_one()
    connection.rollback()
    try:
        with connection.engine.connect() as other:
            shared = other.execute(session).scalar_one() == mine
    except sa.exc.OperationalError as error:
        connection.execute(session)  # raises if it is not only the second one that is missing
        connection.rollback()
        raise TryLater(
            "The database, or a pooler before it, gives this user no second connection.",
            "allow ten at once (PgBouncer: pool_size), then run this again.",
        ) from error
    if shared:
        raise TryLater(
            "The connection to the database goes through a pooler in transaction mode, in which no lock keeps two "
            "syncs apart: nothing is written.",
            "let the pooler give this user sessions (PgBouncer: pool_mode = session), or connect to the server "
            "itself; then run this again.",
        )


def _refuse_if_taken(connection: sa.Connection, kind: type[_Kind], query: sa.Select[Any]) -> None:
    row = connection.execute(query).one()
    if row.lock_key is not None and kind.is_taken(connection, row.lock_key, row.lock_session):
        connection.rollback()
        error = LockedBriefly if EXPIRING in (row.holder or "") else Locked
        raise error(f"Another sync of the account {row.name!r} is running: {row.holder}.")


class _Named:
    """A lock, and the row that names it: both have to be there. A file is enough, as nobody else can lock it."""

    def __init__(self, lock: _Kind, row: sa.ColumnElement[bool]) -> None:
        self._lock, self._row = lock, row

    def held(self) -> bool:
        return self._lock.held(self._row)

    def release(self) -> None:
        self._lock.release()


def _is_true(
    connection: sa.Connection, row: sa.ColumnElement[bool], held: sa.TextClause, values: dict[str, Any]
) -> bool:
    """Whether an account has such a row, and the lock is held: one query, as each transaction asks this."""
    query = sa.select(sa.func.count()).select_from(account).where(row, held)
    return bool(connection.execute(query, values).scalar_one())


class _PostgresLock:
    """A session-level advisory lock. Anybody may take one and see those of others, but not as the same session."""

    _HELD = """
        SELECT count(*) FROM pg_catalog.pg_locks AS held {join}
        WHERE held.locktype = 'advisory' AND held.granted AND held.objsubid = 1
        AND held.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
        AND (held.classid::bigint << 32) + held.objid::bigint = CAST(:number AS bigint)
        AND {session}
    """
    _TAKEN = sa.text(
        _HELD.format(
            join="JOIN pg_catalog.pg_stat_activity AS session USING (pid)",
            session="pg_catalog.concat(pid, ' ', session.usesysid) = CAST(:session AS text)",
        )
    )
    _MINE = sa.text(f"({_HELD.format(join='', session='held.pid = pg_catalog.pg_backend_pid()')}) > 0")
    _SESSION = sa.text(
        "SELECT pg_catalog.concat(pid, ' ', usesysid) FROM pg_catalog.pg_stat_activity"
        " WHERE pid = pg_catalog.pg_backend_pid()"
    )

    def __init__(self, connection: sa.Connection, name: str) -> None:
        self._connection = connection
        self._number = self._numbered(name)
        self.session: str | None = connection.execute(self._SESSION).scalar_one()

    @classmethod
    def take(cls, connection: sa.Connection, name: str) -> _PostgresLock:
        lock = cls(connection, name)
        query = sa.text("SELECT pg_catalog.pg_try_advisory_lock(CAST(:number AS bigint))")
        _require(connection.execute(query, lock._number).scalar_one())
        return lock

    @classmethod
    def is_taken(cls, connection: sa.Connection, name: str, session: str | None) -> bool:
        values = cls._numbered(name) | {"session": session}
        return bool(connection.execute(cls._TAKEN, values).scalar_one())

    def held(self, row: sa.ColumnElement[bool]) -> bool:
        return _is_true(self._connection, row, self._MINE, self._number)

    def release(self) -> None:
        query = sa.text("SELECT pg_catalog.pg_advisory_unlock(CAST(:number AS bigint))")
        _end(self._connection, query, self._number)

    @staticmethod
    def _numbered(name: str) -> dict[str, Any]:
        """The lock's number: positive, of at most 63 bits."""
        return {"number": int(name[:16], 16) >> 1}


class _MysqlLock:
    """A named user-level lock. All databases of a server share one set of names, which nobody can look up."""

    _MINE = sa.text("is_used_lock(:name) = connection_id()")

    def __init__(self, connection: sa.Connection, name: str) -> None:
        self._connection = connection
        self._name = self._named(name)
        self.session: str | None = str(connection.execute(sa.text("SELECT connection_id()")).scalar_one())

    @classmethod
    def take(cls, connection: sa.Connection, name: str) -> _MysqlLock:
        lock = cls(connection, name)
        _require(connection.execute(sa.text("SELECT get_lock(:name, 0)"), lock._name).scalar_one())
        return lock

    @classmethod
    def is_taken(cls, connection: sa.Connection, name: str, session: str | None) -> bool:
        user = connection.execute(sa.text("SELECT is_used_lock(:name)"), cls._named(name)).scalar_one()
        return user is not None and str(user) == session

    def held(self, row: sa.ColumnElement[bool]) -> bool:
        return _is_true(self._connection, row, self._MINE, self._name)

    def release(self) -> None:
        _end(self._connection, sa.text("SELECT release_lock(:name)"), self._name)

    @staticmethod
    def _named(name: str) -> dict[str, Any]:
        return {"name": f"numbercheck sync {name}"}


class _FileLock:
    """A locked file beside an SQLite database. A database in memory needs none: no other process can open it."""

    session: str | None = None

    def __init__(self, path: Path | None, descriptor: int | None) -> None:
        self._path = path
        self._descriptor = descriptor

    @classmethod
    def take(cls, connection: sa.Connection, name: str) -> _FileLock:
        path = _beside(connection, name)
        if path is None:
            return cls(None, None)
        try:
            return cls(path, _lock_file(path, os.O_CREAT | os.O_EXCL))
        except OSError as error:
            raise _unusable(path, error) from error

    @classmethod
    def is_taken(cls, connection: sa.Connection, name: str, _session: str | None) -> bool:
        path = _beside(connection, name)
        if path is None:
            return False
        try:
            cls(path, _lock_file(path)).release()  # its run was killed
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        except OSError as error:
            raise _unusable(path, error) from error
        return False

    def held(self, _row: sa.ColumnElement[bool]) -> bool:
        return self._path is None or self._descriptor is None or self._is_there(self._path, self._descriptor)

    @staticmethod
    def _is_there(path: Path, descriptor: int) -> bool:
        with suppress(OSError):
            return os.path.samestat(os.fstat(descriptor), path.stat())
        return False

    def release(self) -> None:
        if self._descriptor is None or self._path is None:
            return
        if self._is_there(self._path, self._descriptor):
            with suppress(OSError):
                self._path.unlink()
        os.close(self._descriptor)
        self._descriptor = None


def _beside(connection: sa.Connection, name: str) -> Path | None:
    # The path as SQLite knows it: absolute, and with links resolved.
    database = connection.exec_driver_sql("PRAGMA database_list").first()
    return Path(f"{database[2]}.sync-{name}.lock") if database and database[2] else None


def _lock_file(path: Path, further: int = 0) -> int:
    """Open and lock a file: it stays locked as long as the descriptor is open. Raises BlockingIOError, OSError.

    Nobody else may even read it: whoever can read a file can lock it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | further, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _unusable(path: Path, error: OSError) -> Misconfigured:
    return Misconfigured(
        f"The lock file {path} cannot be locked ({error.strerror}).",
        "allow this user to write it and its directory, or delete it while no sync is running.",
    )


def _require(taken: object) -> None:
    if not taken:
        raise TryLater("The database gives out no lock for this run.", "run this again.")


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
