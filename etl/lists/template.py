"""Batches from a template: one number for each date."""

from __future__ import annotations

import datetime as dt

from etl.core.line import Line
from etl.lists.listing import Listing


def read_template(template: str, first: dt.date, last: dt.date) -> Listing:
    """The batch number that `template` gives for each date from `first` to `last`."""
    dates = [first + dt.timedelta(days=day) for day in range((last - first).days + 1)]
    return Listing("template", tuple(Line(template.format(date=date).strip(), date) for date in dates))
