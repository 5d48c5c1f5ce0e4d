"""Dates and moments: which dates the vendor still answers for, and when a day is over, settled and gone."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

AT_RISK = dt.timedelta(hours=48)
# The vendor does not say whether its 14 days include today: ask this much longer before giving up.
GRACE = dt.timedelta(days=1)
# How long after the end of its day a check without an outcome is still asked for again.
OUTCOMES_WITHIN = dt.timedelta(hours=48)


class Dates(Protocol):
    """The settings on which dates depend."""

    @property
    def window_days(self) -> int: ...

    @property
    def timezone(self) -> ZoneInfo: ...

    @property
    def settle_hours(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Window:
    """The dates asked for at one moment. Dates are in the vendor's zone, moments are in UTC."""

    moment: dt.datetime
    days: int
    zone: ZoneInfo
    settle: dt.timedelta

    @classmethod
    def at(cls, moment: dt.datetime, settings: Dates) -> Window:
        """The window of these settings at `moment` (aware)."""
        hours = dt.timedelta(hours=settings.settle_hours)
        return cls(moment.astimezone(dt.UTC), settings.window_days, settings.timezone, hours)

    @property
    def last(self) -> dt.date:
        """Today, in the vendor's zone."""
        return _date(self.moment, self.zone)

    @property
    def first(self) -> dt.date:
        """The oldest date that the vendor still answers for."""
        return self.last - dt.timedelta(days=self.days - 1)

    @property
    def last_after_today(self) -> dt.date:
        """The last date of the window that begins today: then everything listed today has left it."""
        return self.last + dt.timedelta(days=self.days - 1)

    @property
    def dates(self) -> list[dt.date]:
        """Every date of the window, oldest first."""
        return [self.first + dt.timedelta(days=n) for n in range(self.days)]

    def __contains__(self, date: dt.date) -> bool:
        return self.first <= date <= self.last

    def start(self, date: dt.date) -> dt.datetime:
        """The first moment of `date` in the vendor's zone."""
        return _midnight(date, 0, self.zone)

    def end(self, date: dt.date) -> dt.datetime:
        """The moment when `date` is over."""
        return _midnight(date, 1, self.zone)

    def settles(self, date: dt.date) -> dt.datetime:
        """The moment from which `date` gains no more rows."""
        return self.end(date) + self.settle

    def deadline(self, date: dt.date) -> dt.datetime:
        """The moment when `date` leaves the window."""
        return _midnight(date, self.days, self.zone)

    def is_over(self, date: dt.date) -> bool:
        """Whether `date` has ended."""
        return self.moment >= self.end(date)

    def is_gone(self, date: dt.date) -> bool:
        """Whether `date` is no longer available, even from a vendor that counts generously."""
        return self.moment >= self.deadline(date) + GRACE

    def is_at_risk(self, date: dt.date) -> bool:
        """Whether `date` leaves the window within 48 hours, or has left it."""
        return self.moment >= self.deadline(date) - AT_RISK


# Cached: a plan asks for the same few dates hundreds of thousands of times.
@lru_cache(maxsize=16)
def _date(moment: dt.datetime, zone: ZoneInfo) -> dt.date:
    return moment.astimezone(zone).date()


@lru_cache(maxsize=1024)
def _midnight(date: dt.date, days: int, zone: ZoneInfo) -> dt.datetime:
    """The first moment of the date that is `days` days later, UTC."""
    return dt.datetime.combine(date + dt.timedelta(days=days), dt.time(), zone).astimezone(dt.UTC)
