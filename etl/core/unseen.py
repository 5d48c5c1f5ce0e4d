"""The batch days that lists call for and the ledger does not have. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping

from etl.core.batchday import BatchDay
from etl.core.line import Lists, NamesByDate
from etl.core.window import Window

Reported = Mapping[dt.date, Mapping[str, int | None]]
"""What the vendor reported, by date and batch, for each batch day of the ledger; None where it was never asked."""


def batch_days(
    lists: Lists, ledger: Reported, missed: NamesByDate, window: Window, spill_days: int
) -> Iterator[BatchDay]:
    """What no run has planned yet: dates that were `missed`, those of the window, and their spill days."""
    appkeys = {line.batch_no: line.appkey for line in lists.lines if line.appkey}
    everywhere = lists.named.get(None, set())
    for date, names in missed.items():
        yield from (_named(lists, name, date, appkeys) for name in sorted(names))
    for date in window.dates:
        there = ledger.get(date, {}).keys() | lists.retired.on(date)
        named = lists.named.get(date, set()) | everywhere
        yield from (_named(lists, name, date, appkeys) for name in sorted(named - there))
        if window.moment < window.settles(date):
            continue
        for own in (date - dt.timedelta(days=days) for days in range(1, spill_days + 1)):
            late = _perhaps_late(lists, own, ledger.get(own, {})) - named - there
            named |= late
            yield from (BatchDay(name, date, appkey=appkeys.get(name), spill=True) for name in sorted(late))


def _named(lists: Lists, name: str, date: dt.date, appkeys: Mapping[str, str | None]) -> BatchDay:
    """A batch day as the lists name it."""
    submitted, dated = lists.submitted_on(name, date), lists.dates(name, date)
    return BatchDay(name, date, appkey=appkeys.get(name), submitted=submitted, dated=dated)


def _perhaps_late(lists: Lists, date: dt.date, reported: Mapping[str, int | None]) -> set[str]:
    """The batches of a date that may have rows on a later one: not all submitted rows are known to be reported."""
    submitted = lists.submitted.get(date, {})
    return {
        name
        for name in lists.named.get(date, ())
        if name not in submitted or (reported.get(name) or 0) < submitted[name]
    }
