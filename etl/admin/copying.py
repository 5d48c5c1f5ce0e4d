"""Copies everything stored into another, empty database, in one transaction, and proves that it arrived."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import zip_longest
from typing import Any

import sqlalchemy as sa

from etl.admin.checksum import Checksum
from etl.admin.nosync import lock_all
from etl.database.engine import explain, reading
from etl.database.explain import OWN, TARGET, Database
from etl.database.sqlitefile import file_of
from etl.errors import EtlError, Misconfigured, TryLater
from etl.schema import migrate
from etl.schema.tables import (
    account,
    call_response,
    check_level,
    currency,
    database_identity,
    metadata,
    number_type,
    region,
    request_slot,
)

COPIED_ROWS = 1000
"""Rows in memory at once."""
LOOK_SECONDS = 30
"""How often the locks are checked; MariaDB drops a connection that is silent for half an hour."""

SEEDED = (check_level, number_type, call_response, region, currency, database_identity)
"""Tables that a migration may have filled: the source's rows replace these."""

# The state of processes, not of the data: each run makes its own.
COPIED_TABLES = tuple(table for table in metadata.sorted_tables if table is not request_slot)
_LEFT_OUT = frozenset({account.c.holder, account.c.lock_key, account.c.lock_session})

_UNDONE = "Nothing was written to the target"

_Rows = Sequence[Sequence[Any]]
CopyProgress = Callable[[str, int, int], None]
"""Called after every chunk with what is being done, the rows done, and the rows in all."""


class Differs(EtlError):
    """What was copied is not what arrived: a defect, or a target that changes what it is given."""


def copy(source: sa.Engine, target: sa.Engine, progress: CopyProgress) -> dict[str, int]:
    """Copy every table in one transaction of the target, which a failure undoes. Returns the rows by table.

    Both schemas must be the current one, and the target must hold no rows except those of migrations. Syncs of
    the source are locked out during the copy: raises Locked if one is running. Raises Misconfigured, TryLater, and
    Differs if the target does not hold, in the end, exactly what was read from the source.
    """
    _require_schemas(source, target)
    with _no_sync(source) as alone, _of_target(), migrate.alone(target) as there:
        _require_empty(there)
        tell = _Teller(progress, alone)
        with _snapshot(source) as here:
            tell.all_rows = 2 * sum(_count(here, table) for table in COPIED_TABLES)
            sent = {table.name: _fill(here, there, table, tell) for table in COPIED_TABLES}
        _number_on(there)
        with _snapshot(source) as here:  # a new snapshot, which shows writes since the first one
            for table in COPIED_TABLES:
                _verify(here, there, table, sent[table.name], tell)
        alone()
    return {name: checksum.rows for name, checksum in sent.items()}


# -- before and around ------------------------------------------------------------------------------------


def _require_schemas(source: sa.Engine, target: sa.Engine) -> None:
    if _place(source.url) == _place(target.url):
        raise Misconfigured(f"{OWN.setting} and {TARGET.setting} name the same database.", "correct one of them.")
    with _of(OWN):
        migrate.require_current(source)
    with _of(TARGET):
        migrate.require_current(target, TARGET)


def _place(url: sa.URL) -> object:
    if file := file_of(url):
        return os.path.realpath(file)
    return url.get_backend_name(), url.host, url.port, url.database, url.query


def _require_empty(connection: sa.Connection) -> None:
    found = [table for table in COPIED_TABLES if table not in SEEDED and _holds_rows(connection, table)]
    if found:
        names = ", ".join(table.name for table in found)
        raise Misconfigured(
            f"The target is not empty: there are rows in {names}. {_UNDONE}.",
            f"name an empty database in {TARGET.setting}, or, if nobody needs these rows, drop them with "
            f"`numbercheck db downgrade base` and run `numbercheck db upgrade`, both with {OWN.setting} naming "
            "the target.",
        )


def _holds_rows(connection: sa.Connection, table: sa.Table) -> bool:
    return connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first() is not None


@contextmanager
def _no_sync(source: sa.Engine) -> Iterator[Callable[[], None]]:
    """Hold the sync lock of every account. Yields a function that raises TryLater once one of them is lost."""
    with source.connect() as connection, ExitStack() as stack:
        locks = lock_all(connection, stack, "numbercheck db copy")

        def alone() -> None:
            with _of(OWN):
                held = all(each.held() for each in locks)
                connection.rollback()
            if not held:
                raise TryLater(
                    f"The locks that keep syncs of the source out were lost. {_UNDONE}: run this again."
                )

        yield alone


