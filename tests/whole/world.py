"""A vendor and the job, at moments that a test chooses, for tests that span many days."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from etl.emulator import Emulator, VendorRow
from etl.run.result import Result
from tests.job import Job
from tests.unsynced import unsynced
from tests.virtual import Still

ZONE = ZoneInfo("Asia/Shanghai")
DAY = dt.date(2026, 3, 10)
HOUR = dt.timedelta(hours=1)
DAYS = dt.timedelta(days=1)


def at(date: dt.date, hours: float = 0.0) -> dt.datetime:
    """The moment `hours` after the start of `date` in the vendor's zone."""
    return dt.datetime.combine(date, dt.time(), ZONE).astimezone(dt.UTC) + hours * HOUR


def rows(count: int, start: int = 0, **times: dt.datetime) -> list[VendorRow]:
    return [
        VendorRow({"messageId": f"m{n:05}", "phone": f"84900{n:06}", "checkLevel": 5, "validity": "YES"}, **times)
        for n in range(start, start + count)
    ]


class World:
    """A vendor with a few batch days, and the job."""

    def __init__(self, url: sa.URL, vendor: Emulator, directory: Path) -> None:
        self.vendor = vendor
        self.book = vendor.book
        self.job = Job(url, vendor, [], directory, max_in_flight="1")
        unsynced(self.job.engine)

    def sync(self, moment: dt.datetime, **given: str) -> Result:
        """One run, during which all time stands still."""
        self.vendor.now = lambda: moment
        return self.job.run_at(Still(moment), **given)

    def asked(self) -> list[tuple[str, str, int]]:
        """What was asked for since the last call."""
        asked = [(r.body["batchNo"], r.body["date"][5:], r.body["page"]) for r in self.vendor.requests]
        self.vendor.clear()
        return asked
