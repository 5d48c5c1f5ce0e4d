"""Writes the rows of a page. The caller's transaction holds the ledger's line about it as well."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import astuple, dataclass, fields
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from etl.api.answers import Page
from etl.api.rows import CheckRow, RejectedRow
from etl.asking import Listed
from etl.store import waiting
from etl.store.lookups import Lookups
from etl.store.schema import (
    KEY,
    call_result,
    carrier,
    further_sighting,
    hlr_result,
    number_check,
    rejected_row,
    repeated_key,
)
from etl.store.sql import insert_missing, upsert

Key = tuple[str, str]

HLR = ("validity", "reachable", "roaming", "mcc", "mnc", "ported", "active")
CALL = ("early", "answered", "response")
CHECK = tuple(c.name for c in number_check.c if c.name in {f.name for f in fields(CheckRow)} and c.name not in KEY)
FIELDS = tuple(field.name for field in fields(CheckRow))
# An older answer may arrive last: what came out of a check is never replaced by a blank.
OUTCOME = frozenset({*HLR, *CALL, "carrier", "price", "currency"})

_values_of = attrgetter(*FIELDS)


@dataclass(slots=True)
class Stored:
    """What storing a page did. `new_keys`, `new_rejected`: what this batch day did not have before."""

    received: int = 0
    inserted: int = 0
    updated: int = 0
    rejected: int = 0
    new_keys: int = 0
    new_rejected: int = 0

    @property
    def unchanged(self) -> int:
        """Rows that were there already, as they are."""
        return self.received - self.inserted - self.updated - self.rejected

    def __add__(self, other: Stored) -> Stored:
        return Stored(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


def store(
    connection: sa.Connection,
    lookups: Lookups,
    day_id: int,
    page: Page,
    *,
    at_page: int | None,
    moment: dt.datetime,
    fixed: Collection[Key] = (),
) -> Stored:
    """Insert or update a page's rows and keep its rejected ones.

    `at_page`: None where it counts no page. `fixed`: keys under which the vendor lists several rows; what is
    held of them stays, or the one that is rejected would replace it.
    """
    there = _held(connection, page.rows)
    new = [row for row in page.rows if row.key not in there]
    merged = {
        row.key: there[row.key][1] if row.key in fixed else _merge(there[row.key][1], row)
        for row in page.rows
        if row.key in there
    }
    changed = [row for row in merged.values() if row != there[row.key][1]]
    _write(connection, lookups, day_id, new + changed, moment)
    elsewhere = [key for key in merged if there[key][0] != day_id]
    waiting.note(connection, day_id, new, merged.values(), page, at_page, moment)
    return Stored(
        page.received,
        len(new),
        len(changed),
        len(page.rejected),
        len(new) + _sight(connection, day_id, elsewhere),
        _reject(connection, day_id, page.rejected, at_page or page.number, moment),
    )


def listed(connection: sa.Connection, day_id: int) -> dict[Key, Listed]:
    """The keys known to be listed more than once in this batch day, and how often beyond the first."""
    table = repeated_key
    query = sa.select(table.c.message_id, table.c.phone, table.c.repeats, table.c.conflicts)
    found = connection.execute(query.where(table.c.batch_day_id == day_id))
    return {(row.message_id, row.phone): Listed(row.repeats, row.conflicts) for row in found}


def note_listed(connection: sa.Connection, day_id: int, key: Key, now: Listed) -> int:
    """Keep how often a key is listed beyond its first time; by how many repeats that differs from before."""
    before = listed(connection, day_id).get(key, Listed(0, 0))
    if now != before:
        row = {"batch_day_id": day_id, "message_id": key[0], "phone": key[1], **now._asdict()}
        upsert(connection, repeated_key, [row], ("batch_day_id", *KEY))
    return now.repeats - before.repeats


def _held(connection: sa.Connection, rows: Collection[CheckRow]) -> dict[Key, tuple[int, CheckRow]]:
    """The rows held under the keys of `rows`, each with the batch day under which it was first seen."""
    if not rows:
        return {}
    keys = {row.key for row in rows}
    found = connection.execute(
        _HELD, {"message_ids": sorted({key[0] for key in keys}), "phones": sorted({key[1] for key in keys})}
    )
    return {(row[1], row[2]): (row[0], CheckRow(*row[1:])) for row in found if (row[1], row[2]) in keys}


def _select_held() -> sa.Select[Any]:
    columns = {c.name: c for table in (call_result, hlr_result, number_check) for c in table.c}
    columns["carrier"] = carrier.c.name
    joined = number_check.outerjoin(carrier).outerjoin(
        hlr_result, sa.and_(*(hlr_result.c[name] == number_check.c[name] for name in KEY))
    )
    joined = joined.outerjoin(call_result, sa.and_(*(call_result.c[name] == number_check.c[name] for name in KEY)))
    return (
        sa.select(number_check.c.batch_day_id, *(columns[name] for name in FIELDS))
        .select_from(joined)
        .where(
            number_check.c.message_id.in_(sa.bindparam("message_ids", expanding=True)),
            number_check.c.phone.in_(sa.bindparam("phones", expanding=True)),
        )
    )


_HELD = _select_held()


def _merge(old: CheckRow, new: CheckRow) -> CheckRow:
    """The vendor's last word, but for outcomes that it leaves blank."""
    pairs = zip(FIELDS, _values_of(old), _values_of(new), strict=True)
    return CheckRow(*(before if after is None and name in OUTCOME else after for name, before, after in pairs))


