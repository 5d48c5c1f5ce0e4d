"""Finds where numbers are stored: what `numbercheck privacy find` shows."""

from __future__ import annotations

import datetime as dt
import secrets
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from etl.admin.erasing import odd_pseudonyms, telling
from etl.database.sql import STREAMED, chunks
from etl.privacy.disguise import texts_of
from etl.privacy.erased import Erased, abroad, forms
from etl.privacy.macs import Macs, is_pseudonym, mac_in
from etl.privacy.numbers import lacks_country, number_of, spellings
from etl.schema.tables import account, batch, batch_day, number_check, rejected_row
from etl.store.held import HeldCheck, find_checks

PHONE, TEXT, REJECTED = "phone", "text", "rejected row"
"""In what a number was found."""


@dataclass(frozen=True, slots=True)
class NumberPlace:
    """Where a number is. `line`: that of the file, counted from 1. `where`: in what. `rows`: in how many."""

    line: int
    account: str
    batch_no: str
    check_date: dt.date
    where: str
    rows: int


_Spot = tuple[int, int, str]  # the line of the file, the batch day, in what


def find(
    connection: sa.Connection, macs: Macs | None, numbers: Mapping[int, str], names: Sequence[str]
) -> list[NumberPlace]:
    """Where these numbers (by their lines) are stored. `macs`: None where no pseudonym can be computed."""
    search = _Search(macs or Macs(secrets.token_hex(32)), numbers)
    spots: Counter[_Spot] = Counter()
    for held in _checks(connection, search):
        spots.update((line, held.day_id, where) for line, where in search.in_check(held))
    for day, payload in connection.execute(_REJECTED, execution_options=STREAMED):
        spots.update((line, day, REJECTED) for line in search.in_texts([payload]))
    days = _days(connection, {day for _, day, _ in spots}, names)
    places = [
        NumberPlace(line, *days[day], where, rows) for (line, day, where), rows in spots.items() if day in days
    ]
    return sorted(places, key=lambda place: (place.line, place.account, place.check_date, place.batch_no))


_REJECTED = sa.select(rejected_row.c.batch_day_id, rejected_row.c.payload)


class _Search:
    """Numbers that are looked for, by their lines."""

    def __init__(self, macs: Macs, numbers: Mapping[int, str]) -> None:
        self._macs = macs
        self.numbers = numbers
        self._line_of = {number: line for line, number in reversed(list(numbers.items()))}
        self._line_of_mac = {macs.phone(number): line for number, line in self._line_of.items()}
        self._lines_of_form: dict[str, set[int]] = defaultdict(set)
        known = [(line, form) for number, line in self._line_of.items() for form in forms(macs, number, None)]
        for line, form in known:
            self._lines_of_form[form.mac].add(line)
        self._erased = Erased(macs, (form for _, form in known))

    @property
    def phones(self) -> set[str]:
        """How they may be stored so that an index finds them."""
        return {text for number in self._line_of for text in (*spellings(number), self._macs.pseudonym(number))}

    def in_check(self, held: HeldCheck) -> Iterator[tuple[int, str]]:
        """The lines of the numbers in a check, and in what each of them is."""
        row, lines = held.row, set[int]()
        mac = mac_in(row.phone) if is_pseudonym(row.phone) else None
        line = self._line_of_mac.get(mac) if mac else self._line_of.get(number_of(row.phone))
        if line is not None:
            lines.add(line)
            yield line, PHONE
        others = (row.standard_number, abroad(row.country_code, row.national_number))
        texts = [text for text in (*others, row.fail_reason, *texts_of(row.extra)) if text]
        yield from ((line, TEXT) for line in self.in_texts(texts) if line not in lines)

    def in_texts(self, texts: Sequence[str]) -> Iterator[int]:
        """The lines of the numbers that these texts hold."""
        yield from {line for form in self._erased.forms_in(texts) for line in self._lines_of_form[form.mac]}


def with_countries(connection: sa.Connection, numbers: Mapping[int, str]) -> tuple[dict[int, str], list[int]]:
    """These numbers (by their lines) with their countries, and the lines for which no stored row tells one.

    A number without its country that is stored like that stays as it is.
    """
    lacking = {number for number in numbers.values() if lacks_country(number)}
    known = _abroad(connection, lacking) if lacking else {}
    found = {line: known.get(number, {number}) for line, number in numbers.items()}
    clear = {line: next(iter(some)) for line, some in found.items() if len(some) == 1}
    return clear, sorted(found.keys() - clear.keys())


def _abroad(connection: sa.Connection, numbers: Collection[str]) -> dict[str, set[str]]:
    """For each of these numbers without a country, those that are stored with one, or it itself."""
    checks = number_check.c
    found: dict[str, set[str]] = {number: set() for number in numbers}
    by_rest = {number.lstrip("0"): number for number in numbers}
    for some in chunks(by_rest):
        either = checks.national_number.in_([*some, *(by_rest[rest] for rest in some)])
        query = sa.select(checks.country_code, checks.national_number).where(either).distinct()
        for country, national in connection.execute(query):
            if number := abroad(country, national):
                found[by_rest[national.lstrip("0")]].add(number)
    for some in chunks(numbers):
        query = sa.select(checks.phone).where(checks.phone.in_(some)).distinct()
        for phone in connection.execute(query).scalars():
            found[phone].add(phone)
    return found


def _checks(connection: sa.Connection, search: _Search) -> Iterator[HeldCheck]:
    """The checks that may hold one of them, each once."""
    seen = set()
    phones = search.phones
    for some in chunks(phones):
        yield from find_checks(connection, number_check.c.phone.in_(some))
    for held in find_checks(connection, sa.or_(telling(connection), odd_pseudonyms())):
        if held.row.phone not in phones and held.row.key not in seen:
            seen.add(held.row.key)
            yield held


def _days(
    connection: sa.Connection, numbers: set[int], names: Sequence[str]
) -> dict[int, tuple[str, str, dt.date]]:
    """Account, batch and date of these batch days."""
    columns = (batch_day.c.batch_day_id, account.c.name, batch.c.batch_no, batch_day.c.check_date)
    query = sa.select(*columns).select_from(batch_day.join(batch).join(account))
    query = query.where(account.c.name.in_(names)) if names else query
    found: dict[int, tuple[str, str, dt.date]] = {}
    for some in chunks(numbers):
        for day, name, batch_no, date in connection.execute(query.where(batch_day.c.batch_day_id.in_(some))):
            found[day] = (name, batch_no, date)
    return found
