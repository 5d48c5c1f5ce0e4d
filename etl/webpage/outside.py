"""Texts that the vendor, a list or a setting brought, as the page shows them: no phone number, no hidden sign.

HTML is escaped by the template; this is about what a reader would see.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache

from etl.escape import on_one_line
from etl.scrub import SHORTEST, scrub_foreign

SHOWN_LENGTH = 40
"""Characters that are shown of one text."""
_PLAIN = re.compile("[A-Za-z0-9 ._/#-]+")
_NEAR = (0, -1, 1)
"""Days around the date of a batch day by which its batch may be named."""


@lru_cache(maxsize=1024)  # a few names stand in many lines
def outside(text: str | None, otherwise: str = "not named") -> str:
    """The text, with every number masked that could be a phone number; `otherwise` where there is none."""
    return _clipped(scrub_foreign(text)) if text and text.strip() else otherwise


def batch(batch_no: str, date: dt.date | None = None) -> str:
    """A batch number. One that is made of its date and a short number is shown; other long numbers are masked."""
    if date is not None and _PLAIN.fullmatch(batch_no) and _tells_date(re.sub(r"\D", "", batch_no), date):
        return _clipped(batch_no)
    return outside(batch_no)


def _tells_date(digits: str, date: dt.date) -> bool:
    """Whether these digits are a date near this one, in a usual order, and at most a short number behind it."""
    days = [date + dt.timedelta(days=days) for days in _NEAR]
    starts = [f"{day:{form}}" for day in days for form in ("%Y%m%d", "%y%m%d")]
    return any(digits.startswith(start) and len(digits) - len(start) <= SHORTEST for start in starts)


def _clipped(text: str) -> str:
    shown = on_one_line(text)
    return shown if len(shown) <= SHOWN_LENGTH else shown[: SHOWN_LENGTH - 1] + "…"