def _write(
    connection: sa.Connection, lookups: Lookups, day_id: int, rows: list[CheckRow], moment: dt.datetime
) -> None:
    if not rows:
        return
    lookups.ensure(connection, rows)
    times = {"first_seen_at": moment, "last_changed_at": moment}
    checks = [
        _columns(row, CHECK) | {"carrier_id": lookups.carrier_id(row.carrier), "batch_day_id": day_id} | times
        for row in rows
    ]
    keep = {"carrier_id", *OUTCOME}
    upsert(connection, number_check, checks, KEY, keep, fixed=("batch_day_id", "first_seen_at"))
    for table, names in ((hlr_result, HLR), (call_result, CALL)):
        results = [_columns(row, names) for row in rows if any(getattr(row, name) is not None for name in names)]
        upsert(connection, table, results, KEY, keep)


def _columns(row: CheckRow, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in (*KEY, *names)}


def _sight(connection: sa.Connection, day_id: int, keys: Collection[Key]) -> int:
    """Note keys that stand in BI under another batch day; how many of them are new here."""
    if not keys:
        return 0
    table = further_sighting
    query = sa.select(table.c.message_id, table.c.phone).where(
        table.c.batch_day_id == day_id,
        table.c.message_id.in_(sorted({key[0] for key in keys})),
        table.c.phone.in_(sorted({key[1] for key in keys})),
    )
    known = {(message_id, phone) for message_id, phone in connection.execute(query)}
    new = [{"batch_day_id": day_id, "message_id": m, "phone": p} for m, p in keys if (m, p) not in known]
    insert_missing(connection, table, new)
    return len(new)


def _reject(
    connection: sa.Connection, day_id: int, rows: Iterable[RejectedRow], page: int, moment: dt.datetime
) -> int:
    """Keep rejected rows, each once however often it is read; how many are new."""
    by_digest = {row.digest: row for row in rows}
    if not by_digest:
        return 0
    table = rejected_row
    query = sa.select(table.c.digest).where(table.c.batch_day_id == day_id, table.c.digest.in_(list(by_digest)))
    known = set(connection.execute(query).scalars())
    new = [
        {
            "batch_day_id": day_id,
            "page": page,
            "reason": row.reason,
            "payload": row.payload,
            "digest": digest,
            "seen_at": moment,
        }
        for digest, row in by_digest.items()
        if digest not in known
    ]
    insert_missing(connection, table, new)
    return len(new)
