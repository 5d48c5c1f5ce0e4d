"""Numbers, moments and spans of time in plain words."""

from __future__ import annotations

import datetime as dt
from decimal import ROUND_HALF_UP, Decimal

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60))
_PLACES, _FIGURES = 6, 3
_CENTURY = dt.timedelta(days=36_525)


def number(value: int) -> str:
    """`1,234`."""
    return f"{value:,}"


def many(value: int, one: str, more: str = "") -> str:
    """`1 batch day`, `1,234 batch days`."""
    return f"{value:,} {one if value == 1 else more or one + 's'}"


def moment(value: dt.datetime) -> str:
    """To the minute, in UTC."""
    return f"{value.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"


def span(value: dt.timedelta) -> str:
    """`3 days`, `1 hour`: in the greatest unit of which there are two, rounded down."""
    seconds = max(0, int(value.total_seconds()))
    for unit, size in _UNITS:
        if seconds >= 2 * size or (unit == "minute" and seconds >= size):
            return many(seconds // size, unit)
    return "less than a minute"


def rate(value: float) -> str:
    """`3,000`, `0.1`: how often something happens, with a decimal where that says more."""
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{max(value, 0.1):.1f}"


def lasting(start: dt.datetime, seconds: float) -> str:
    """`3 days, until 2026-03-14 04:30 UTC`, from `start` (aware); no calendar has what takes longest."""
    if seconds > _CENTURY.total_seconds():
        return "more than 100 years"
    time = dt.timedelta(seconds=seconds)
    return f"{span(time)}, until {moment(start + time)}"


def percent(part: int, whole: int) -> str:
    """`62.3 %`; never 100 or 0 unless it is all or nothing. A budget may be spent more than once."""
    share = 100 * part / whole
    if 0 < part < whole:
        share = min(max(share, 0.1), 99.9)
    return f"{share:.1f} %"


def money(value: Decimal) -> str:
    """An exact amount, without needless zeros: `55,704.9462`."""
    text = f"{value or abs(value):,f}"  # nothing is never `-0`
    return text.rstrip("0").rstrip(".") if "." in text else text


def each(cost: Decimal, count: int) -> str:
    """What one of so many costs, to six decimals, and to three figures where those would be fewer."""
    exact = cost / count
    places = max(_PLACES, _FIGURES - 1 - exact.adjusted())
    return money(exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP))
