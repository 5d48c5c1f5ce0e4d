"""After kill -9 at any point of erasing, replacing or expiring, the same call comes to the right end."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from etl.core.planning import Rules, Selection
from etl.emulator import Emulator
from tests.conftest import Start
from tests.dying import Order, Orders
from tests.job import Job
from tests.people import KEY, LATER, LINES, TODAY, book, figures, number, traces
from tests.servers import Server
from tests.tiers import cases

FULL = Rules(selection=Selection(full=True))
STEP = 128
"""Every so many points are tried, from two beginnings: some of all."""
GONE = {
    "erase": tuple(number(n) for n in range(1, 13)),
    "pseudonymise": tuple(number(n) for n in range(130)),
    "expire": tuple(number(n) for n in range(130)),
}
THEN = {"pseudonymise": {"pseudonyms": "true"}}


class Killer(Orders):
    """The process that works and dies."""

    module = "tests.killed_people"

    def run(self, job: Job, work: str, point: int | None) -> Order:
        url = job.environment["NUMBERCHECK_DATABASE_URL"]
        return self.give({"url": url, "work": work, "point": point, "numbers": GONE[work]})


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    with Killer() as made:
        yield made


@contextlib.contextmanager
def filled(server: Server, vendor: Emulator, directory: Path) -> Iterator[Job]:
    url = server.create(at_head=True)
    job = Job(url, vendor, LINES, directory, privacy_key=KEY)
    try:
        assert job.sync(TODAY).status == "complete"
        assert job.sync(LATER).status == "complete"
        yield job
    finally:
        job.engine.dispose()
        server.drop(url)


def totals(job: Job) -> tuple[Any, ...]:
    days = job.query("SELECT cost, checked_rows FROM v_daily_summary")
    cost = sum(Decimal(str(day["cost"] or 0)) for day in days)
    return figures(job.coverage()), sum(day["checked_rows"] for day in days), cost


def held(job: Job) -> int:
    return int(job.query("SELECT count(*) AS held FROM number_check")[0]["held"])


def logged(job: Job) -> int:
    """Rows that were changed or deleted, by the log."""
    return sum(line["changed_rows"] for line in job.query("SELECT changed_rows FROM v_privacy_log"))


@pytest.mark.parametrize(
    ("kind", "work", "first"),
    cases(
        ["sqlite", "postgresql", "mariadb"],
        list(GONE),
        range(2),
        quick=[
            ("sqlite", "erase", 0),
            ("sqlite", "pseudonymise", 1),
            ("sqlite", "expire", 0),
            ("postgresql", "erase", 1),
        ],
    ),
)
def test_at_every_point(
    killer: Killer, start_server: Start, kind: str, work: str, first: int, tmp_path: Path
) -> None:
    with Emulator(book(), now=lambda: LATER) as vendor:
        for point in itertools.count(61 * first + 1, STEP):
            with filled(start_server(kind), vendor, tmp_path) as job:
                before = totals(job)
                died = killer.run(job, work, point)["status"] == -9
                assert totals(job) == before
                assert work != "expire" or logged(job) == before[1] - held(job)
                assert killer.run(job, work, None)["status"] == 0
                for rules in (None, FULL):
                    assert totals(job) == before
                    assert traces(job.engine, *GONE[work]) == set()
                    assert job.sync(LATER, rules, **THEN.get(work, {})).exit_code == 0
                if not died:
                    return
