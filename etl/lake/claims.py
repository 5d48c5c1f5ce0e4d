"""What the lake claims about dates: its table `coverage`, written, and compared with v_coverage."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Collection, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from etl.lake.arrowrows import rows_of
from etl.lake.deltafiles import dropped_on_error
from etl.lake.lakes import Lake
from etl.lake.standings import AccountHere, Standpoint
from etl.lake.storages import UnreadableFile
from etl.lake.verifying import LakeRow, LakeRows, paired, unread
from etl.schema.views import COVERAGE
from etl.store.figures import ARCHIVED

_ORDER = ("batch_no", "check_date")
_UNCOMPARED = frozenset({"last_synced_at"})
"""A sync that learns nothing changes it, and no version. The next export brings it all the same."""


def export_claims(connection: sa.Connection, lake: Lake, here: AccountHere, *, full: bool) -> None:
    """What is claimed about the dates, unless the lake has exactly that; `full`: having read it to be sure."""
    digest = hashlib.sha256(here.name.encode())
    with closing(_in_database(connection, lake, here)) as tables:
        written = lake.claims.write(here.new_path(None, 0), _digested(tables, digest))
    version = _version(digest)
    if _has_exactly(lake, here, version, full=full):
        lake.claims.delete(written.path)
        return
    with dropped_on_error(lake.claims, written.path):
        lake.claims.commit(here.name, None, written, here.claims, {here.mark("coverage"): version})


def _has_exactly(lake: Lake, here: AccountHere, version: int, *, full: bool) -> bool:
    if here.claims_mark != version or here.claims_changed or here.claims[0].account != here.name:
        return False
    try:
        return _is_intact(lake, here) if full else lake.claims.has_file(here.claims[0].path)
    except UnreadableFile:
        return False


def _in_database(connection: sa.Connection, lake: Lake, here: AccountHere) -> Generator[pa.Table]:
    return rows_of(connection, COVERAGE.name, lake.claims.inside, {"account": here.name}, _ORDER)


def _digested(tables: Iterable[pa.Table], digest: Any) -> Iterator[pa.Table]:
    for table in tables:
        for row in table.to_pylist():
            digest.update(repr(tuple(row.values())).encode())
        yield table


def _version(digest: Any) -> int:
    return int.from_bytes(digest.digest()[:8]) >> 1


# -- compared -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class VerifiedClaims:
    """What came of the table `coverage` of an account. `standpoint`: BEHIND where the next export puts it right.

    `lines`: how many lines differ, are missing or are too many, by their dates; `columns`: where they differ.
    """

    standpoint: Standpoint = Standpoint.CURRENT
    lines: dict[dt.date, int] = field(default_factory=lambda: defaultdict(int))
    columns: set[str] = field(default_factory=set)


def verify_claims(
    connection: sa.Connection, lake: Lake, here: AccountHere, dates: Collection[dt.date]
) -> VerifiedClaims:
    """Compare what the lake claims about these dates, which are there as the database has them."""
    done = VerifiedClaims()
    if here.claims_changed:
        done.standpoint = Standpoint.CHANGED
        return done
    try:
        intact = _is_intact(lake, here)
        with closing(_in_database(connection, lake, here)) as ours:
            _compare(done, ours, _in_lake(lake, here), dates)
    except UnreadableFile:
        return VerifiedClaims(unread(lake.claims, here.claims))
    if not intact:
        done.standpoint = Standpoint.CHANGED
    elif done.lines:
        done.standpoint = Standpoint.BEHIND
    return done


def _is_intact(lake: Lake, here: AccountHere) -> bool:
    """Whether what was exported is still what its file says. Under a former name, nobody can tell."""
    if not here.claims or here.claims[0].account != here.name:
        return True
    digest = hashlib.sha256(here.name.encode())
    columns = [name for name in lake.claims.inside.names if name in lake.claims.columns_of(here.claims[0].path)]
    for _ in _digested((table.select(columns) for table in _in_lake(lake, here)), digest):
        pass
    return here.claims_mark == _version(digest)


def _in_lake(lake: Lake, here: AccountHere) -> Iterator[pa.Table]:
    return chain.from_iterable(lake.claims.read(file.path) for file in here.claims)


def _compare(
    done: VerifiedClaims, here: Iterator[pa.Table], there: Iterator[pa.Table], dates: Collection[dt.date]
) -> None:
    for one, other in paired(_rows(here), _rows(there), _key):
        date = (one or other or {})["check_date"]
        columns = _differing(one, other) if one and other else set()
        if date in dates and (columns or not (one and other)):
            done.lines[date] += 1
            done.columns |= columns


def _differing(one: LakeRow, other: LakeRow) -> set[str]:
    # That a date has left the database is no news for who reads the lake.
    aside = _UNCOMPARED | ({"state"} if one["state"] == ARCHIVED else set())
    return {name for name in one.keys() - aside if one[name] != other[name]}


def _rows(tables: Iterator[pa.Table]) -> LakeRows:
    return chain.from_iterable(table.to_pylist() for table in tables)


def _key(row: LakeRow) -> tuple[str, dt.date]:
    return row["batch_no"], row["check_date"]
