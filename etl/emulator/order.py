"""Which rows of an account answer a question, and in which order they are listed."""

from __future__ import annotations

import datetime as dt
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Literal

from etl.emulator.book import Account
from etl.emulator.vendorrow import Day, VendorRow

Order = Literal["ascending", "descending", "hash", "shuffled"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The filters of a question; a blank one does not filter."""

    date: dt.date
    batch_no: str = ""
    message_id: str = ""
    phone: str = ""
    appkey: str = ""


@dataclass(frozen=True, slots=True)
class OrderedRows:
    """Rows in the order of listing; only those of a slice that is asked for are computed."""

    parts: tuple[tuple[Day, Sequence[int]], ...]

    def __len__(self) -> int:
        return sum(len(indexes) for _, indexes in self.parts)

    def rows(self, start: int = 0, stop: int | None = None) -> list[VendorRow]:
        stop = len(self) if stop is None else stop
        found: list[VendorRow] = []
        for day, indexes in self.parts:
            found += [day.row(index) for index in indexes[max(start, 0) : max(stop, 0)]]
            start, stop = start - len(indexes), stop - len(indexes)
        return found


def list_rows(
    account: Account, wanted: Wanted, now: dt.datetime, order: Order, replica: int = 0, turn: int = 0
) -> OrderedRows:
    """`now` is virtual time; `turn` is the number of the request: the order "shuffled" differs each time."""
    found = []
    for day in _days(account, wanted):
        indexes = _matching(day, wanted, day.visible(now))
        if len(indexes) > 0:
            found.append((day, _ordered(day, indexes, order, replica, turn)))
    return OrderedRows(tuple(found))


def _days(account: Account, wanted: Wanted) -> Iterator[Day]:
    batches = account.days.get(wanted.date, {})
    for batch_no in [wanted.batch_no] if wanted.batch_no else list(batches):
        another = wanted.appkey and account.batch_appkeys.get(batch_no, wanted.appkey) != wanted.appkey
        if batch_no in batches and not another:
            yield batches[batch_no]


def _matching(day: Day, wanted: Wanted, visible: Sequence[int]) -> Sequence[int]:
    if wanted.message_id:
        listed = visible if isinstance(visible, range) else frozenset(visible)
        visible = [index for index in day.find(wanted.message_id) if index in listed]
    if wanted.phone:
        visible = [index for index in visible if str(day.phone(index)) == wanted.phone]
    return visible


def _ordered(day: Day, indexes: Sequence[int], order: Order, replica: int, turn: int) -> Sequence[int]:
    if replica > 0 or order == "hash":
        return _hashed(day, indexes, replica)
    if order == "shuffled":
        return Random(turn).sample(indexes, len(indexes))  # noqa: S311
    return indexes[::-1] if order == "descending" else indexes


def _hashed(day: Day, indexes: Sequence[int], replica: int) -> Sequence[int]:
    if isinstance(indexes, range):
        return _hash_order(day.name, replica, len(indexes))
    keys = _hash_keys(day.name, replica, len(day))
    return sorted(indexes, key=keys.__getitem__)


@lru_cache(maxsize=16)
def _hash_order(name: str, replica: int, count: int) -> Sequence[int]:
    return array("q", sorted(range(count), key=_hash_keys(name, replica, count).__getitem__))


@lru_cache(maxsize=16)
def _hash_keys(name: str, replica: int, count: int) -> Sequence[float]:
    """The sort keys of rows; rows that are added later do not change the keys of earlier ones."""
    random = Random(f"{name}|{replica}")  # noqa: S311
    return array("d", (random.random() for _ in range(count)))
