from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl import settings
from etl.core.window import AT_RISK, GRACE, Window

UTC = dt.UTC
SHANGHAI = ZoneInfo("Asia/Shanghai")
HOURS, DAYS = dt.timedelta(hours=1), dt.timedelta(days=1)
TICK = dt.timedelta(microseconds=1)
DATE = dt.date(2026, 3, 14)


def window(moment: dt.datetime, days: int = 14, zone: ZoneInfo = SHANGHAI, settle: float = 12) -> Window:
    return Window(moment, days, zone, settle * HOURS)


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_the_settings_make_the_window() -> None:
    found = settings.load(
        {"NUMBERCHECK_WINDOW_DAYS": "7", "NUMBERCHECK_TIMEZONE": "UTC", "NUMBERCHECK_SETTLE_HOURS": "1.5"}, None
    )
    made = Window.at(dt.datetime(2026, 3, 14, 3, tzinfo=SHANGHAI), found)
    assert made == Window(utc("2026-03-13 19:00"), 7, ZoneInfo("UTC"), dt.timedelta(minutes=90))
    assert made.moment.tzinfo is UTC
    assert (made.first, made.last) == (dt.date(2026, 3, 7), dt.date(2026, 3, 13))


@pytest.mark.parametrize(
    ("moment", "last"),
    [
        ("2026-03-13 15:59:59.999999", dt.date(2026, 3, 13)),
        ("2026-03-13 16:00", dt.date(2026, 3, 14)),
        ("2026-03-14 15:59:59", dt.date(2026, 3, 14)),
        ("2025-12-31 16:00", dt.date(2026, 1, 1)),
        ("2028-02-28 16:00", dt.date(2028, 2, 29)),
    ],
)
def test_today_is_the_vendors(moment: str, last: dt.date) -> None:
    assert window(utc(moment)).last == last


@pytest.mark.parametrize("days", [1, 2, 14, 60])
def test_its_dates(days: int) -> None:
    now = window(utc("2026-03-14 04:00"), days)
    assert len(now.dates) == days
    assert (now.dates[0], now.dates[-1]) == (now.first, now.last) == (DATE - (days - 1) * DAYS, DATE)
    assert [date for date in (now.first - DAYS, *now.dates, now.last + DAYS) if date in now] == now.dates


def test_the_moments_of_a_date() -> None:
    now = window(utc("2026-03-14 04:00"))
    assert now.start(DATE) == utc("2026-03-13 16:00")
    assert now.end(DATE) == utc("2026-03-14 16:00")
    assert now.settles(DATE) == utc("2026-03-15 04:00")
    assert now.deadline(DATE) == utc("2026-03-27 16:00")
    assert now.start(DATE).tzinfo is UTC


def test_edges() -> None:
    def at(moment: dt.datetime) -> Window:
        return window(moment)

    now = window(utc("2026-03-14 04:00"))
    end, deadline = now.end(DATE), now.deadline(DATE)
    assert not at(end - TICK).is_over(DATE)
    assert at(end).is_over(DATE)
    assert not at(deadline - AT_RISK - TICK).is_at_risk(DATE)
    assert at(deadline - AT_RISK).is_at_risk(DATE)
    assert at(deadline + 100 * DAYS).is_at_risk(DATE)
    assert not at(deadline + GRACE - TICK).is_gone(DATE)
    assert at(deadline + GRACE).is_gone(DATE)
    assert DATE in at(deadline - TICK)
    assert DATE not in at(deadline)


ZONES = ["Asia/Shanghai", "UTC", "America/New_York", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe"]
# Zones where clocks change at midnight, and where a day begins at 01:00 or its first hour occurs twice.
ZONES += [
    "Africa/Cairo",
    "Asia/Beirut",
    "America/Santiago",
    "America/Havana",
    "Atlantic/Azores",
    "America/Asuncion",
]
ZONES += ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Pacific/Chatham"]


@given(
    st.datetimes(dt.datetime(2025, 1, 1), dt.datetime(2030, 1, 1), timezones=st.just(UTC)),
    st.sampled_from(ZONES),
    st.integers(1, 60),
)
def test_every_moment_is_of_one_date(moment: dt.datetime, zone: str, days: int) -> None:
    now = window(moment, days, ZoneInfo(zone))
    assert now.start(now.last) <= moment < now.end(now.last)
    assert not now.is_over(now.last)
    assert now.is_over(now.last - DAYS)
    assert moment < now.deadline(now.first) == now.end(now.last)
    assert now.deadline(now.first - DAYS) <= moment
    assert len(now.dates) == days


@given(st.dates(dt.date(2025, 1, 1), dt.date(2030, 1, 1)), st.sampled_from(ZONES))
def test_the_dates_of_a_zone_follow_without_a_gap(date: dt.date, zone: str) -> None:
    now = window(utc("2026-03-14 04:00"), 14, ZoneInfo(zone))
    assert now.end(date) == now.start(date + DAYS)
    assert 22 * HOURS <= now.end(date) - now.start(date) <= 26 * HOURS
    first = now.start(date)
    assert first.astimezone(now.zone).date() == date
    assert (first - TICK).astimezone(now.zone).date() == date - DAYS


@pytest.mark.parametrize(
    ("zone", "date", "hours"),
    [
        ("America/New_York", dt.date(2026, 3, 8), 23),
        ("America/New_York", dt.date(2026, 11, 1), 25),
        ("Africa/Cairo", dt.date(2026, 4, 24), 23),
        ("Africa/Cairo", dt.date(2026, 10, 29), 25),
        ("Australia/Lord_Howe", dt.date(2026, 4, 5), 24.5),
    ],
)
def test_days_on_which_clocks_change(zone: str, date: dt.date, hours: float) -> None:
    now = window(utc("2026-03-14 04:00"), 14, ZoneInfo(zone))
    assert now.end(date) - now.start(date) == hours * HOURS
    assert now.settles(date) - now.end(date) == 12 * HOURS


def test_windows_of_different_zones_do_not_share_what_they_remember() -> None:
    moment = utc("2026-03-14 20:00")
    found = [window(moment, 14, ZoneInfo(zone)) for zone in ("Asia/Shanghai", "UTC", "Asia/Shanghai")]
    assert [each.last.day for each in found] == [15, 14, 15]
    assert [each.start(DATE) for each in found] == [
        utc("2026-03-13 16:00"),
        utc("2026-03-14 00:00"),
        found[0].start(DATE),
    ]
