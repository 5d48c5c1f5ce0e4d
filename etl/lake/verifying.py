"""Whether the lake holds what the database holds, by key and in all columns, and what the ledger says."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain, groupby, zip_longest
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from etl.lake.arrowrows import PIECES, ahead
from etl.lake.deltafiles import DeltaFiles, TableFile
from etl.lake.lakes import KEY_ORDER, Lake
from etl.lake.standings import AccountHere, LakeDate, Standpoint
from etl.lake.storages import UnreadableFile
from etl.store.lakedates import ledger_rows

COMPARED_ROWS = 10_000
"""Rows of each side that are compared at once, as long as there is no difference."""
_COMPARED = (Standpoint.CURRENT, Standpoint.ARCHIVED)
LakeRow = dict[str, Any]
LakeRows = Iterator[LakeRow]


@dataclass(slots=True)
class Verified:
    """What came of a date. `rows`: in the lake. `ledger`: how many the ledger says; None: it does not say.

    `missing`, `surplus`, `differing`: keys that only the database has, that only the lake has, and that differ in
    these `columns`.
    """

    date: dt.date
    standpoint: Standpoint
    rows: int
    ledger: int | None = None
    missing: int = 0
    surplus: int = 0
    differing: int = 0
    columns: set[str] = field(default_factory=set)

    @property
    def compared(self) -> bool:
        """Whether it was compared: a date that is behind differs, as it may."""
        return self.standpoint in _COMPARED

    @property
    def equal(self) -> bool:
        """Whether everything is as it should be."""
        return self.compared and not (self.missing or self.surplus or self.differing) and self.fits_ledger

    @property
    def fits_ledger(self) -> bool:
        """Whether there are as many rows as the ledger says."""
        return self.ledger in (None, self.rows)


def verify(
    connection: sa.Connection, lake: Lake, here: AccountHere, dates: Iterable[LakeDate]
) -> Iterator[Verified]:
    """Compare dates; archived ones, whose rows the database no longer has, are read and counted.

    In bounded memory: both sides are read in the order of their keys.
    """
    claimed = ledger_rows(connection, here.account_id)
    for each in dates:
        done = Verified(each.date, each.standpoint, each.rows)
        if done.compared and each.known:
            done.ledger = None if each.state.expired else claimed.get(each.date, 0)
        try:
            _read(connection, lake, here, each, done)
        except UnreadableFile:
            done.standpoint = unread(lake.rows, each.files)
        yield done


def unread(table: DeltaFiles, files: Iterable[TableFile]) -> Standpoint:
    """How it stands with files that could not be read: an export may just have put others in their place."""
    table.refresh()
    standing = {each.path for each in table.standing()}
    return Standpoint.UNREADABLE if all(each.path in standing for each in files) else Standpoint.BEHIND


def _read(connection: sa.Connection, lake: Lake, here: AccountHere, each: LakeDate, done: Verified) -> None:
    if each.standpoint is Standpoint.CURRENT:
        with closing(_in_database(connection, lake, here, each)) as ours:
            _compare(done, ours, _in_lake(lake, each))
    elif each.standpoint is Standpoint.ARCHIVED:
        done.rows = sum(table.num_rows for table in _in_lake(lake, each))


def _in_database(connection: sa.Connection, lake: Lake, here: AccountHere, each: LakeDate) -> Generator[pa.Table]:
    return ahead(lake.rows_in_database(connection, here.name, each.date), PIECES)


def _in_lake(lake: Lake, each: LakeDate) -> Iterator[pa.Table]:
    return chain.from_iterable(lake.rows.read(file.path) for file in each.files)


def _compare(done: Verified, here: Iterator[pa.Table], there: Iterator[pa.Table]) -> None:
    """Table by table as long as they are equal, and row by row from the first difference on."""
    ours, theirs = evenly(here), evenly(there)
    for one, other in zip_longest(ours, theirs):
        if one is None or other is None or not one.equals(other):
            _merge(done, _rows(one, ours), _rows(other, theirs))
            return


def evenly(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in tables of COMPARED_ROWS each; the last one may have fewer."""
    waiting: list[pa.Table] = []
    rows = 0
    for table in tables:
        waiting.append(table)
        rows += table.num_rows
        while rows >= COMPARED_ROWS:
            together = pa.concat_tables(waiting)
            yield together.slice(0, COMPARED_ROWS)
            waiting = [together.slice(COMPARED_ROWS)]
            rows -= COMPARED_ROWS
    if rows:
        yield pa.concat_tables(waiting)


def _rows(first: pa.Table | None, others: Iterator[pa.Table]) -> LakeRows:
    """Row by row; those of one key, which a masked lake may have, in an order that no server decides."""
    tables = chain([] if first is None else [first], others)
    rows = chain.from_iterable(table.to_pylist() for table in tables)
    return chain.from_iterable(sorted(same, key=repr) for _, same in groupby(rows, _key))


def _merge(done: Verified, here: LakeRows, there: LakeRows) -> None:
    for one, other in paired(here, there, _key):
        if one is None or other is None:
            done.surplus += one is None
            done.missing += other is None
            continue
        columns = {name for name, value in one.items() if value != other[name]}
        done.differing += bool(columns)
        done.columns |= columns


def paired(
    here: LakeRows, there: LakeRows, key: Callable[[LakeRow], Any]
) -> Iterator[tuple[LakeRow | None, LakeRow | None]]:
    """The rows of both sides, which are in the order of their keys: those of one key together, or one alone."""
    one, other = next(here, None), next(there, None)
    while one is not None or other is not None:
        if other is None or (one is not None and key(one) < key(other)):
            yield one, None
            one = next(here, None)
        elif one is None or key(other) < key(one):
            yield None, other
            other = next(there, None)
        else:
            yield one, other
            one, other = next(here, None), next(there, None)


def _key(row: LakeRow) -> tuple[str, ...]:
    return tuple(row[name] for name in KEY_ORDER)
