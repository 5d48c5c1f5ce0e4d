"""Where batch numbers come from besides the database: a CSV file, a query on another database, a template.

A source is read as far as possible; what is wrong with it is reported in its `problems` and stops nothing.
"""

from __future__ import annotations

import datetime as dt

from etl.lists import doubtful
from etl.lists.csvfile import read_file
from etl.lists.listing import Listing
from etl.lists.query import read_query
from etl.lists.template import read_template
from etl.settings import Settings

_DAY = dt.timedelta(days=1)


def read_sources(
    settings: Settings, first: dt.date, last: dt.date, planned_to: dt.date | None = None
) -> list[Listing]:
    """What each source that is set lists, for the window from `first` to `last` (dates in the vendor's zone).

    That includes lines outside the window, where the source has any. `planned_to`: the last date of the window of
    the last run over the whole window. Where dates came and went since, a query and a template are asked for them
    too: a file names them by itself. Never raises.
    """
    unplanned = first if planned_to is None else min(first, planned_to + _DAY)
    late = first if planned_to is None or planned_to >= first else planned_to - (last - first)
    listings = []
    if settings.batch_file is not None:
        listings.append(read_file(settings.batch_file))
    if settings.batch_database_url is not None and settings.batch_query is not None:
        listings.append(
            read_query(settings.batch_database_url, settings.batch_query, late, last, settings.timezone)
        )
    if settings.batch_template is not None:
        listings.append(read_template(settings.batch_template, unplanned, last))
    for listing in listings:
        doubtful.warn(listing.lines, f"The {listing.source} of batches")
    return listings
