"""How many requests a batch day takes where nobody knows how many rows it has."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from etl.core.batchday import pages_of

SUBMISSION = 5_000
"""How many numbers the vendor takes in one submission, at most."""


@dataclass(frozen=True, slots=True)
class Guess:
    """Requests: the fewest, the likely number, the most. `seen`: as batch days of this kind took so far."""

    least: int
    likely: int
    most: int
    seen: bool = True


# From one row to one full submission; the likely number is as many times too low as it may be too high.
UNKNOWN = Guess(1, round(pages_of(SUBMISSION) ** 0.5), pages_of(SUBMISSION), seen=False)


@dataclass(frozen=True, slots=True)
class Guesses:
    """The guess for batch days that a list names with their date, and for those of batches without a date."""

    undated: Guess = UNKNOWN
    dated: Guess = UNKNOWN

    @staticmethod
    def counting() -> Counter[int]:
        """How many batch days had so many rows; nothing yet."""
        return Counter()

    @classmethod
    def of(cls, undated: Counter[int], dated: Counter[int]) -> Guesses:
        """What follows from how many batch days had so many rows."""
        return cls(_guess(undated), _guess(dated))


def _guess(rows: Counter[int]) -> Guess:
    if not rows:
        return UNKNOWN
    pages = sum(pages_of(count) * days for count, days in rows.items())
    return Guess(pages_of(min(rows)), round(pages / rows.total()), pages_of(max(rows)))
