"""Several accounts of one emulated vendor, for jobs that share a database."""

from __future__ import annotations

import datetime as dt
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from types import TracebackType

import sqlalchemy as sa

from etl.emulator import Book, Emulator, VendorRow
from etl.emulator.endpoint import Received
from etl.emulator.replies import Reply
from etl.emulator.server import Incoming
from tests.job import Job
from tests.running import HANG, wait_until

MEET = 200
"""In each group of this many rows, all accounts have the same new codes."""


def names(count: int) -> list[str]:
    return [f"account-{number}" for number in range(1, count + 1)]


def key_of(name: str) -> str:
    return f"key-of-{name}"


def register(book: Book, accounts: list[str]) -> None:
    """Accounts with these names, each with its own key."""
    for name in accounts:
        book.add_account(key_of(name), f"secret-of-{name}")


def rows_with_new_codes(name: str, count: int) -> list[VendorRow]:
    """Each row has unknown codes; every `MEET` of them are the same in all accounts, in an account's own order."""
    dice = random.Random(name)
    order = [code for first in range(0, count, MEET) for code in _shuffled(dice, first, min(first + MEET, count))]
    return [_row(name, place, code) for place, code in enumerate(order)]


def _shuffled(dice: random.Random, first: int, end: int) -> list[int]:
    return dice.sample(range(first, end), end - first)


def _row(name: str, place: int, code: int) -> VendorRow:
    codes = {
        "regionCode": f"R{code}",
        "carrier": f"Carrier {code}",
        "currency": f"C{code}",
        "response": f"r{code}",
    }
    fields = {"messageId": f"{name}-{place:06}", "phone": f"8490{place:07}", "checkLevel": 1000 + code}
    return VendorRow(fields | codes | {"numberType": f"t{code}", "price": Decimal(code).scaleb(-2)})


def job(url: sa.URL, vendor: Emulator, name: str, directory: Path, **given: str) -> Job:
    """The job of one account, with the list of all its batches in a separate directory."""
    mine = directory / name
    mine.mkdir()
    lines = [f"{batch_no},{date}," for batch_no, date, _ in vendor.book.batch_days(key_of(name))]
    secret = vendor.book.account(key_of(name)).secret
    return Job(url, vendor, lines, mine, account=name, access_key=key_of(name), access_secret=secret, **given)


def requests_of(vendor: Emulator, name: str) -> list[Received]:
    """The requests of one account, as they came in."""
    return [request for request in list(vendor.requests) if request.headers.get("accesskey") == key_of(name)]


def gaps(vendor: Emulator, name: str) -> Iterator[float]:
    """Seconds between the starts of consecutive requests of an account."""
    starts = sorted(request.started for request in requests_of(vendor, name))
    return (later - earlier for earlier, later in pairwise(starts))


class Holding(Emulator):
    """Answers the first `free` requests of each account, and the others once `go` is set.

    So until then, every run is in the middle of its work, however slow the machine is.
    """

    def __init__(self, book: Book, free: int) -> None:
        super().__init__(book)
        self.go = threading.Event()
        self._free = free
        self._asked: Counter[str] = Counter()
        self._counting = threading.Lock()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.go.set()
        super().__exit__(kind, error, trace)

    def _respond(self, incoming: Incoming) -> tuple[Reply, Callable[[], None]]:
        made = super()._respond(incoming)
        with self._counting:
            self._asked[incoming.headers["accesskey"]] += 1
            free = self._asked[incoming.headers["accesskey"]] <= self._free
        if not free:
            self.go.wait(HANG)
        return made

    def wait_until_held(self, accounts: Iterable[str], requests: int) -> None:
        """Wait until this many requests of each account are waiting for their answers."""
        wait_until(lambda: all(self._asked[key_of(name)] >= self._free + requests for name in accounts))


def settled_day(vendor: Emulator) -> dt.date:
    """A date that will be settled at the next run, whatever the time of day."""
    return vendor.now().astimezone(vendor.behaviour.timezone).date() - dt.timedelta(days=3)
