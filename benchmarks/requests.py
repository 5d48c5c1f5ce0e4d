"""How many requests the job needs, against the fewest that any job could: one for each 100 rows of a batch day.

Runs the real job at virtual moments against the emulator, with everything real but the clock, and the naive job
(the whole window at every run) by counting what it would ask. From the project's root:

    python -m benchmarks.requests [--days 33] [--seed 1] [--only daily]
"""

from __future__ import annotations

import argparse
import datetime as dt
import logging
import random
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from etl.core.batchday import pages_of
from etl.emulator import Behaviour, Book, Emulator, Growth
from tests.job import Job
from tests.unsynced import unsynced

ZONE = ZoneInfo("Asia/Shanghai")
FIRST = dt.date(2026, 3, 1)
WINDOW_DAYS = 14


@dataclass(frozen=True)
class Scenario:
    """What is submitted each day, and when the job runs."""

    name: str
    sizes: Callable[[random.Random], list[int]]
    rows_known: bool
    order: str = "descending"
    hours: tuple[float, ...] = (26.5,)  # of a day, after its midnight: 26.5 is 02:30 on the next day
    submitted: tuple[float, float] = (3, 22)
    resolves_after: dt.timedelta = dt.timedelta(minutes=30)


def moment(date: dt.date, hours: float) -> dt.datetime:
    """`hours` after the start of `date` in the vendor's zone."""
    return dt.datetime.combine(date, dt.time(), ZONE) + dt.timedelta(hours=hours)


def large(dice: random.Random) -> list[int]:
    return [dice.randint(1_800, 5_000)]


def small(dice: random.Random) -> list[int]:
    return [dice.randint(1, 99) for _ in range(18)]


def growing(dice: random.Random) -> list[int]:
    return [dice.choice((60, 250, 900, 2_500, 5_000))]


HOURLY = tuple(hour + 0.5 for hour in range(1, 25))
SCENARIOS = (
    Scenario("daily, 1,800 to 5,000 rows", large, rows_known=False),
    Scenario("daily, 1,800 to 5,000 rows, size known", large, rows_known=True),
    Scenario("daily, 1 to 99 rows", small, rows_known=False),
    Scenario("daily, 1 to 99 rows, size known", small, rows_known=True),
    Scenario("hourly, rows in front", growing, False, "descending", HOURLY, (1, 21), dt.timedelta(minutes=5)),
    Scenario("hourly, rows at the end", growing, False, "ascending", HOURLY, (1, 21), dt.timedelta(minutes=5)),
    Scenario("hourly, hash order", growing, False, "hash", HOURLY, (1, 21), dt.timedelta(minutes=5)),
)


@dataclass
class Outcome:
    """Requests of this job and of the naive one, the floor, and hourly looks until each day is settled."""

    floor: int = 0
    requests: int = 0
    naive: int = 0
    looks: int = 0
    missing: int = 0


def run(scenario: Scenario, days: int, seed: int, window_days: int = WINDOW_DAYS) -> Outcome:
    """Simulate `days` days of submissions and the runs after each, until everything has left the window."""
    dice, book, outcome = random.Random(seed), Book(), Outcome()
    submitted: list[tuple[dt.date, str, int]] = []
    with (
        tempfile.TemporaryDirectory() as directory,
        Emulator(book, behaviour=Behaviour(order=scenario.order, window_days=window_days)) as vendor,
    ):
        url = sa.make_url(f"sqlite:///{directory}/bench.db")
        job = Job(url, vendor, [], Path(directory), max_in_flight="1", window_days=str(window_days))
        unsynced(job.engine)
        for day in range(days + window_days + 2):
            date = FIRST + dt.timedelta(days=day)
            if day < days:
                for number, rows in enumerate(scenario.sizes(dice)):
                    first, last = (moment(date, hour) for hour in scenario.submitted)
                    growth = Growth(first, last, scenario.resolves_after)
                    book.add_generated(f"{date:%y%m%d}{number:03d}", date, rows, seed, growth=growth)
                    submitted.append((date, f"{date:%y%m%d}{number:03d}", rows))
                    outcome.floor += pages_of(rows)
            job.list(_lines(submitted, scenario))
            for hours in scenario.hours:
                now = moment(date, hours)
                result = job.sync(now)
                outcome.requests += result.requests
                outcome.naive += _naive(submitted, book, now, window_days)
                outcome.looks += sum(now < moment(when, 37) for when, _, _ in submitted)
        outcome.missing = (
            sum(rows for _, _, rows in submitted)
            - job.query("SELECT count(*) AS held FROM v_number_check")[0]["held"]
        )
        assert {row["state"] for row in job.coverage().values()} == {"settled"}
        assert job.sync(now).requests == 0
        job.engine.dispose()
    return outcome


def _lines(submitted: list[tuple[dt.date, str, int]], scenario: Scenario) -> Iterator[str]:
    return (f"{no},{date},{rows if scenario.rows_known else ''}" for date, no, rows in submitted)


def _naive(submitted: list[tuple[dt.date, str, int]], book: Book, now: dt.datetime, window_days: int) -> int:
    """The whole window at every run: what is there of each batch day, one request at least."""
    first = now.astimezone(ZONE).date() - dt.timedelta(days=window_days - 1)
    days = {(no, date): day for no, date, day in book.batch_days()}
    return sum(pages_of(len(days[no, date].visible(now))) for date, no, _ in submitted if date >= first)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=33)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="scenarios whose name holds this")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    print(
        f"{'scenario':<42} {'floor':>7} {'job':>7} {'ratio':>6} {'looks':>6} {'naive':>7} {'ratio':>6} missing rows"
    )
    for scenario in SCENARIOS:
        if given.only in scenario.name:
            o = run(scenario, given.days, given.seed)
            ratios = o.requests / o.floor, o.naive / o.floor
            print(
                f"{scenario.name:<42} {o.floor:>7,} {o.requests:>7,} {ratios[0]:>6.3f} {o.looks:>6,} "
                f"{o.naive:>7,} {ratios[1]:>6.1f} {o.missing:>6}",
                flush=True,
            )


if __name__ == "__main__":
    main()
