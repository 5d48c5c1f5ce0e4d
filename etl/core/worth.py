"""How likely a batch day is to have rows that are not held: what comes first of those with the same deadline."""

from __future__ import annotations

from collections.abc import Collection
from enum import IntEnum

from etl.core.batchday import BatchDay
from etl.core.line import RowsByDay


class Worth(IntEnum):
    """What is known of the rows of a batch day; the lowest is asked for first."""

    KNOWN = 0
    """Rows were submitted or reported that are not held yet."""
    DATED = 1
    """A list names the batch with this date."""
    SHOWED = 2
    """No list names the date, but the batch has rows on some date."""
    UNLIKELY = 3
    """No list names the date, and the vendor has reported no row of the batch so far."""


def of(day: BatchDay, showed: Collection[str]) -> Worth:
    """What is known of it. `showed`: the batches for which the vendor has reported rows on any date."""
    if (day.missing or 0) > 0 or (day.submitted or 0) > (day.reported or 0):
        return Worth.KNOWN
    if day.dated:
        return Worth.DATED
    return Worth.SHOWED if day.batch_no in showed else Worth.UNLIKELY


def showing_rows(settled: RowsByDay, days: Collection[BatchDay]) -> set[str]:
    """The batches for which the vendor reported rows on any date."""
    names = {name for of_date in settled.values() for name, rows in of_date.items() if rows}
    return names | {day.batch_no for day in days if day.reported}
