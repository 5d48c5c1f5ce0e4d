"""What the report page shows of one account at one moment: figures, and no word that is made for the page.

Dates are in the vendor's zone, moments in UTC. Whatever the vendor or a list wrote (batch numbers, carriers,
codes) is as it came: whoever shows it masks and escapes it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from etl.core.doubt import Doubt, DoubtKind
from etl.core.window import Window


class Amount(NamedTuple):
    """Batch days, and the rows that they lack at least; `first`: the nearest deadline, or None."""

    batch_days: int = 0
    rows: int = 0
    first: dt.datetime | None = None


NOTHING = Amount()


class Covered(NamedTuple):
    """Batch days of one date in one state. `reported` is None where none of them was ever asked for."""

    date: dt.date
    state: str
    batch_days: int
    reported: int | None
    stored: int
    missing: int


class CoveredBatch(NamedTuple):
    """One batch day, where a date has few of them."""

    date: dt.date
    batch_no: str
    state: str
    reported: int | None
    stored: int


class Backlog(NamedTuple):
    """What is to be fetched: batch days, and the likely, the least and the greatest number of requests for it."""

    batch_days: int
    requests: int
    least: int
    most: int


class Daily(NamedTuple):
    """Checks of one date, kind and currency. `cost` is exact, and None where no check has a price."""

    date: dt.date
    kind: str | None
    currency: str | None
    checks: int
    priced: int
    reachable: int
    cost: Decimal | None


class Findings(NamedTuple):
    """How often an outcome was YES, NO or UNKNOWN; checks that do not ask for it, or still wait, do not count."""

    yes: int = 0
    no: int = 0
    unknown: int = 0

    @property
    def known(self) -> int:
        """Checks that found out."""
        return self.yes + self.no

    @property
    def asked(self) -> int:
        """Checks that were to find out."""
        return self.known + self.unknown

    def plus(self, other: Findings) -> Findings:
        """Both together."""
        return Findings(self.yes + other.yes, self.no + other.no, self.unknown + other.unknown)


class Tally(NamedTuple):
    """Checks of one country and carrier, `recent` or before, and their outcomes."""

    country: str | None
    carrier: str | None
    recent: bool
    checks: int
    valid: Findings
    reachable: Findings
    answered: Findings


class Ran(NamedTuple):
    """One run of sync; `finished` is None while it is at work, or where it was killed."""

    started: dt.datetime
    finished: dt.datetime | None
    status: str
    exit_code: int | None
    requests: int
    inserted: int
    updated: int
    narrowed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountOverview:
    """All of it. `first`: the oldest date that is shown by itself; `earlier`: batch days before it, by state.

    `others`: where the account is not known, how many others are. `known_from`: the date of the oldest batch day.
    `planned_to`: up to which date the lists are planned. `unfinished_from`: the first date with a batch day that
    is neither complete nor lost; `open_from`: the first with one that may grow. `interval`: seconds between two
    requests; 0: not paced. `requests`: of the runs that began on a date. `counted_from`: checks, outcomes and cost
    are counted from this date on; None: there are none. `recent_from`: from when on they are recent; None: all
    are. `cut`: the rarest of `daily` or `tallies` are not among them. `ages`: phones by the date of their newest
    check; None: too many rows are held to count them. `ended`: the exit status of the sync that makes the page;
    None: a person makes it.
    """

    account: str
    window: Window
    first: dt.date
    interval: float
    known: bool = False
    others: int = 0
    known_from: dt.date | None = None
    planned_to: dt.date | None = None
    unfinished: int = 0
    unfinished_from: dt.date | None = None
    open_from: dt.date | None = None
    risk: Amount = NOTHING
    lost: Amount = NOTHING
    last_good: dt.datetime | None = None
    covered: tuple[Covered, ...] = ()
    batches: tuple[CoveredBatch, ...] = ()
    earlier: dict[str, int] = field(default_factory=dict)
    requests: dict[dt.date, int] = field(default_factory=dict)
    backlog: Backlog | None = None
    counted_from: dt.date | None = None
    recent_from: dt.date | None = None
    daily: tuple[Daily, ...] = ()
    tallies: tuple[Tally, ...] = ()
    cut: bool = False
    ages: dict[dt.date, int] | None = None
    doubts: tuple[Doubt, ...] = ()
    doubt_counts: dict[DoubtKind, int] = field(default_factory=dict)
    doubtful_rows: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    new_codes: tuple[str, ...] = ()
    runs: tuple[Ran, ...] = ()
    ended: int | None = None

    @property
    def batch_days(self) -> int:
        """Batch days of any date."""
        return sum(day.batch_days for day in self.covered) + sum(self.earlier.values())
