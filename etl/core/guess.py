"""How many requests a batch day takes where nobody knows how many rows it has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from etl.core.batchday import BatchDay, pages_of
from etl.core.line import RowsByDay

MOST_NUMBERS = 5_000
"""How many numbers the vendor takes in one submission, at most."""


@dataclass(frozen=True, slots=True)
class Guess:
    """Requests: the fewest, the likely number, the most. `seen`: as batch days of this kind took so far."""

    least: int
    likely: int
    most: int
    seen: bool = True


def unknown(page_size: int) -> Guess:
    """From one row to one full submission; the likely number is as many times too low as it may be too high."""
    most = pages_of(MOST_NUMBERS, page_size)
    return Guess(1, round(most**0.5), most, seen=False)


@dataclass(frozen=True, slots=True)
class Guesses:
    """The guess for batch days that a list names with their date, and for those of batches without a date."""

    undated: Guess
    dated: Guess

    @classmethod
    def of(
        cls, settled: RowsByDay, days: Collection[BatchDay], without_date: Collection[str], page_size: int
    ) -> Guesses:
        """What such batch days of this account held so far; `without_date`: the batches listed without a date."""
        undated, dated = Counter[int](), Counter[int]()
        for of_date in settled.values():
            for name, rows in of_date.items():
                (undated if name in without_date else dated)[rows] += 1
        for day in days:
            if day.reported is not None:
                (undated if day.batch_no in without_date and not day.dated else dated)[day.reported] += 1
        dated.pop(0, None)  # mostly days after a batch's own
        return cls(_guess(undated, page_size), _guess(dated, page_size))


def _guess(rows: Counter[int], page_size: int) -> Guess:
    """The guess from how many batch days had so many rows."""
    if not rows:
        return unknown(page_size)
    pages = sum(pages_of(count, page_size) * days for count, days in rows.items())
    least, most = pages_of(min(rows), page_size), pages_of(max(rows), page_size)
    return Guess(least, round(pages / rows.total()), most)
