"""Erases what is stored about phone numbers, so that it stays erased: `numbercheck privacy erase` and `import`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

import sqlalchemy as sa

from etl.admin.nosync import lock_all
from etl.database.rewriting import rewrite
from etl.database.sql import STREAMED, chunks
from etl.privacy.disguise import Disguise
from etl.privacy.erased import Erased, ErasedForm, forms
from etl.privacy.macs import MARK, Macs
from etl.privacy.numbers import spellings
from etl.schema.tables import batch, batch_day, carrier, category, number_check
from etl.scrub import scrub_foreign
from etl.store import accounts, erasures, lock, versions
from etl.store.erasures import LogLine
from etl.store.held import Change, HeldCheck, change, find_checks
from etl.store.lookups import Lookups
from etl.store.rewritten import rewrite_rejected, rewrite_repeats

ANY_DATE = dt.date.min
"""Every erased number is erased for it."""
_NO_DIGITS = {"sqlite": ("GLOB", "*[^0-9]*"), "postgresql": ("~", "[^0-9]")}


@dataclass(frozen=True, slots=True)
class ErasureOrder:
    """What is to be erased, for whom and why. `moment`: now (UTC). `accounts`: their names; empty: all.

    `by_account`: the forms of each account alone; all accounts get `given` as well. `numbers`: the numbers
    themselves where they are known; otherwise every phone is looked at. `phones`: how many.
    """

    macs: Macs
    given: tuple[ErasedForm, ...]
    numbers: tuple[str, ...]
    phones: int
    action: str
    who: str
    moment: dt.datetime
    accounts: tuple[str, ...] = ()
    reason: str | None = None
    by_account: Mapping[str, tuple[ErasedForm, ...]] | None = None


def order_of(macs: Macs, numbers: Collection[str], until: dt.date | None) -> tuple[ErasedForm, ...]:
    """The forms of these numbers, erased for the checks of dates up to `until`; None: of all."""
    return tuple(form for number in numbers for form in forms(macs, number, until))


def erase(engine: sa.Engine, order: ErasureOrder) -> dict[str, int]:
    """Erase, in one transaction under the locks of the accounts. Returns how many rows of each were changed.

    Raises Locked, Misconfigured (another key), TryLater (a lock was lost).
    """
    with engine.connect() as connection, ExitStack() as stack:
        locks = lock_all(connection, stack, f"numbercheck privacy {order.action}", order.accounts)
        with connection.begin():
            erasures.require_key(connection, order.macs, order.moment)
            numbers = accounts.numbered(connection, order.accounts)
            done = {name: _erase(connection, order, name, number) for name, number in numbers.items()}
            _scrub_carriers(connection, Erased(order.macs, _all_forms(order)))
            for each in locks:
                lock.verify(each)
        rewrite(engine)
    return done


def _all_forms(order: ErasureOrder) -> Iterator[ErasedForm]:
    yield from order.given
    for some in (order.by_account or {}).values():
        yield from some


def _erase(connection: sa.Connection, order: ErasureOrder, name: str, account_id: int) -> int:
    mine = (*order.given, *(order.by_account or {}).get(name, ()))
    erasures.keep_erased(connection, account_id, mine, order.moment)
    pseudonyms = erasures.of_account(connection, account_id).pseudonyms == erasures.ON
    disguise = Disguise(order.macs, erasures.erased_of(connection, account_id, order.macs))
    changes = list(_changes(connection, disguise, order, account_id, pseudonyms=pseudonyms))
    change(connection, Lookups(), changes, order.moment)
    rows = len(changes) + rewrite_repeats(connection, disguise, account_id)
    rows += rewrite_rejected(connection, disguise, account_id)
    line = LogLine(account_id, order.action, order.who, order.phones, rows, order.reason)
    erasures.note_action(connection, line, order.moment)
    return rows


def _changes(
    connection: sa.Connection, disguise: Disguise, order: ErasureOrder, account_id: int, *, pseudonyms: bool
) -> Iterator[Change]:
    """What becomes of the rows of these numbers, and of rows that name them elsewhere than in their phone."""
    done = set()
    for held in _candidates(connection, disguise, order, account_id, pseudonyms=pseudonyms):
        after = disguise.row(held.row, held.date)
        if after != held.row and held.row.key not in done:
            done.add(held.row.key)
            yield Change(held, after)


def _candidates(
    connection: sa.Connection, disguise: Disguise, order: ErasureOrder, account_id: int, *, pseudonyms: bool
) -> Iterator[HeldCheck]:
    mine = batch.c.account_id == account_id
    phones = _spelled(order) if order.numbers else _known_by_code(connection, disguise.erased, account_id)
    for some in chunks(set(phones)):
        yield from find_checks(connection, mine, number_check.c.phone.in_(some))
    yield from find_checks(connection, mine, odd_pseudonyms() if pseudonyms else telling(connection))


def _spelled(order: ErasureOrder) -> Iterator[str]:
    for number in order.numbers:
        yield from (*spellings(number), order.macs.pseudonym(number))


def _known_by_code(connection: sa.Connection, erased: Erased, account_id: int) -> Iterator[str]:
    """The phones of an account that are erased; each of its phones is looked at."""
    query = sa.select(number_check.c.phone).distinct().select_from(number_check.join(batch_day).join(batch))
    found = connection.execute(query.where(batch.c.account_id == account_id), execution_options=STREAMED)
    yield from (phone for phone in found.scalars() if erased.has(phone, ANY_DATE))


def telling(connection: sa.Connection) -> sa.ColumnElement[bool]:
    """Rows that may name a number elsewhere than in a phone of plain digits: in free text, in another spelling."""
    checks = number_check.c
    operator, pattern = _NO_DIGITS.get(connection.dialect.name, ("REGEXP", "[^0-9]"))
    odd = checks.phone.bool_op(operator)(pattern)
    return sa.or_(checks.extra.is_not(None), checks.fail_reason.is_not(None), odd)


def odd_pseudonyms() -> sa.ColumnElement[bool]:
    """Rows whose pseudonym tells a spelling as well: no index finds it by the number's code."""
    phone = number_check.c.phone
    return sa.and_(phone.startswith(MARK), sa.func.length(phone) > len(Macs("").pseudonym("1")))


def _scrub_carriers(connection: sa.Connection, erased: Erased) -> None:
    """The vendor may have sent a number where a carrier should be."""
    for number, name in connection.execute(sa.select(carrier.c.carrier_id, carrier.c.name)).all():
        if erased.is_in([name], ANY_DATE):
            other = f"{scrub_foreign(name)[:230]} ({number})"
            connection.execute(sa.update(carrier).where(carrier.c.carrier_id == number).values(name=other))
            versions.rise(connection, _days_of_carrier(connection, number))


def _days_of_carrier(connection: sa.Connection, number: int) -> Collection[int]:
    """The batch days under which rows with this carrier stand, of whichever account."""
    query = sa.select(number_check.c.batch_day_id).distinct().join_from(number_check, category)
    return connection.execute(query.where(category.c.carrier_id == number)).scalars().all()
