"""Rows that look like the vendor's, computed from a seed and an index, so they are the same every time.

No row is kept: a batch day of a million rows costs nothing until a page of it is asked for.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

from etl.core.checkrow import CALL_CHECK, HLR_CHECK, OUTCOME_OF
from etl.core.fields import FIRST_FIELDS, LATER_FIELDS, Field
from etl.emulator.vendorrow import VendorRow

_T = TypeVar("_T")

SUBMISSION = 5_000  # numbers in one submission, at most
_MICROSECOND = dt.timedelta(microseconds=1)


class Country(NamedTuple):
    region: str
    code: str
    mcc: str
    currency: str
    dearest: int  # upper limit of prices, in ten-thousandths of the currency
    lead: str  # the first digits of a mobile number
    digits: int  # how many digits follow them
    carriers: tuple[str, ...]


COUNTRIES = (
    Country("VN", "84", "452", "VND", 9_000_000, "9", 8, ("Viettel", "MobiFone", "Vinaphone")),
    Country("CN", "86", "460", "CNY", 2_500, "13", 9, ("中国移动", "中国联通", "中国电信")),
    Country("ID", "62", "510", "IDR", 5_000_000, "81", 8, ("Telkomsel", "Indosat Ooredoo", "XL Axiata")),
    Country("TH", "66", "520", "THB", 12_000, "8", 8, ("ทรูมูฟ เอช", "AIS", "dtac")),
    Country("BR", "55", "724", "BRL", 3_000, "119", 8, ("Vivo", "Claro", "TIM", "Oi Móvel")),
    Country("SA", "966", "420", "USD", 400, "5", 8, ("موبايلي", "STC", "Zain")),
    Country("DE", "49", "262", "EUR", 250, "15", 9, ("Telekom", "Vodafone", "O₂")),
    Country("US", "1", "310", "USD", 120, "415", 7, ("T-Mobile", "AT&T", "Verizon")),
)
LEVELS = (1, 2, *3 * (CALL_CHECK,), *3 * (HLR_CHECK,))
NUMBER_TYPES = (2,) * 14 + (1, 1, 0, 3, 4, 5, 6, 7, 8)
ANSWERS = ("YES", "YES", "YES", "NO", "NO", "UNKNOWN")
RESPONSES = (
    "bell", "bell", "music", "busy", "no_response", "invalid_number", "not_available", "number_paused",
    "power_off", "power_off_or_out_of_service", "voicemail", "others",
)  # fmt: skip
FAILURES = ("number too short", "号码格式错误", "unknown country code")
HLR_FIELDS, CALL_FIELDS = (
    tuple(field.page for field in FIRST_FIELDS if field.part == part) for part in ("hlr", "call")
)


class _Dice:
    """Small random numbers from one digest: far cheaper than seeding a generator for each row."""

    def __init__(self, text: str) -> None:
        self._pool = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=64).digest(), "big")

    def roll(self, sides: int) -> int:
        self._pool, rolled = divmod(self._pool, sides)
        return rolled

    def pick(self, choices: Sequence[_T]) -> _T:
        return choices[self.roll(len(choices))]


@dataclass(frozen=True, slots=True)
class Growth:
    """Rows that appear at an even pace between two moments (aware), the oldest first.

    The outcome of each row is known `resolves_after` later.
    """

    first: dt.datetime
    last: dt.datetime
    resolves_after: dt.timedelta = dt.timedelta(0)

    def appears_at(self, index: int, count: int) -> dt.datetime:
        return self.first + _MICROSECOND * (self._span * index // count)

    def resolves_at(self, index: int, count: int) -> dt.datetime:
        return self.appears_at(index, count) + self.resolves_after

    def appeared(self, count: int, now: dt.datetime) -> int:
        """How many of `count` rows have appeared."""
        elapsed = (now - self.first) // _MICROSECOND
        if elapsed < 0:
            return 0
        return count if elapsed >= self._span else -(-(elapsed + 1) * count // self._span)

    @property
    def _span(self) -> int:
        return (self.last - self.first) // _MICROSECOND


@dataclass(frozen=True, slots=True)
class GeneratedDay:
    """A batch day of `count` rows that are computed on demand; without `growth` all are listed and resolved."""

    batch_no: str
    date: dt.date
    count: int
    seed: int = 0
    growth: Growth | None = None

    @property
    def name(self) -> str:
        return f"{self.batch_no}|{self.date}"

    def __len__(self) -> int:
        return self.count

    def row(self, index: int) -> VendorRow:
        dice = self._dice(index)
        country, phone = _number(dice)
        fields = _fields(dice, country, phone) | {
            "messageId": self.message_id(index),
            "batchNo": self.batch_no,
        }
        for field in LATER_FIELDS:  # with dice of their own, so that the first fields keep their values
            fields |= _later(field, fields, _Dice(f"{self.seed}|{self.name}|{index}|{field.page}"))
        if self.growth is None:
            return VendorRow(fields)
        times = self.growth.appears_at(index, self.count), self.growth.resolves_at(index, self.count)
        return VendorRow(fields, *times)

    def phone(self, index: int) -> str:
        return _number(self._dice(index))[1]

    def visible(self, now: dt.datetime) -> range:
        return range(self.count if self.growth is None else self.growth.appeared(self.count, now))

    def find(self, message_id: str) -> Sequence[int]:
        submission, _, suffix = message_id.partition("-")
        for number in range(self._submission(self.count - 1)[0] + 1):
            if self._submission_id(number) == submission:
                place = int(suffix) if suffix.isascii() and suffix.isdigit() else 1
                index = place - 1 + (number and 1 + (number - 1) * SUBMISSION)
                return [index] if 0 <= index < self.count and self.message_id(index) == message_id else []
        return []

    def message_id(self, index: int) -> str:
        """The first row is a submission of its own; the others come in submissions of up to 5,000 numbers."""
        number, place, size = self._submission(index)
        return self._submission_id(number) + (f"-{place + 1:06d}" if size > 1 else "")

    def _submission(self, index: int) -> tuple[int, int, int]:
        if index <= 0:
            return 0, 0, 1
        number, place = divmod(index - 1, SUBMISSION)
        return number + 1, place, min(SUBMISSION, self.count - 1 - number * SUBMISSION)

    def _submission_id(self, number: int) -> str:
        text = f"{self.seed}|{self.name}|submission {number}"
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def _dice(self, index: int) -> _Dice:
        return _Dice(f"{self.seed}|{self.name}|{index}")


def generate(
    batch_no: str, date: dt.date, count: int, seed: int = 0, growth: Growth | None = None
) -> list[VendorRow]:
    """The rows of a GeneratedDay as a list, for callers that change some of them."""
    day = GeneratedDay(batch_no, date, count, seed, growth)
    return [day.row(index) for index in range(count)]


def _number(dice: _Dice) -> tuple[Country, str]:
    country = dice.pick(COUNTRIES)
    return country, f"{country.code}{country.lead}{dice.roll(10**country.digits):0{country.digits}d}"


def _fields(dice: _Dice, country: Country, phone: str) -> dict[str, Any]:
    level = dice.pick(LEVELS)
    fields = {"phone": phone, "checkLevel": level}
    if dice.roll(25) == 0:
        return fields | _failed_format(dice)
    hlr = _hlr(dice, country) if level == HLR_CHECK else _blank(dice, HLR_FIELDS)
    call = _call(dice) if level == CALL_CHECK else _blank(dice, CALL_FIELDS)
    return fields | _formatted(dice, country, phone) | hlr | call


def _failed_format(dice: _Dice) -> dict[str, Any]:
    blanks = dict.fromkeys(("regionCode", "countryCode", "nationalNumber", "standNumber", "carrier"), "")
    found = {"preCheck": "NO", "numberType": None, "price": 0, "currency": "USD"}
    return blanks | found | {"failReason": dice.pick(FAILURES)} | _blank(dice, HLR_FIELDS + CALL_FIELDS)


def _formatted(dice: _Dice, country: Country, phone: str) -> dict[str, Any]:
    return {
        "preCheck": "YES",
        "regionCode": country.region,
        "countryCode": country.code,
        "nationalNumber": phone[len(country.code) :],
        "standNumber": phone,
        "numberType": dice.pick(NUMBER_TYPES),
        "carrier": dice.pick((*country.carriers, *country.carriers, *country.carriers, "", None)),
        "price": Decimal(dice.roll(country.dearest)).scaleb(-4),
        "currency": country.currency,
    }


def _hlr(dice: _Dice, country: Country) -> dict[str, Any]:
    found = {name: dice.pick(ANSWERS) for name in HLR_FIELDS}
    found |= {"mcc": country.mcc, "mnc": f"{dice.roll(20):02d}"}
    if dice.roll(8) == 0:
        found |= {name: found[name].lower() for name in ("ported", "active")}
    return found


def _call(dice: _Dice) -> dict[str, Any]:
    return {"early": dice.pick(ANSWERS), "answered": dice.pick(ANSWERS), "response": dice.pick(RESPONSES)}


def _later(field: Field, fields: dict[str, Any], dice: _Dice) -> dict[str, Any]:
    """A field that was added later, made from its kind; blank if the check of this row does not find it out."""
    finds = ("check", OUTCOME_OF.get(fields["checkLevel"]))
    if fields["preCheck"] == "NO" or field.part not in finds:
        return _blank(dice, (field.page,))
    return {field.page: _value(dice, field)}


def _value(dice: _Dice, field: Field) -> Any:
    match field.kind:
        case "integer":
            return dice.roll(100)
        case "price":
            return Decimal(dice.roll(10_000)).scaleb(-4)
        case "flag":
            return dice.pick(ANSWERS)
    return f"{field.page} {dice.roll(100)}"[: field.length]


def _blank(dice: _Dice, names: Sequence[str]) -> dict[str, Any]:
    """Fields that do not apply: missing, null or an empty text, since the vendor sends any of these."""
    style = dice.roll(3)
    return {} if style == 0 else dict.fromkeys(names, None if style == 1 else "")
