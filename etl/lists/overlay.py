"""What is known about batches: the lists of earlier runs, brought up to date with those of this one. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from etl.core.line import NOTHING_RETIRED, Entry, Retired
from etl.core.window import Window
from etl.lists.listing import Listing


def overlay(
    known: Iterable[Entry], listings: Collection[Listing], window: Window, retired: Retired = NOTHING_RETIRED
) -> tuple[list[Entry], int]:
    """The entries after these lists were read, and how many lines are outside the window.

    A dated line stays known when its list drops it, so that a shortened file loses nothing; a batch without a
    date is looked for only as long as it is listed. A list with lines that could not be read drops no batch and
    gives no count of submitted rows.
    """
    read_whole = {listing.source for listing in listings if listing.whole and not listing.problems}
    entries = {
        entry.key: entry for entry in known if entry.line.date is not None or entry.source not in read_whole
    }
    outside = 0
    for listing in listings:
        for line in listing.lines:
            if line.date is not None and line.date not in window:
                outside += 1
            elif not retired.covers(line):
                counted = line if listing.source in read_whole else replace(line, rows=None)
                key = (listing.source, line.batch_no, line.date)
                if key not in entries or entries[key].line != counted:
                    entries[key] = Entry(listing.source, counted)
    return list(entries.values()), outside
