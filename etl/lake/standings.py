"""What of an account is where: each of its dates, in the database and in the lake."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

import sqlalchemy as sa

from etl.lake.deltafiles import DeltaFiles, TableFile
from etl.lake.lakefile import LakeFile, file_at, folder, new_file
from etl.lake.lakes import Lake
from etl.store import erasures
from etl.store.lakedates import DateState, database_id, date_states


class Standpoint(StrEnum):
    """How a date of the lake compares with the database."""

    CURRENT = "current"
    BEHIND = "behind"
    ARCHIVED = "archived"
    EXPIRED = "expired"
    """Archived, and to be removed."""
    LOST = "lost"
    """Archived, and not there."""
    CHANGED = "changed"
    """Somebody else has written it, or removed it."""
    UNKNOWN = "unknown"
    """The database knows nothing of it: perhaps it was restored from a backup."""
    UNREADABLE = "unreadable"
    """Its file is gone or damaged; only who reads it knows."""


@dataclass(frozen=True, slots=True)
class LakeDate:
    """A date of an account. `state`: of the database. `files`: of the lake. `mark`: the exported version.

    `moved`: the files are under a former name of the account. `known`: whether the database knows the date.
    """

    date: dt.date
    state: DateState
    files: tuple[TableFile, ...]
    mark: int | None
    moved: bool = False
    known: bool = True

    @property
    def rows(self) -> int:
        """Its rows in the lake."""
        return sum(each.rows for each in self.files)

    @property
    def standpoint(self) -> Standpoint:
        """How it compares."""
        if self.state.archived and self.state.expired:
            return Standpoint.EXPIRED if self.files else Standpoint.ARCHIVED
        if not self._as_exported():
            return Standpoint.CHANGED
        if not self.known:
            return Standpoint.UNKNOWN if self.rows else Standpoint.CURRENT
        if self.moved:
            return Standpoint.BEHIND
        if self.state.archived:
            return Standpoint.ARCHIVED if self.files else Standpoint.LOST
        return Standpoint.CURRENT if self.mark == self.state.version else Standpoint.BEHIND

    def _as_exported(self) -> bool:
        """Whether its files are what was exported last: one file with that version in its name, or none yet."""
        found = [file_at(each.path) for each in self.files]
        return [file and file.version for file in found] == ([] if self.mark is None else [self.mark])


@dataclass(frozen=True, slots=True)
class AccountHere:
    """An account, here and there. `claims`: the files of its coverage.

    `people`: how much was done with the numbers of people in the database, `people_mark`: in the lake.
    `renamed`, `others`: files of this account under a former name, files of another database under its name.
    """

    database: str
    account_id: int
    name: str
    dates: tuple[LakeDate, ...]
    claims: tuple[TableFile, ...]
    claims_mark: int | None
    people: int
    people_mark: int
    renamed: tuple[TableFile, ...] = ()
    others: tuple[TableFile, ...] = field(default=())

    @property
    def claims_changed(self) -> bool:
        """Whether somebody else has written its coverage, or removed it."""
        ours = [file_at(each.path) is not None for each in self.claims]
        return ours != ([] if self.claims_mark is None else [True])

    def mark(self, what: str | dt.date) -> str:
        """The name of a mark of this account; a name for people would change with the account's."""
        return mark_name(self.database, self.account_id, what)

    def new_path(self, date: dt.date | None, version: int) -> str:
        """Where a new file goes: of this version of a date, or of its coverage (None)."""
        return f"{folder(self.name, date)}/{new_file(self.database, self.account_id, version).name}"


def mark_name(database: str, account_id: int, what: str | dt.date) -> str:
    return f"numbercheck/{database}/{account_id}/{what}"


def account_here(connection: sa.Connection, lake: Lake, account_id: int, name: str) -> AccountHere:
    """What is where, in the view of this transaction and of the lake as it was opened."""
    database = database_id(connection)
    mine, renamed, others = _sorted_out(lake.rows.standing(), database, account_id, name)
    by_date: dict[dt.date, list[TableFile]] = defaultdict(list)
    for each in (*mine, *renamed):
        if each.date is not None:
            by_date[each.date].append(each)
    states = {state.date: state for state in date_states(connection, account_id)}
    dates = [
        LakeDate(
            date,
            states.get(date) or DateState(date, 0, archived=False, expired=False, erased_rows=0),
            tuple(by_date[date]),
            lake.rows.mark(mark_name(database, account_id, date)),
            moved=any(each.account != name for each in by_date[date]),
            known=date in states,
        )
        for date in sorted(states.keys() | by_date.keys())
    ]
    claims, old_claims, other_claims = _sorted_out(lake.claims.standing(), database, account_id, name)
    return AccountHere(
        database,
        account_id,
        name,
        tuple(dates),
        (*claims, *old_claims),
        lake.claims.mark(mark_name(database, account_id, "coverage")),
        erasures.actions_so_far(connection, account_id),
        lake.rows.mark(mark_name(database, account_id, "people")) or 0,
        renamed,
        (*others, *other_claims),
    )


def _sorted_out(
    found: Iterable[TableFile], database: str, account_id: int, name: str
) -> tuple[tuple[TableFile, ...], tuple[TableFile, ...], tuple[TableFile, ...]]:
    """The files under this account's name, its own under another name, and those of other databases under its."""
    mine, renamed, others = list[TableFile](), list[TableFile](), list[TableFile]()
    for each in found:
        file = file_at(each.path)
        own = file is not None and is_of(file, database, account_id)
        if each.account == name:
            (others if file is not None and not own else mine).append(each)
        elif own:
            renamed.append(each)
    return tuple(mine), tuple(renamed), tuple(others)


def is_of(file: LakeFile, database: str, account_id: int) -> bool:
    """Whether a file is of this account of this database."""
    return (file.database, file.account) == (database, account_id)


def rows_under(table: DeltaFiles, name: str) -> int:
    """The rows of an account's name in a table of the lake."""
    return sum(each.rows for each in table.standing() if each.account == name)
