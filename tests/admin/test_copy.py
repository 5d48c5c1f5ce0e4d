"""Copying into another database: every pair of servers, content that one may not keep, and the sync afterwards."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from etl.admin import copying
from etl.database.engine import reading
from etl.emulator import Book, Emulator
from etl.emulator.vendorrow import VendorRow
from etl.schema import tables
from etl.store import accounts
from tests.admin.copies import (
    OF_A_LOCK,
    PAIRS,
    TARGETS,
    add_odd_rows,
    content,
    is_empty,
    silently,
    two_databases,
)
from tests.conftest import Start
from tests.job import Job
from tests.store.sessions import new_database
from tests.store.support import MOMENT, add_batch_day, add_category, insert
from tests.tiers import left_to_full

DAYS, HOURS = dt.timedelta(days=1), dt.timedelta(hours=1)
NOW = dt.datetime(2026, 3, 10, 4, 0, tzinfo=dt.UTC)
TODAY = dt.date(2026, 3, 10)


@pytest.fixture(params=PAIRS)
def engines(request: pytest.FixtureRequest, start_server: Start) -> Iterator[tuple[sa.Engine, sa.Engine]]:
    """Unless a test names others, each pair."""
    with two_databases(start_server, request.param) as found:
        yield found


def test_every_row_of_every_table(source: sa.Engine, target: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "COPIED_ROWS", 3)
    with source.begin() as connection:
        add_odd_rows(connection)
    told: list[tuple[str, int, int]] = []

    counts = copying.copy(source, target, lambda *what: told.append(what))

    before, after = content(source), content(target)
    assert all(before.values())
    assert after == before
    assert counts == {name: len(rows) for name, rows in before.items()}
    assert told[0] == ("copying account", 3, 2 * sum(counts.values()))
    assert (told[-1][1], told[-1][2]) == (2 * sum(counts.values()), 2 * sum(counts.values()))
    with target.connect() as connection:
        assert connection.scalars(sa.select(tables.account.c.holder)).all() == [None, None, None]
        assert connection.execute(sa.select(tables.request_slot)).all() == []


@pytest.mark.parametrize(
    "engines", [pair if pair in TARGETS else left_to_full(pair) for pair in PAIRS], indirect=True
)
def test_new_rows_are_numbered_beyond_the_copied_ones(source: sa.Engine, target: sa.Engine) -> None:
    with source.begin() as connection:
        add_odd_rows(connection)
    copying.copy(source, target, silently)
    with target.begin() as connection:
        account_id = accounts.register(connection, "new account")
        new = {
            tables.account: account_id,
            tables.batch: insert(connection, tables.batch, account_id=account_id, batch_no="new"),
            tables.carrier: insert(connection, tables.carrier, name="new"),
            tables.category: add_category(connection, check_level=1),
            tables.batch_listing: insert(connection, tables.batch_listing, batch_id=8, source="file"),
            tables.batch_day: add_batch_day(connection, 8, TODAY),
            tables.privacy_log: insert(
                connection, tables.privacy_log, account_id=7, happened_at=MOMENT, action="erase", who="somebody"
            ),
            tables.rejected_row: insert(
                connection,
                tables.rejected_row,
                batch_day_id=10,
                page=1,
                reason="new",
                payload="{}",
                digest="1",
                seen_at=MOMENT,
            ),
        }
        for table, number in new.items():
            key = next(iter(table.primary_key))
            assert number == connection.scalar(sa.select(sa.func.max(key)))
    assert {table for table in copying.COPIED_TABLES if table.autoincrement_column is not None} == new.keys()


@pytest.mark.parametrize("engines", TARGETS, indirect=True)
def test_there_and_back_the_files_say_the_same(start_server: Start, source: sa.Engine, target: sa.Engine) -> None:
    """Compared without SQLAlchemy: the text that SQLite holds, except for the notation of JSON."""
    with source.begin() as connection:
        add_odd_rows(connection)

    def stored(engine: sa.Engine) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        own = {*(name.removeprefix("account.") for name in OF_A_LOCK), "extra"}
        with reading(engine).connect() as connection:
            for table in copying.COPIED_TABLES:
                names = [f'"{column.name}"' for column in table.columns if column.name not in own]
                query = f"SELECT {', '.join(names)} FROM {table.name}"  # noqa: S608  (our own names)
                found[table.name] = sorted(map(tuple, connection.exec_driver_sql(query)), key=repr)
        return found

    with new_database(start_server("sqlite")) as back:
        copying.copy(source, target, silently)
        copying.copy(target, back, silently)
        assert stored(back) == stored(source)


@pytest.mark.parametrize("engines", TARGETS, indirect=True)
def test_lines_of_lookups_are_those_of_the_source(source: sa.Engine, target: sa.Engine) -> None:
    with target.begin() as connection:
        insert(connection, tables.region, code="XY", name="left behind by somebody")
        insert(connection, tables.currency, code="XYZ")
    with source.begin() as connection:
        insert(connection, tables.region, code="QX", name="Unknown (QX)")
        connection.execute(sa.update(tables.region).where(tables.region.c.code == "DE").values(name="Deutschland"))
    copying.copy(source, target, silently)
    assert content(target) == content(source)


@pytest.mark.parametrize("engines", TARGETS, indirect=True)
def test_a_new_database_holds_rows_in_seeded_tables_only(target: sa.Engine) -> None:
    assert is_empty(target)


# -- sync goes on -----------------------------------------------------------------------------------------


def fill(book: Book) -> None:
    """Add one of everything that a ledger may hold: settled, open, awaited, rejected, repeated, a second account."""
    book.add_generated("B-old", TODAY - DAYS, 250)
    book.add_generated("B-new", TODAY, 120)
    book.add_generated("B-lost", TODAY - 16 * DAYS, 250)
    hlr = {"phone": "84980000001", "checkLevel": 5, "reachable": "YES", "price": "0.000001", "currency": "VND"}
    later = [VendorRow({"messageId": f"w{n}"} | hlr, resolves_at=NOW + 13 * HOURS) for n in range(5)]
    book.add("B-wait", TODAY - DAYS, later)
    book.add("B-odd", TODAY, [VendorRow({"phone": f"8498{n}", "odd": "🎈 "}) for n in range(3)])
    book.add(
        "B-odd", TODAY, 2 * [VendorRow({"messageId": "twice", "extra": Decimal("1.000000000000000000001")} | hlr)]
    )
    book.add_account("second-key", "second-secret")
    book.add_generated("B-second", TODAY - DAYS, 130, access_key="second-key")


LINES = [f"B-old,{TODAY - DAYS},", f"B-new,{TODAY},", f"B-wait,{TODAY - DAYS},", f"B-odd,{TODAY},"]
COVERAGE = ["account", "state", "reported_rows", "stored_rows", "missing_rows", "unresolved_rows", "repeated_rows"]
COVERAGE += ["rejected_rows", "note"]
SECOND = {"account": "second", "access_key": "second-key", "access_secret": "second-secret"}


@contextmanager
def jobs(url: sa.URL, vendor: Emulator, directory: Path) -> Iterator[list[Job]]:
    (directory / "second").mkdir(exist_ok=True)
    made = [
        Job(url, vendor, [f"B-lost,{TODAY - 16 * DAYS},", *LINES], directory),
        Job(url, vendor, [f"B-second,{TODAY - DAYS},"], directory / "second", **SECOND),
    ]
    try:
        yield made
    finally:
        for job in made:
            job.engine.dispose()


# Every server once as the source and once as the target; each pair is copied above.
@pytest.mark.parametrize("engines", [PAIRS[number] for number in (0, 3, 4)], indirect=True)
def test_sync_goes_on_in_the_copy(source: sa.Engine, target: sa.Engine, tmp_path: Path) -> None:
    book = Book()
    fill(book)
    with (
        Emulator(book, now=lambda: NOW) as vendor,
        jobs(source.url, vendor, tmp_path) as before,
        jobs(target.url, vendor, tmp_path) as after,
    ):
        assert before[0].sync(NOW - 16 * DAYS, max_requests="1").exit_code == 75
        assert [job.sync(NOW).exit_code for job in before] == [65, 0]
        seen = content(source)
        assert all(seen[name] for name in ("awaited_check", "rejected_row", "repeated_key"))
        assert set(before[0].states().values()) == {"lost", "settled", "open"}

        copying.copy(source, target, silently)

        assert covered(after[0]) == covered(before[0])
        assert after[1].sync(NOW).requests == 0  # all of it is settled
        for moment in (NOW, NOW + 13 * HOURS, NOW + 30 * HOURS):
            for job, copied in zip(before, after, strict=True):
                expected = figures(job.sync(moment))
                assert figures(copied.sync(moment)) == expected
                assert covered(copied) == covered(job)


def covered(job: Job) -> list[tuple[Any, ...]]:
    """v_coverage without its times, which servers write in different ways; `content` has compared them."""
    return sorted((*map(str, key), *(row[name] for name in COVERAGE)) for key, row in job.coverage().items())


def figures(result: Any) -> dict[str, Any]:
    """The result of a run, without what always differs."""
    return {name: value for name, value in result.as_json().items() if name not in ("run_id", "seconds")}
