"""Whose numbers are erased, known by their codes alone: so nobody can read them from what is kept."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from etl.privacy.macs import Macs, is_pseudonym, mac_in
from etl.privacy.numbers import is_number, number_of, without_country
from etl.scrub import digit_runs


@dataclass(frozen=True, slots=True)
class ErasedForm:
    """A form of an erased number. `until`: the last date whose checks are erased (vendor's zone); None: all.

    `digits`: how many it has. `whole`: with its country; the form without it is looked for in free text alone.
    """

    mac: str
    digits: int
    whole: bool
    until: dt.date | None

    def joined(self, other: ErasedForm) -> ErasedForm:
        """Both together: what one of them erases is erased."""
        until = None if self.until is None or other.until is None else max(self.until, other.until)
        return ErasedForm(self.mac, self.digits, self.whole or other.whole, until)


def forms(macs: Macs, number: str, until: dt.date | None) -> Iterator[ErasedForm]:
    """The forms under which a number is known as erased."""
    yield ErasedForm(macs.phone(number), len(number), True, until)
    if inside := without_country(number):
        yield ErasedForm(macs.phone(inside), len(inside), False, until)


def together(found: Iterable[ErasedForm]) -> dict[str, ErasedForm]:
    """By their codes, each once."""
    kept: dict[str, ErasedForm] = {}
    for form in found:
        kept[form.mac] = form.joined(kept[form.mac]) if form.mac in kept else form
    return kept


class Erased:
    """The erased numbers of an account."""

    def __init__(self, macs: Macs, found: Iterable[ErasedForm] = ()) -> None:
        self._macs = macs
        self._forms: Mapping[str, ErasedForm] = together(found)
        self._digits = sorted({form.digits for form in self._forms.values()})

    def __bool__(self) -> bool:
        """Whether any number is erased."""
        return bool(self._forms)

    def has(self, phone: str, date: dt.date) -> bool:
        """Whether a phone, as the vendor writes it or as a pseudonym, is erased for the checks of `date`."""
        if not self._forms:
            return False
        mac = mac_in(phone) if is_pseudonym(phone) else None
        form = self._forms.get(mac or self._macs.phone(number_of(phone)))
        return form is not None and form.whole and _covers(form, date)

    def is_in(self, texts: Collection[str], date: dt.date) -> bool:
        """Whether one of these texts holds an erased number, with its country or without."""
        return any(_covers(form, date) for form in self.forms_in(texts))

    def forms_in(self, texts: Collection[str]) -> Iterator[ErasedForm]:
        """The forms of erased numbers, for whichever dates, that these texts hold."""
        if self._forms:
            parts = set(chain.from_iterable(map(self._parts, texts)))
            yield from filter(None, (self._forms.get(self._macs.phone(part)) for part in parts))

    def _parts(self, text: str) -> Iterator[str]:
        """All parts of the numbers in a text that are as long as an erased number."""
        for run in digit_runs(text):
            for length in self._digits:
                yield from (run[start : start + length] for start in range(len(run) - length + 1))


def _covers(form: ErasedForm, date: dt.date) -> bool:
    return form.until is None or date <= form.until


def abroad(country_code: str | None, national: str | None) -> str | None:
    """The international digits of a number that was reported in two parts; None where that is not known."""
    if not country_code or not national:
        return None
    number = number_of(country_code) + number_of(national).lstrip("0")
    return number if is_number(number) else None
