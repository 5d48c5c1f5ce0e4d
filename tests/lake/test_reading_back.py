"""What docs/lake.md says about reading a lake is typed as it stands there: each engine answers as our views do."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.emulator import Book, Emulator, VendorRow
from tests.conftest import Start
from tests.job import Job
from tests.lake import asked
from tests.lake.world import LakeWorld

pytestmark = pytest.mark.full

NOW = dt.datetime(2026, 3, 10, 4, 0, tzinfo=dt.UTC)
DATES = [dt.date(2026, 3, 10) - n * dt.timedelta(days=1) for n in range(4)]
# SQLite adds prices up in floating point, so the question of the carrier has another answer there.
KINDS = [
    pytest.param("postgresql", marks=pytest.mark.postgresql),
    pytest.param("mariadb", marks=pytest.mark.mariadb),
]


def again(count: int, date: dt.date) -> list[VendorRow]:
    """Rows whose phones come back on each date, some of them twice."""
    return [
        VendorRow({
            "messageId": f"{date:%d}-{n:04}", "phone": f"8490{n // 2:07}", "checkLevel": 5, "regionCode": "VN",
            "carrier": "Viettel" if n % 3 else "MobiFone", "reachable": "YES" if n % 5 else "NO",
            "price": f"0.{n:06}", "currency": "VND",
        })
        for n in range(count)
    ]  # fmt: skip


@pytest.fixture
def world(kind: str, start_server: Start, tmp_path: Path) -> Iterator[LakeWorld]:
    """Four dates with all kinds of rows, exported."""
    book = Book()
    for n, date in enumerate(DATES):
        book.add_generated(f"B-{n}", date, 300, seed=n)
        book.add("B-again", date, again(60, date))
    url = start_server(kind).create(at_head=True)
    with Emulator(book, now=lambda: NOW) as vendor:
        lines = [f"{batch_no},{date}," for batch_no, date, _ in book.batch_days()]
        made = LakeWorld(Job(url, vendor, lines, tmp_path), tmp_path)
        made.now = NOW
        made.sync()
        assert made.export().dates == sorted(DATES)
        yield made
        made.job.engine.dispose()
    start_server(kind).drop(url)


def assert_as_the_views(world: LakeWorld, answers: dict[str, asked.Told]) -> None:
    ours = asked.of_views(world.job.engine, {name: list(answer.rows[0]) for name, answer in answers.items()})
    for name, answer in answers.items():
        assert asked.in_one_form(answer.rows) == asked.in_one_form(ours[name].rows), name
    assert set(ours) == {"v_daily_summary", "v_number_check", "v_phone_latest"}
    assert len(ours["v_number_check"].rows) == len(DATES)
    assert len(ours["v_phone_latest"].rows) < 4 * 360


@pytest.mark.parametrize("kind", KINDS)
def test_duckdb_answers_as_the_views_do(kind: str, world: LakeWorld) -> None:
    assert_as_the_views(world, asked.of_duckdb(world.url))


@pytest.mark.parametrize("kind", KINDS[:1])
def test_a_spark_cluster_answers_as_the_views_do(kind: str, world: LakeWorld) -> None:
    assert_as_the_views(world, asked.of_spark(world.url, world.directory))
