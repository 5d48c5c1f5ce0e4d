"""Archived dates stand in the lake alone: who is erased, pseudonymised or expired has to leave them there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa
import sqlalchemy as sa

from etl.core.checkrow import ERASED, CheckRow
from etl.database.types import from_json, same_json, to_json
from etl.errors import Misconfigured
from etl.lake.deltafiles import dropped_on_error
from etl.lake.lakefile import file_at
from etl.lake.lakes import Lake
from etl.lake.standings import AccountHere, LakeDate, Standpoint
from etl.privacy.disguise import Disguise
from etl.privacy.macs import Macs
from etl.store import erasures

_KEPT_OF_ERASED = (
    "batch_no", "check_level", "check_level_name", "region_code", "region_name", "price",
    "currency", "first_seen_at", "last_changed_at",
)  # fmt: skip
_FIELDS = CheckRow._fields
_NOBODY = CheckRow._make([None] * len(CheckRow._fields))


class ForgettingCount(Protocol):
    """Where it is noted which dates were written again, and which are gone."""

    rewritten: list[dt.date]
    removed: list[dt.date]


@dataclass(slots=True)
class _Rewriting:
    """How the rows of a date are written again, and whether any has changed."""

    disguise: Disguise | None
    date: dt.date
    changed: int = 0

    def of(self, tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
        for table in tables:
            yield table if self.disguise is None else self._disguised(self.disguise, table)

    def _disguised(self, disguise: Disguise, table: pa.Table) -> pa.Table:
        rows = table.to_pylist()
        new = [row_as_it_must_be(disguise, row, self.date) for row in rows]
        changed = sum(old is not now for old, now in zip(rows, new, strict=True))
        self.changed += changed
        return pa.Table.from_pylist(new, table.schema) if changed else table


def forget(
    connection: sa.Connection,
    lake: Lake,
    here: AccountHere,
    macs: Macs | None,
    done: ForgettingCount,
    *,
    full: bool,
) -> None:
    """Bring the archived dates into line with what was done with the numbers of people.

    `full`: also take what somebody else has written there for ours. Raises Misconfigured where the key is missing.
    """
    for each in here.dates:
        if each.standpoint is Standpoint.EXPIRED:
            lake.rows.commit(here.name, each.date, None, each.files, {here.mark(each.date): each.state.version})
            done.removed.append(each.date)
    archived = [each for each in here.dates if each.state.archived and not each.state.expired and each.files]
    disguise = _disguise(connection, here, macs) if archived and not lake.masked else None
    for each in archived:
        foreign = full and each.standpoint is Standpoint.CHANGED
        if (foreign or disguise is not None) and _write_again(lake, here, each, disguise, always=foreign):
            done.rewritten.append(each.date)


def _disguise(connection: sa.Connection, here: AccountHere, macs: Macs | None) -> Disguise | None:
    """What maps the rows of this account; None where there is nothing to be done, or nothing new."""
    privacy = erasures.of_account(connection, here.account_id)
    if here.people == here.people_mark or not (privacy.any_erased or privacy.pseudonyms):
        return None
    if macs is None:
        raise Misconfigured(
            f"Numbers of the account {here.name!r} were erased or replaced since the last export, and only the key"
            " can tell which rows of the lake are theirs.",
            "set NUMBERCHECK_PRIVACY_KEY_FILE for this command too.",
        )
    erasures.require_key(connection, macs)
    erased = erasures.erased_of(connection, here.account_id, macs)
    return Disguise(macs, erased, pseudonyms=privacy.pseudonyms is not None)


def _write_again(
    lake: Lake, here: AccountHere, each: LakeDate, disguise: Disguise | None, *, always: bool
) -> bool:
    """Write a date of the lake again from its own rows; whether that was needed."""
    old = file_at(each.files[0].path)
    version = max(each.mark or 0, old.version if old else 0) + 1  # what it takes the place of is known by that
    work = _Rewriting(disguise, each.date)
    if not always and not _touched(lake, each, work):
        return False
    tables = work.of(_rows(lake, each))
    written = lake.rows.write(here.new_path(each.date, version), tables)
    with dropped_on_error(lake.rows, written.path):
        lake.rows.commit(here.name, each.date, written, each.files, {here.mark(each.date): version})
    return True


def _touched(lake: Lake, each: LakeDate, work: _Rewriting) -> bool:
    """Whether any row would change; the rows before it are looked at twice then."""
    return any(work.changed for _ in work.of(_rows(lake, each)))


def _rows(lake: Lake, each: LakeDate) -> Iterator[pa.Table]:
    for file in each.files:
        yield from lake.rows.read(file.path)


def row_as_it_must_be(disguise: Disguise, row: dict[str, Any], date: dt.date) -> dict[str, Any]:
    """A row of the lake as it has to be: the same object where nothing changes."""
    before = _check_of(row)
    after = disguise.row(before, date)
    if after == before:
        return row
    changes = {name: new for name, old, new in zip(_FIELDS, before, after, strict=True) if old != new}
    if changes.get("extra") is not None:
        changes["extra"] = same_json(to_json(changes["extra"]))
    if after.phone == ERASED:
        return dict.fromkeys(row) | {name: row[name] for name in _KEPT_OF_ERASED} | changes
    return row | changes


def _check_of(row: dict[str, Any]) -> CheckRow:
    """As the vendor sent it, but for the kind of number, which the lake has in another form."""
    values: dict[str, Any] = {name: row.get(name) for name in _FIELDS if name != "number_type"}
    if values["extra"] is not None:
        values["extra"] = from_json(values["extra"])
    return _NOBODY._replace(**values)
