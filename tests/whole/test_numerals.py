"""The same numbers, written in other ways: the same rows, the same claims; what is ambiguous is counted."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from etl.cli import main
from etl.cli.sync import summary
from etl.core.planning import Rules, Selection
from etl.emulator import Behaviour, Book, Emulator
from etl.emulator.numerals import Spelling
from etl.emulator.vendorrow import VendorRow
from etl.emulator.wording import Wording
from etl.store import figures
from tests.job import Job
from tests.tiers import cases

DAY = dt.date(2026, 3, 10)
LATER = dt.datetime(2026, 3, 12, 6, tzinfo=dt.UTC)


@contextlib.contextmanager
def a_job(url: sa.URL, book: Book, directory: Path, **behaviour: Any) -> Iterator[Job]:
    with Emulator(book, behaviour=Behaviour(**behaviour), now=lambda: LATER) as vendor:
        lines = [f"{batch_no},{date}," for batch_no, date, _ in book.batch_days()]
        made = Job(url, vendor, lines, directory, spill_days="0")
        yield made
        made.engine.dispose()


@pytest.mark.parametrize(
    ("server", "spelling", "wording"),
    cases(
        ["sqlite", "postgresql", "mariadb"],
        [spelling for spelling in get_args(Spelling) if spelling != "plain"],
        get_args(Wording),
        quick=[("sqlite", "points", "page"), ("sqlite", "exponents", "newer"), ("postgresql", "texts", "page")],
    ),
    indirect=["server"],
)
def test_all_numbers_in_another_spelling(
    engine: sa.Engine, tmp_path: Path, spelling: Spelling, wording: Wording
) -> None:
    book = Book()
    for number, rows in enumerate((250, 0, 100, 7)):
        book.add_generated(f"B{number}", DAY, rows, seed=number)
    with a_job(engine.url, book, tmp_path, spelling=spelling, wording=wording) as job:
        result = job.sync(LATER)
        assert (result.exit_code, result.requests, result.rows.doubtful) == (0, 6, 0)
        job.assert_equals_vendor()
        job.vendor.behaviour.spelling = "plain"
        again = job.sync(LATER, Rules(spill_days=0, selection=Selection(full=True)))
        assert (again.rows.updated, again.rows.unchanged) == (0, 357)


def check(number: int, **fields: Any) -> VendorRow:
    known = {"messageId": f"m{number}", "phone": f"8498{number:07d}", "checkLevel": 5, "preCheck": "YES"}
    return VendorRow(known | fields)


@pytest.mark.parametrize("level", [5, "5", Decimal("5.0"), " 5.0", "0.5E1", 4, Decimal("4.00")])
def test_checks_of_any_spelling_are_awaited(engine: sa.Engine, tmp_path: Path, level: object) -> None:
    book = Book()
    book.add("B", DAY, [check(1, checkLevel=level)])
    with a_job(engine.url, book, tmp_path) as job:
        job.sync(LATER)
        [row] = job.query("SELECT check_level, extra FROM v_number_check")
        assert (row["check_level"], row["extra"]) == (int(Decimal(str(level).strip())), None)
        assert job.coverage()["B", str(DAY)]["unresolved_rows"] == 1


DOUBTFUL = [{"price": "0,0035"}, {"price": "1.000,50"}, {"price": "USD 0.01"}, {"checkLevel": "five"}]
FINE = [
    {"price": "0.0035 "},
    {"price": Decimal("0.25")},
    {"new": "0,5"},
    {"price": None, "cost": {"price": "1.5"}},
]


def told(job: Job) -> int:
    found = figures.read(job.engine.url, "default", LATER)
    assert found is not None
    return found.doubtful_rows


def test_what_is_ambiguous_is_kept_and_counted(engine: sa.Engine, tmp_path: Path) -> None:
    book = Book()
    book.add("B", DAY, [check(number, **fields) for number, fields in enumerate(DOUBTFUL + FINE)])
    with a_job(engine.url, book, tmp_path) as job:
        result = job.sync(LATER)
        assert (result.rows.doubtful, result.as_json()["doubtful_rows"], told(job)) == (4, 4, 4)
        rows = job.query("SELECT price, extra FROM v_number_check ORDER BY phone")
        extra = rows[0]["extra"]
        assert (json.loads(extra) if isinstance(extra, str) else extra) == {"price": "0,0035"}
        assert rows[0]["price"] is None
        assert [Decimal(row["price"]) for row in (rows[4], rows[5], rows[7])] == [
            Decimal("0.0035"),
            Decimal("0.25"),
            Decimal("1.5"),
        ]
        told_there = "4 rows have a value that its column cannot take; v_number_check has it in extra"
        assert told_there in summary(result)
        shown, as_json = (
            CliRunner(env=job.environment).invoke(main, ["status", "--now", LATER.isoformat(), *options])
            for options in ([], ["--json"])
        )
        assert told_there in shown.output
        assert json.loads(as_json.output)["doubtful_rows"] == 4
        full = Rules(spill_days=0, selection=Selection(full=True))
        assert job.sync(LATER, full).rows.doubtful == 4
        assert told(job) == 4


def test_a_doubt_that_is_resolved_no_longer_counts(engine: sa.Engine, tmp_path: Path) -> None:
    """And one that is new does, in the batch day that holds the row."""
    books = []
    for prices in (("0,0035", "0,5", Decimal("0.5")), (Decimal("0.0035"), "0,5", "0,5")):
        books.append(Book())
        books[-1].add("B", DAY, [check(number, price=price) for number, price in enumerate(prices)])
    with a_job(engine.url, books[0], tmp_path) as job:
        job.sync(LATER)
        assert told(job) == 2
        job.vendor.book = books[1]
        job.sync(LATER, Rules(spill_days=0, selection=Selection(full=True)))
        # The last price is known: what the vendor now writes is ambiguous, and the column keeps what it has.
        assert told(job) == 1
