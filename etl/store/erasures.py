"""What is known of erased numbers and pseudonyms: the key's fingerprint, codes, the state of accounts, the log."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import sqlalchemy as sa

from etl.database.sql import STREAMED, insert_missing
from etl.database.upsert import upsert
from etl.errors import Misconfigured
from etl.privacy.erased import Erased, ErasedForm, together
from etl.privacy.macs import Macs
from etl.schema.tables import (
    account,
    batch,
    batch_day,
    erased_phone,
    number_check,
    privacy_key,
    privacy_log,
    rejected_row,
)

ON, BEGUN_PSEUDONYMS = "on", "begun"
"""The states of `account.pseudonyms`; NULL: numbers are stored as they are."""
_COLUMNS = ("account_id", "mac", "digits", "whole", "erased_at", "until_date")

ANOTHER_KEY = (
    "NUMBERCHECK_PRIVACY_KEY is not the key with which this database has erased numbers or made pseudonyms."
)
RIGHT_KEY = (
    "set the key that was used before. If it is lost: what is stored can be read, copied and expired as before,"
    " but nothing more can be erased here, and no sync of an account with erased numbers or pseudonyms can run."
    " docs/privacy.md says how to begin anew"
)


@dataclass(frozen=True, slots=True)
class Privacy:
    """What matters to a run of an account (its name). `fingerprint`: None where no key was ever used."""

    account: str
    fingerprint: str | None
    pseudonyms: str | None
    any_erased: bool


def of_account(connection: sa.Connection, account_id: int) -> Privacy:
    """What is known, in one query."""
    any_erased = sa.exists().where(erased_phone.c.account_id == account.c.account_id)
    key = sa.select(privacy_key.c.fingerprint).scalar_subquery()
    query = sa.select(account.c.name, key, account.c.pseudonyms, any_erased)
    found = connection.execute(query.where(account.c.account_id == account_id))
    name, fingerprint, pseudonyms, erased = found.one()
    return Privacy(name, fingerprint, pseudonyms, bool(erased))


def require_key(connection: sa.Connection, macs: Macs, moment: dt.datetime | None = None) -> None:
    """Refuse another key than the one that was used before (Misconfigured). `moment`: keep a new one."""
    line = {"number": 1, "fingerprint": macs.fingerprint(), "since": moment}
    if moment is not None:
        insert_missing(connection, privacy_key, [line])
    known = connection.execute(sa.select(privacy_key.c.fingerprint)).scalar_one_or_none()
    if known not in (None, line["fingerprint"]):
        raise another_key()


def another_key() -> Misconfigured:
    """The error that the key is not the one that was used before."""
    return Misconfigured(ANOTHER_KEY, f"{RIGHT_KEY}.")


def erased_forms(connection: sa.Connection, account_id: int) -> Iterator[ErasedForm]:
    """The erased numbers of an account, as codes."""
    columns = (erased_phone.c[name] for name in ("mac", "digits", "whole", "until_date"))
    query = sa.select(*columns).where(erased_phone.c.account_id == account_id)
    for mac, digits, whole, until in connection.execute(query, execution_options=STREAMED):
        yield ErasedForm(mac, digits, bool(whole), until)


def erased_of(connection: sa.Connection, account_id: int, macs: Macs) -> Erased:
    """The erased numbers of an account, ready to be compared with others."""
    return Erased(macs, erased_forms(connection, account_id))


def keep_erased(
    connection: sa.Connection, account_id: int, found: Iterable[ErasedForm], moment: dt.datetime
) -> None:
    """Note that numbers are erased; what an earlier note erases stays erased. The caller holds the lock."""
    known = together(erased_forms(connection, account_id))
    lines = {form.mac: form.joined(known.get(form.mac, form)) for form in together(found).values()}
    rows = [(account_id, form.mac, form.digits, form.whole, moment, form.until) for form in lines.values()]
    upsert(connection, erased_phone, _COLUMNS, rows, fixed=("erased_at",))


def set_pseudonyms(connection: sa.Connection, account_id: int, state: str) -> None:
    """Note how far the pseudonyms of an account are."""
    connection.execute(sa.update(account).where(account.c.account_id == account_id).values(pseudonyms=state))


def any_pseudonyms(connection: sa.Connection) -> bool:
    """Whether any account stores pseudonyms, which only who has the key can look for."""
    query = sa.select(account.c.account_id).where(account.c.pseudonyms.is_not(None)).limit(1)
    return connection.execute(query).first() is not None


def holds_rows(connection: sa.Connection, account_id: int) -> bool:
    """Whether an account has any check or rejected row."""
    some = sa.select(sa.literal(1)).where(batch.c.account_id == account_id).limit(1)
    queries = (some.select_from(table.join(batch_day).join(batch)) for table in (number_check, rejected_row))
    return any(connection.execute(query).first() is not None for query in queries)


@dataclass(frozen=True, slots=True)
class LogLine:
    """What was done for an account. `reason` must hold no number."""

    account_id: int
    action: str
    who: str
    phones: int
    changed_rows: int
    reason: str | None = None


def note_action(connection: sa.Connection, line: LogLine, moment: dt.datetime, *, again: int | None = None) -> int:
    """Add a line to the log, in the transaction that did it; returns the line's number.

    `again`: the number of a line that was added for the same call, and is brought up to date.
    """
    values = {name: getattr(line, name) for name in LogLine.__slots__} | {"happened_at": moment}
    if again is not None:
        connection.execute(sa.update(privacy_log).where(privacy_log.c.privacy_log_id == again).values(values))
        return again
    added = connection.execute(sa.insert(privacy_log).values(values)).inserted_primary_key
    return int(cast(Any, added)[0])


def actions_so_far(connection: sa.Connection, account_id: int) -> int:
    """A number that grows with everything that is done with the numbers of people of an account."""
    query = sa.select(sa.func.count(), sa.func.sum(privacy_log.c.changed_rows))
    lines, rows = connection.execute(query.where(privacy_log.c.account_id == account_id)).one()
    return int(lines) + int(rows or 0)


class PrivacyAction(NamedTuple):
    """A line of the log. `happened_at`: UTC. `phones`: how many numbers it was about."""

    happened_at: dt.datetime
    action: str
    account: str
    who: str
    phones: int
    changed_rows: int
    reason: str | None


def last_actions(connection: sa.Connection, most: int | None) -> list[PrivacyAction]:
    """The newest lines of the log, the last one first; None: all of them."""
    columns = (account.c.name if name == "account" else privacy_log.c[name] for name in PrivacyAction._fields)
    query = sa.select(*columns).select_from(privacy_log.join(account))
    return [
        PrivacyAction(*row)
        for row in connection.execute(query.order_by(privacy_log.c.privacy_log_id.desc()).limit(most))
    ]
