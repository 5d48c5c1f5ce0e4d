"""Repeated keys and rejected rows as they are kept where numbers are erased or replaced."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa

from etl.core.checkrow import ERASED, Key, RejectedRow
from etl.database.sql import STREAMED
from etl.database.types import to_json
from etl.privacy.disguise import ERASED_PAYLOAD, VENDORS_KEY, Disguise, held_key
from etl.schema.tables import KEY, batch, batch_day, rejected_row, repeated_key
from etl.store import versions
from etl.store.rejected import HELD_BY_ANOTHER, digest_of_held

_SAME = [repeated_key.c[name] == sa.bindparam(f"_{name}") for name in ("batch_day_id", *KEY)]


def rewrite_repeats(connection: sa.Connection, disguise: Disguise, account_id: int) -> int:
    """Give the repeated keys of an account the keys under which rows are stored; how many had others."""
    table = repeated_key
    place = (table.c.batch_day_id, table.c.message_id, table.c.phone, batch_day.c.check_date)
    query = sa.select(*place).select_from(table.join(batch_day).join(batch))
    found = connection.execute(query.where(batch.c.account_id == account_id)).all()
    there = {(day, (message_id, phone)) for day, message_id, phone, _ in found}
    changed = 0
    for day, message_id, phone, date in found:
        key = disguise.key((message_id, phone), date)
        if key != (message_id, phone):
            _rename(connection, day, (message_id, phone), None if (day, key) in there else key)
            there.add((day, key))
            changed += 1
    return changed


def _rename(connection: sa.Connection, day: int, old: Key, new: Key | None) -> None:
    """Rename a repeated key. None: the new one is there already, so this one counts no more."""
    line = {"_batch_day_id": day} | {f"_{name}": value for name, value in zip(KEY, old, strict=True)}
    if new is not None:
        values = dict(zip(KEY, new, strict=True))
        connection.execute(sa.update(repeated_key).where(*_SAME).values(values), line)
        return
    repeats = connection.execute(sa.select(repeated_key.c.repeats).where(*_SAME), line).scalar_one()
    connection.execute(sa.delete(repeated_key).where(*_SAME), line)
    less = {"repeated_rows": batch_day.c.repeated_rows - repeats}
    connection.execute(sa.update(batch_day).where(batch_day.c.batch_day_id == day).values(less))
    versions.rise(connection, [day])


def rewrite_rejected(connection: sa.Connection, disguise: Disguise, account_id: int) -> int:
    """Disguise the rejected rows of an account; how many changed.

    One that would become equal to another of its batch day is deleted: the vendor listed one row.
    """
    table = rejected_row
    columns = (
        table.c.rejected_row_id,
        table.c.batch_day_id,
        table.c.reason,
        table.c.payload,
        table.c.digest,
        batch_day.c.check_date,
    )
    query = sa.select(*columns).select_from(table.join(batch_day).join(batch))
    there, lines, gone = _digests(connection, account_id), list[dict[str, Any]](), list[dict[str, Any]]()
    for number, day, reason, payload, digest, date in connection.execute(
        query.where(batch.c.account_id == account_id), execution_options=STREAMED
    ):
        before = RejectedRow(reason, payload, digest)
        after = _disguised(before, disguise, date)
        if after.digest != digest and (day, after.digest) in there:
            gone.append({"number": number})
        elif after != before:
            there.add((day, after.digest))
            lines.append({"number": number, "new_payload": after.payload, "new_digest": after.digest})
    for statement, some in ((_DELETE, gone), (_REWRITE, lines)):
        if some:
            connection.execute(statement, some)
    return len(lines) + len(gone)


def _digests(connection: sa.Connection, account_id: int) -> set[tuple[int, str]]:
    query = sa.select(rejected_row.c.batch_day_id, rejected_row.c.digest)
    query = query.select_from(rejected_row.join(batch_day).join(batch)).where(batch.c.account_id == account_id)
    return {(day, digest) for day, digest in connection.execute(query)}


_NUMBERED = rejected_row.c.rejected_row_id == sa.bindparam("number")
_DELETE: Any = sa.delete(rejected_row).where(_NUMBERED)
_REWRITE: Any = (
    sa.update(rejected_row)
    .where(_NUMBERED)
    .values(payload=sa.bindparam("new_payload"), digest=sa.bindparam("new_digest"))
)


def _disguised(row: RejectedRow, disguise: Disguise, date: dt.date) -> RejectedRow:
    """A row that another account holds is known by its key, under which it will be read again."""
    key = held_key(row.payload) if row.reason == HELD_BY_ANOTHER else None
    if key is None:
        return disguise.rejected(row, date)
    new = disguise.key(key, date)
    payload = disguise.rejected(row, date).payload
    if new != key:
        payload = ERASED_PAYLOAD if new[1] == ERASED else to_json(dict(zip(VENDORS_KEY, new, strict=True)))
    return RejectedRow(row.reason, payload, row.digest if new == key else digest_of_held(new))
