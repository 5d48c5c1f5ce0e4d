"""What work on long lists may cost, as ratios of CPU time: twice as much work to once, and the work to its floor.

    python -m benchmarks.budgets                     prints a table; exits with 1 if a ratio is over its budget
    python -m benchmarks.budgets --only plan         only those whose name contains this
    python -m benchmarks.budgets --turns 9           how often each is measured; the default is 5

The floor is the least that the work could take. Each figure is the least of its turns. The work once, twice as much of
it, and the floor are measured in turn, so that a busy machine slows down all three. The tests count steps and
statements instead: tests/steps.py.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import io
import itertools
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from benchmarks.vendor_server import PAGE_SIZE, envelope
from etl.core import planning
from etl.core.batchday import BatchDay, pages_of
from etl.core.line import Line, Lists, NamesByDate
from etl.core.pageset import PageSet
from etl.core.planning import Known, Rules
from etl.core.window import Window
from etl.database.engine import connect
from etl.emulator.generator import GeneratedDay
from etl.lists.csvfile import read_csv
from etl.lists.listing import Listing
from etl.lists.overlay import Past, overlay
from etl.schema import migrate
from etl.store import accounts, listings
from etl.vendor.plain import plain_page
from etl.vendor.question import Question

Work = Callable[[], object]
FIRST = dt.date(2026, 3, 1)
TWICE = 3.0
"""The limit on CPU time for twice as much, as a multiple: 2 means linear growth, 4 quadratic growth."""


def window() -> Window:
    moment = dt.datetime(2026, 3, 14, 4, 30, tzinfo=dt.UTC)
    return Window(moment, 14, ZoneInfo("Asia/Shanghai"), dt.timedelta(hours=12))


def lines(count: int, first: dt.date = FIRST) -> list[Line]:
    """So many lines, spread evenly over 14 days."""
    return [Line(f"{n:08}", first + dt.timedelta(days=n % 14), n % 100) for n in range(count)]


def csv_file(count: int) -> bytes:
    return b"batch_no,date,rows\n" + b"".join(b"batch-%d,2026-11-02,%d\n" % (n, n) for n in range(count))


def reading(count: int) -> Work:
    content = csv_file(count)
    return lambda: read_csv(io.BytesIO(content), "list.csv")


def csv_alone(count: int) -> Work:
    content = csv_file(count)
    return lambda: list(csv.reader(io.StringIO(content.decode())))


def outside(count: int) -> Work:
    """Lines of dates that are long over: they are only counted."""
    listing = Listing("file", tuple(lines(count, dt.date(2020, 1, 1))))
    return lambda: overlay([], [listing], window(), set())


def settled_long_ago(count: int) -> Work:
    """Lines of dates before the window that the ledger has: they are compared with it at each run."""
    old = lines(count, dt.date(2025, 1, 1))
    planned: NamesByDate = {}
    for line in old:
        planned.setdefault(line.date or FIRST, set()).add(line.batch_no)
    listing, past = Listing("file", tuple(old)), Past(dt.date(2024, 1, 1), planned)
    return lambda: overlay([], [listing], window(), set(), past)


def into_a_dictionary(count: int) -> Work:
    long_over = lines(count, dt.date(2020, 1, 1))
    return lambda: {(line.batch_no, line.date): line for line in long_over}


def making_plans(count: int) -> Work:
    known = Known(Lists.of(lines(count)), [])
    return lambda: planning.will_miss(planning.make(known, window(), Rules()), window(), 10.0)


def batch_days_alone(count: int) -> Work:
    """Only the batch days that the plan has, in its order."""
    tasks = planning.make(Known(Lists.of(lines(count)), []), window(), Rules()).tasks
    keys = [(task.day.batch_no, task.day.date) for task in tasks]
    return lambda: [BatchDay(*key) for key in sorted(keys)]


def noting(rows: int) -> Work:
    """What is written for a batch day of so many rows when every other page has been read."""

    def work() -> None:
        pages, last = PageSet(), pages_of(rows)
        for page in range(1, last, 2):
            pages.add(page)
        for _ in range(20):
            str(pages), pages.missing(last)

    return work


def sets_alone(rows: int) -> Work:
    def work() -> None:
        pages, last = set(range(1, pages_of(rows), 2)), pages_of(rows)
        for _ in range(20):
            ",".join(map(str, sorted(pages))), [page for page in range(1, last + 1) if page not in pages]

    return work


def answer() -> bytes:
    """A page of generated rows, as the vendor sends it."""
    day = GeneratedDay("T0001", FIRST, PAGE_SIZE)
    return envelope([day.row(index).fields for index in range(PAGE_SIZE)], PAGE_SIZE, 1, PAGE_SIZE)


def reading_answers(pages: int) -> Work:
    body, question = answer(), Question("T0001", FIRST)
    return lambda: [plain_page(body, question) for _ in range(pages)]


def json_alone(pages: int) -> Work:
    body = answer()
    return lambda: [json.loads(body) for _ in range(pages)]


class KeptLists:
    """An SQLite database that keeps lists, each for an account of its own."""

    def __init__(self, engine: sa.Engine, directory: Path) -> None:
        self._engine = engine
        self._directory = directory
        self._names = (f"account-{number}" for number in itertools.count())

    def keeping(self, count: int) -> Work:
        """Store a list, store it again, and read it."""
        some = lines(count)

        def work() -> None:
            name = next(self._names)
            for _ in range(2):
                with self._engine.begin() as connection:
                    listings.add(connection, accounts.register(connection, name), some, more=False)
            with self._engine.begin() as connection:
                assert len(listings.load(connection, accounts.register(connection, name), FIRST)) == count

        return work

    def rows_alone(self, count: int) -> Work:
        """Put the same rows into two bare tables with their keys, and read them."""
        some = [(line.batch_no, str(line.date), line.rows) for line in lines(count)]

        def work() -> None:
            with closing(sqlite3.connect(self._directory / f"{next(self._names)}.db")) as database, database:
                database.execute("CREATE TABLE batch (id INTEGER PRIMARY KEY, no TEXT UNIQUE)")
                database.execute(
                    "CREATE TABLE line (batch INTEGER, date TEXT, rows INTEGER, UNIQUE (batch, date))"
                )
                database.executemany("INSERT INTO batch (no) VALUES (?)", [row[:1] for row in some])
                ids = dict(database.execute("SELECT no, id FROM batch"))
                database.executemany("INSERT INTO line VALUES (?, ?, ?)", [(ids[no], *rest) for no, *rest in some])
                assert len(database.execute("SELECT * FROM line JOIN batch ON id = batch").fetchall()) == count

        return work


@contextmanager
def kept_lists() -> Iterator[KeptLists]:
    with tempfile.TemporaryDirectory() as directory:
        engine = connect(sa.make_url(f"sqlite:///{directory}/lists.db"))
        try:
            migrate.upgrade(engine)
            yield KeptLists(engine, Path(directory))
        finally:
            engine.dispose()


@dataclass(frozen=True)
class Budget:
    """Work of `size`, and of twice that; `times`: how many times as long as its floor it may take."""

    name: str
    size: int
    work: Callable[[int], Work]
    floor: str
    alone: Callable[[int], Work]
    times: float


def budgets(kept: KeptLists) -> list[Budget]:
    return [
        Budget("a CSV file is read, lines", 50_000, reading, "csv.reader", csv_alone, 20),
        Budget("lines outside the window, lines", 100_000, outside, "a dictionary", into_a_dictionary, 9),
        Budget("lines settled long ago, lines", 100_000, settled_long_ago, "a dictionary", into_a_dictionary, 9),
        Budget("a plan of a large account, lines", 35_000, making_plans, "its batch days", batch_days_alone, 15),
        Budget("a large batch day is noted, rows", 500_000, noting, "sets of int", sets_alone, 6),
        Budget("answers become typed rows, pages", 300, reading_answers, "json.loads", json_alone, 2),
        Budget("a long list is kept, lines", 35_000, kept.keeping, "rows in SQLite", kept.rows_alone, 9),
    ]


def cpu(work: Work) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def measure(budget: Budget, turns: int) -> bool:
    """Print the budget's line of the table. Returns whether both ratios are within their budgets."""
    works = budget.work(budget.size), budget.work(2 * budget.size), budget.alone(budget.size)
    took = [[cpu(work) for work in works] for _ in range(turns)]
    once, twice, floor = (min(figures) for figures in zip(*took, strict=True))
    growth, beside = twice / once, once / floor
    kept = growth <= TWICE and beside <= budget.times
    print(
        f"{budget.name:<34} {budget.size:>9,} {once:>7.3f} s  {growth:>5.2f} of {TWICE:g}   "
        f"{budget.floor:<15} {floor:>7.3f} s  {beside:>5.2f} of {budget.times:<4g} {'' if kept else 'OVER'}",
        flush=True,
    )
    return kept


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="only those whose name contains this")
    parser.add_argument("--turns", type=int, default=5)
    given = parser.parse_args()
    print(f"{'work':<34} {'size':>9} {'CPU':>9}  {'twice':<12}  {'floor':<15} {'CPU':>9}  ratio")
    with kept_lists() as kept:
        within = [measure(budget, given.turns) for budget in budgets(kept) if given.only in budget.name]
    sys.exit(0 if all(within) else 1)


if __name__ == "__main__":
    main()
