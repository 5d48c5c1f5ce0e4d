"""How long to wait before the next try."""

from __future__ import annotations

import datetime as dt
import random
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from functools import lru_cache

FIRST_WAIT = 0.5
LONGEST_WAIT = 60.0
LONGEST_ASKED_FOR = 300.0


def wait(tries: int, headers: Mapping[str, str], now: float) -> float:
    """Seconds to wait after `tries` failed tries: doubling, with jitter, never less than the server asks for.

    `now`: seconds since the epoch on the server's clock, for a Retry-After that gives a date.
    """
    doubling = FIRST_WAIT * 2.0 ** min(tries - 1, 20)
    jitter = random.uniform(1, 1.5)  # noqa: S311 (spreads requests, hides nothing)
    return max(min(LONGEST_WAIT, doubling * jitter), retry_after(headers.get("Retry-After"), now))


def retry_after(value: str | None, now: float) -> float:
    """Seconds that a Retry-After header asks for, between 0 and 300; 0 if it is missing or cannot be read."""
    if value is not None and re.fullmatch(r"\s*[0-9]+\s*", value, re.ASCII):
        return min(LONGEST_ASKED_FOR, float(value))
    moment = http_date(value)
    return 0.0 if moment is None else min(LONGEST_ASKED_FOR, max(0.0, moment - now))


@lru_cache(maxsize=16)  # answers that come in the same second have the same
def http_date(value: str | None) -> float | None:
    """A date in an HTTP header as seconds since the epoch; None if it is not a date."""
    try:
        moment = parsedate_to_datetime(value or "")
        return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
