"""Doubts: what may be missing although it counts as complete."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

SEVERAL = 2
"""A round total on so many batch days is no coincidence any more."""
POWERS = tuple(10**zeros for zeros in range(3, 10))
"""Usual limits: 1,000, 10,000 and so on."""
ROUND = tuple(lead * power for lead in (1, 2, 5) for power in POWERS)
"""Totals that may be a limit. Those that are no power of ten only where the account has no greater total: 5,000
numbers are also the most that one submission takes."""


class DoubtKind(StrEnum):
    """Why something may be missing (CONTRACT: sync --json, doubts)."""

    NO_ROWS = "no_rows"
    FEWER_THAN_SUBMITTED = "fewer_than_submitted"
    ROUND_TOTAL = "round_total"
    LOOKS_LIKE_SPREADSHEET = "looks_like_spreadsheet"


@dataclass(frozen=True, slots=True)
class Doubt:
    """One doubt about a batch; `date` is None where it is about all of its dates.

    `reported`: rows that the vendor reports, None where it was never asked; `submitted`: numbers that were
    submitted, None where no list says so.
    """

    batch_no: str
    date: dt.date | None
    kind: DoubtKind
    reported: int | None = None
    submitted: int | None = None

    @property
    def key(self) -> tuple[str, dt.date, DoubtKind]:
        """The order in which doubts are told."""
        return self.batch_no, self.date or dt.date.min, self.kind


def caps(totals: Collection[int], greatest: int) -> set[int]:
    """Those of these totals of batch days that are likely to be a limit; `greatest`: of all totals."""
    counted = Counter(total for total in totals if total in POWERS or (total in ROUND and total == greatest))
    return {total for total, days in counted.items() if days >= SEVERAL}
