"""Two accounts of one database that are answered the same keys: each proves its batch days, neither changes the other.

What the second one is answered under a key that the first one holds is kept as rejected, and counted once.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from etl.core.planning import Rules, Selection
from etl.emulator import Book, Emulator, VendorRow
from etl.run.result import Result
from tests import customers
from tests.conftest import Start
from tests.job import Job

DAY = dt.date(2026, 3, 10)
TODAY = dt.datetime(2026, 3, 10, 6, tzinfo=dt.UTC)
LATER = dt.datetime(2026, 3, 12, 6, tzinfo=dt.UTC)  # in the vendor's zone, the day is over and settled
FULL = Rules(selection=Selection(full=True))
A, B = "account-1", "account-2"


def row(number: int, owner: str, **fields: Any) -> VendorRow:
    sent = {"messageId": f"m{number:06d}", "phone": f"8490{number:07d}", "checkLevel": 1, "carrier": owner}
    return VendorRow(sent | fields)


def lists() -> dict[str, list[VendorRow]]:
    """A: 0 to 259. B: 130 to 369, of which 130 are shared; some of these twice, or with other content too."""
    rows = {A: [row(n, A) for n in range(260)], B: [row(n, B) for n in range(130, 370)]}
    rows[B] += [row(131, B), row(350, B), row(140, "conflict"), row(360, "conflict")]
    return rows


def book(late: int = 0) -> Book:
    made = Book()
    customers.register(made, [A, B])
    for name, rows in lists().items():
        for number in range(late):
            rows.append(row(500 + number, name))
            rows[-1].appears_at = TODAY + dt.timedelta(hours=3)
        made.add("SAME", DAY, rows, access_key=customers.key_of(name))
    return made


@contextmanager
def jobs(url: sa.URL, vendor: Emulator, directory: Path) -> Iterator[dict[str, Job]]:
    with ExitStack() as stack:
        made = {}
        for name in (A, B):
            made[name] = customers.job(url, vendor, name, directory)
            stack.callback(made[name].engine.dispose)
        yield made


def state(job: Job, name: str) -> tuple[Any, ...]:
    [found] = job.query(
        "SELECT state, missing_rows, reported_rows, stored_rows, repeated_rows, rejected_rows FROM v_coverage "
        "WHERE account = :name AND check_date = :day AND reported_rows > 0",
        name=name,
        day=str(DAY) if job.engine.dialect.name == "sqlite" else DAY,
    )
    return tuple(found.values())


def reasons(job: Job, name: str) -> dict[str, int]:
    query = "SELECT reason, count(*) AS rows_rejected FROM v_rejected_row WHERE account = :name GROUP BY reason"
    return {line["reason"]: line["rows_rejected"] for line in job.query(query, name=name)}


def carriers(job: Job) -> set[tuple[str, str]]:
    return {
        (line["account"], line["carrier"]) for line in job.query("SELECT account, carrier FROM v_number_check")
    }


def alone(start_server: Start, tmp_path: Path, name: str) -> list[int]:
    """How many requests each run of an account takes that nobody shares a key with."""
    server = start_server("sqlite")
    url = server.create(at_head=True)
    (tmp_path / "alone").mkdir()
    with Emulator(book()) as vendor, jobs(url, vendor, tmp_path / "alone") as made:
        taken = [made[name].sync(LATER).requests]
        taken.append(made[name].sync(LATER, FULL).requests)
    server.drop(url)
    return taken


@pytest.mark.parametrize("order", [(A, B), (B, A)])
def test_one_after_the_other(
    engine: sa.Engine, start_server: Start, tmp_path: Path, order: tuple[str, str]
) -> None:
    first, second = order
    with Emulator(book()) as vendor, jobs(engine.url, vendor, tmp_path) as made:
        results = [made[name].sync(LATER) for name in (first, second)]
        assert [result.exit_code for result in results] == [0, 0]
        proven, kept = {name: state(made[name], name) for name in order}, reasons(made[second], second)
        assert {found[:2] for found in proven.values()} == {("settled", 0)}
        assert kept["held_by_another_account"] == 130
        assert "held_by_another_account" not in reasons(made[first], first)
        assert results[1].rows.rejected >= 130
        for name in (second, first, second):
            again = made[name].sync(LATER, FULL)
            assert (again.exit_code, again.rows.inserted, again.rows.updated) == (0, 0, 0)
        assert {name: state(made[name], name) for name in order} == proven
        assert reasons(made[second], second) == kept
        assert {pair for pair in carriers(made[first]) if pair[1] != "conflict"} == {(A, A), (B, B)}
        requests = [results[1].requests, made[second].sync(LATER, FULL).requests]
    assert requests == alone(start_server, tmp_path, second)


def test_a_day_that_grows(engine: sa.Engine, tmp_path: Path) -> None:
    """What was seen and changes, and what is added: each counts once, whoever looks."""
    with Emulator(book(late=7)) as vendor, jobs(engine.url, vendor, tmp_path) as made:
        for name in (A, B):
            assert made[name].sync(TODAY).exit_code == 0
        before = {name: state(made[name], name) for name in (A, B)}
        for name in (B, A):
            assert made[name].sync(LATER).exit_code == 0
        after = {name: state(made[name], name) for name in (A, B)}
        assert {found[:2] for found in after.values()} == {("settled", 0)}
        for name in (A, B):
            assert after[name][2] == before[name][2] + 7
        # B came first for what was added.
        assert reasons(made[B], B)["held_by_another_account"] == 130
        assert reasons(made[A], A) == {"held_by_another_account": 7}


def test_both_at_once(engine: sa.Engine, tmp_path: Path) -> None:
    with Emulator(book()) as vendor, jobs(engine.url, vendor, tmp_path) as made:
        vendor.now = lambda: LATER
        ready, results = threading.Barrier(2), dict[str, Result]()

        def run(name: str) -> None:
            ready.wait()
            results[name] = made[name].sync(LATER)

        threads = [threading.Thread(target=run, args=[name]) for name in (A, B)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {name: result.exit_code for name, result in results.items()} == {A: 0, B: 0}
        assert {state(made[name], name)[:2] for name in (A, B)} == {("settled", 0)}
        shared = [reasons(made[name], name).get("held_by_another_account", 0) for name in (A, B)]
        assert sum(shared) == 130
        assert {pair for pair in carriers(made[A]) if pair[1] != "conflict"} == {(A, A), (B, B)}
        for name in (A, B):
            assert made[name].sync(LATER, FULL).exit_code == 0
        assert shared == [reasons(made[name], name).get("held_by_another_account", 0) for name in (A, B)]
