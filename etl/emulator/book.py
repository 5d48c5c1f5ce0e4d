"""What the emulated vendor knows: its accounts, and their rows by date and batch."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field

from etl.emulator.generator import GeneratedDay, Growth
from etl.emulator.vendorrow import Day, ListedDay, VendorRow

ACCESS_KEY = "emulated-access-key"
ACCESS_SECRET = "emulated-access-secret"  # noqa: S105  # opens nothing but the emulator


@dataclass(slots=True)
class Account:
    """One customer of the vendor, with its key, secret, appkeys and rows."""

    access_key: str
    secret: str = field(repr=False)
    appkeys: set[str] = field(default_factory=set)
    batch_appkeys: dict[str, str] = field(default_factory=dict)
    days: dict[dt.date, dict[str, Day]] = field(default_factory=dict, repr=False)


class Book:
    """All rows of all accounts. From the start, it holds one account, by default that of `ACCESS_KEY`.

    A call without `access_key` means this first account. Rows of a batch day count as older the earlier they are
    added.
    """

    def __init__(self, access_key: str = ACCESS_KEY, secret: str = ACCESS_SECRET) -> None:
        self.accounts: dict[str, Account] = {}
        self.first = self.add_account(access_key, secret)

    def add_account(self, access_key: str, secret: str, appkeys: Iterable[str] = ()) -> Account:
        account = self.accounts[access_key] = Account(access_key, secret, set(appkeys))
        return account

    def account(self, access_key: str | None = None) -> Account:
        """Raises KeyError for an unknown key."""
        return self.first if access_key is None else self.accounts[access_key]

    def add(
        self,
        batch_no: str,
        date: dt.date,
        rows: Iterable[VendorRow],
        *,
        access_key: str | None = None,
        appkey: str | None = None,
    ) -> None:
        """Add rows to a batch day. Raises ValueError if its rows are generated."""
        account = self.account(access_key)
        day = account.days.setdefault(date, {}).setdefault(batch_no, ListedDay(f"{batch_no}|{date}"))
        if not isinstance(day, ListedDay):
            raise ValueError(f"The rows of batch {batch_no!r} on {date} are generated, so none can be added.")
        day.rows.extend(rows)
        _remember_appkey(account, batch_no, appkey)

    def add_generated(
        self,
        batch_no: str,
        date: dt.date,
        count: int,
        seed: int = 0,
        *,
        growth: Growth | None = None,
        access_key: str | None = None,
        appkey: str | None = None,
    ) -> None:
        """Add a batch day whose `count` rows are computed when a page of them is asked for (see GeneratedDay).

        Raises ValueError if the batch day already has rows.
        """
        account = self.account(access_key)
        batches = account.days.setdefault(date, {})
        if batch_no in batches:
            raise ValueError(f"Batch {batch_no!r} already has rows on {date}.")
        batches[batch_no] = GeneratedDay(batch_no, date, count, seed, growth)
        _remember_appkey(account, batch_no, appkey)

    def batch_days(self, access_key: str | None = None) -> Iterable[tuple[str, dt.date, Day]]:
        for date, batches in self.account(access_key).days.items():
            for batch_no, day in batches.items():
                yield batch_no, date, day


def _remember_appkey(account: Account, batch_no: str, appkey: str | None) -> None:
    if appkey is not None:
        account.appkeys.add(appkey)
        account.batch_appkeys[batch_no] = appkey
