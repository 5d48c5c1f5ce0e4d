"""What docs/lake.md says about reading a lake is typed as it stands there: each engine answers as our views do."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from etl.cli import main
from etl.emulator import Book, Emulator, VendorRow
from tests.conftest import Start
from tests.job import Job
from tests.lake import asked
from tests.lake.world import LakeWorld

pytestmark = pytest.mark.full

NOW = dt.datetime(2026, 3, 10, 4, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
DATES = [dt.date(2026, 3, 10) - n * DAY for n in range(4)]
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


@pytest.mark.parametrize("kind", KINDS[:1])
def test_the_lake_still_knows_what_the_views_lose_by_retire(kind: str, world: LakeWorld) -> None:
    """As docs/lake.md says: the newest checks of phones that were last checked on dates that left."""
    world.now = NOW + 3 * DAY
    world.sync()
    world.export()
    answers = asked.of_duckdb(world.url)
    columns = {name: list(answer.rows[0]) for name, answer in answers.items()}
    before = asked.of_views(world.job.engine, columns)
    retire(world, DATES[1])
    after = asked.of_views(world.job.engine, columns)
    still = asked.of_duckdb(world.url)
    for name, answer in answers.items():
        assert asked.in_one_form(still[name].rows) == asked.in_one_form(answer.rows), name
    summaries = (asked.in_one_form(found["v_daily_summary"].rows) for found in (before, after))
    assert next(summaries) == next(summaries)
    seen, left = ({row["phone"]: row for row in found["v_phone_latest"].rows} for found in (before, after))
    assert left.keys() == {phone for phone, row in seen.items() if row["check_date"] >= DATES[1]}
    assert len(left) < len(seen)
    # A phone of the last date had been checked on each: the view counts the checks of two dates alone.
    assert {row["checks"] for row in seen.values() if row["batch_no"] == "B-again"} == {8}
    assert {row["checks"] for row in left.values() if row["batch_no"] == "B-again"} == {4}


def retire(world: LakeWorld, before: dt.date) -> None:
    settings = world.job.environment | {"NUMBERCHECK_LAKE_URL": world.url}
    arguments = ["lake", "retire", "--before", str(before), "--json"]
    done = CliRunner(env=settings).invoke(main, arguments, prog_name="numbercheck")
    assert done.exit_code == 0, done.output
    left = json.loads(done.stdout.splitlines()[-1])["accounts"][0]["dates"]
    assert left == [str(date) for date in DATES if date < before]
