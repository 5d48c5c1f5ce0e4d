"""Overviews to make pages of."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from zoneinfo import ZoneInfo

from etl.core.doubt import Doubt, DoubtKind
from etl.core.overview import AccountOverview, Amount, Backlog, Covered, CoveredBatch, Daily, Findings, Ran, Tally
from etl.core.window import Window

NOW = dt.datetime(2026, 3, 14, 4, 30, tzinfo=dt.UTC)
TODAY = dt.date(2026, 3, 14)
DAY = dt.timedelta(days=1)
HOUR = dt.timedelta(hours=1)
WINDOW = Window(NOW, 14, ZoneInfo("Asia/Shanghai"), 12 * HOUR)
EMPTY = AccountOverview(account="default", window=WINDOW, first=WINDOW.first - 14 * DAY, interval=3.0)
STATES = ("settled", "open", "incomplete", "pending", "lost", "archived", "of a later version")


def run(status: str = "complete", exit_code: int | None = 0) -> Ran:
    return Ran(NOW - HOUR, NOW - HOUR / 2, status, exit_code, 120, 1000, 5, False)


def covered(per_state: int, dates: int = 28) -> tuple[Covered, ...]:
    """So many batch days of each state on each of so many last dates."""
    return tuple(
        Covered(TODAY - DAY * back, state, per_state, 100 * per_state, 90 * per_state, 10 * per_state)
        for back in range(dates)
        for state in STATES
    )


def batches(name: str = "26{date:%m%d}{number:06d}", dates: int = 28) -> tuple[CoveredBatch, ...]:
    """A batch of each state on each date."""
    return tuple(
        CoveredBatch(date, name.format(date=date, number=number), state, 100, 90)
        for date in (TODAY - DAY * back for back in range(dates))
        for number, state in enumerate(STATES)
    )


def full(**changes: object) -> AccountOverview:
    """An overview in which every part of the page has something to say."""
    text = {"carrier": "Viettel", "country": "Vietnam"}
    tallies = [
        Tally(f"{text['country']} {n % 15}", f"{text['carrier']} {n}", bool(n % 2), 1000 - n, Findings(600, 200, 100 + 100 * (n % 2)), Findings(), Findings(0, 0, 7))
        for n in range(60)
    ]  # fmt: skip
    daily = [
        Daily(TODAY - DAY * back, kind, currency, 100, 90, 40, Decimal("1234.567891"))
        for back in range(28)
        for kind in ("HLR", "Call", None)
        for currency in ("USD", "VND")
    ]
    made = replace(
        EMPTY,
        known=True,
        known_from=EMPTY.first,
        planned_to=TODAY,
        unfinished=3,
        unfinished_from=TODAY - DAY,
        open_from=TODAY - 2 * DAY,
        risk=Amount(2, 30, NOW + HOUR),
        lost=Amount(1, 7, NOW - DAY),
        last_good=NOW - 3 * HOUR,
        covered=covered(1),
        batches=batches(),
        earlier={"settled": 1200, "lost": 3},
        requests={TODAY - DAY * back: 1000 * back for back in range(14)},
        backlog=Backlog(3, 40, 30, 60),
        counted_from=EMPTY.first,
        recent_from=TODAY - 6 * DAY,
        daily=tuple(daily),
        tallies=tuple(tallies),
        ages={TODAY - DAY * age: 100 for age in (0, 8, 40, 100, 400)},
        doubts=(Doubt("B-17", TODAY, DoubtKind.NO_ROWS, 0, 100),),
        doubt_counts={DoubtKind.NO_ROWS: 1, DoubtKind.ROUND_TOTAL: 0},
        doubtful_rows=4,
        rejected={"no_key": 12},
        new_codes=("country: Unknown (QQ)",),
        runs=(run(), run("incomplete", 75), run("running", None)),
    )
    return replace(made, **changes)  # type: ignore[arg-type]