@contextmanager
def _snapshot(source: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that sees the source as it was at its first query."""
    with _of(OWN):
        connection = reading(source).connect()
        if connection.dialect.name != "sqlite":  # its readers see nothing else
            connection.execution_options(isolation_level="REPEATABLE READ")
    try:
        yield connection
    finally:
        with suppress(sa.exc.SQLAlchemyError):  # nothing is lost: it was only read
            connection.close()


@contextmanager
def _of(database: Database) -> Iterator[None]:
    """An error of a database inside this block is about `database`, whatever block surrounds it."""
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        known = explain(error, database)
        if known is None:
            raise
        raise known from error


@contextmanager
def _of_target() -> Iterator[None]:
    """The same for the target, which may also refuse what the source holds."""
    try:
        with _of(TARGET):
            yield
    except (sa.exc.IntegrityError, sa.exc.DataError) as error:
        raise Misconfigured(
            f"The target does not accept a row of the source (it says: {error.orig}). {_UNDONE}.",
            "make sure that nothing else writes to it, and that `numbercheck db check` finds nothing in either "
            "database.",
        ) from error


# -- one table --------------------------------------------------------------------------------------------


class _Teller:
    """Counts the rows that were processed, and checks the locks from time to time."""

    def __init__(self, progress: CopyProgress, alone: Callable[[], None]) -> None:
        self.all_rows = 0
        self._done = 0
        self._progress = progress
        self._alone = alone
        self._looked = time.monotonic()

    def __call__(self, what: str, rows: int) -> None:
        self._done += rows
        self._progress(what, self._done, self.all_rows)
        if time.monotonic() > self._looked + LOOK_SECONDS:
            self._alone()
            self._looked = time.monotonic()


def _columns(table: sa.Table) -> list[sa.Column[Any]]:
    return [column for column in table.columns if column not in _LEFT_OUT]


def _count(connection: sa.Connection, table: sa.Table) -> int:
    with _of(OWN):
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def _query(connection: sa.Connection, table: sa.Table) -> sa.CursorResult[Any]:
    """A table's rows, of which at most a chunk is in memory; the caller closes it."""
    return connection.execute(sa.select(*_columns(table)), execution_options={"yield_per": COPIED_ROWS})


def _query_source(connection: sa.Connection, table: sa.Table) -> sa.CursorResult[Any]:
    with _of(OWN):
        return _query(connection, table)


def _chunks_of_source(result: sa.CursorResult[Any]) -> Iterator[_Rows]:
    with _of(OWN):
        yield from result.partitions()


def _fill(here: sa.Connection, there: sa.Connection, table: sa.Table, tell: _Teller) -> Checksum:
    """Copy a table. Returns the checksum of what was read."""
    columns, checksum = _columns(table), Checksum()
    names = [column.name for column in columns]
    if table in SEEDED:
        there.execute(sa.delete(table))
    with _query_source(here, table) as found:
        for rows in _chunks_of_source(found):
            there.execute(sa.insert(table), [dict(zip(names, row, strict=True)) for row in rows])
            checksum.add(columns, rows)
            tell(f"copying {table.name}", len(rows))
    return checksum


def _number_on(connection: sa.Connection) -> None:
    """Let new rows get numbers above the copied ones; SQLite and MariaDB do so by themselves."""
    if connection.dialect.name != "postgresql":
        return
    for table in COPIED_TABLES:
        number = table.autoincrement_column
        if number is not None:
            sequence = sa.func.pg_get_serial_sequence(table.name, number.name)
            connection.execute(sa.select(sa.func.setval(sequence, sa.func.max(number))).where(number.is_not(None)))
    connection.execute(sa.text(f"ANALYZE {', '.join(table.name for table in COPIED_TABLES)}"))


def _verify(here: sa.Connection, there: sa.Connection, table: sa.Table, sent: Checksum, tell: _Teller) -> None:
    """Read a table back from both sides, in step, so that neither connection is idle for long."""
    columns, now, arrived = _columns(table), Checksum(), Checksum()
    with _query_source(here, table) as source, _query(there, table) as target:
        for ours, theirs in zip_longest(_chunks_of_source(source), target.partitions(), fillvalue=()):
            now.add(columns, ours)
            arrived.add(columns, theirs)
            tell(f"checking {table.name}", len(theirs))
    if arrived != sent:
        raise Differs(
            f"The table {table.name} differs in the target: {sent.rows:,} rows were copied, {arrived.rows:,} "
            f"arrived, and {'their content' if arrived.rows == sent.rows else 'the number'} is not the same. All "
            "of it was undone, and this target must not be used.",
            "look for triggers and rules on it; if there are none, please report this as a defect.",
        )
    if now != sent:
        raise TryLater(
            f"Something wrote to the table {table.name} of the source while it was being copied. {_UNDONE}.",
            "stop what writes to the source, and run this again.",
        )
