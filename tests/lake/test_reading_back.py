"""What docs/lake.md says about reading a lake is typed as it stands there: each engine answers as our views do."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from etl.emulator import Book, Emulator, VendorRow
from tests import engines
from tests.conftest import Start
from tests.job import Job
from tests.lake import spark
from tests.lake.world import LakeWorld

pytestmark = pytest.mark.full

PAGE = (Path(__file__).parents[2] / "docs" / "lake.md").read_text(encoding="utf-8")
QUESTIONS: dict[str, str] = dict(re.findall(r"<!-- question: (\w+) -->\n```sql\n(.*?)```", PAGE, re.DOTALL))
NOW = dt.datetime(2026, 3, 10, 4, 0, tzinfo=dt.UTC)
DATES = [dt.date(2026, 3, 10) - n * dt.timedelta(days=1) for n in range(4)]
# SQLite adds prices up in floating point, so the question of the carrier has another answer there.
KINDS = [
    pytest.param("postgresql", marks=pytest.mark.postgresql),
    pytest.param("mariadb", marks=pytest.mark.mariadb),
]


def blocks(language: str) -> str:
    """What the page gives to type, on its disk or in its cluster."""
    return "\n".join(
        re.findall(rf"<!-- tried: tests/lake/test_reading_back.py -->\n```{language}\n(.*?)```", PAGE, re.DOTALL)
    )


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


def in_one_form(rows: Iterable[dict[str, Any]]) -> list[tuple[str, ...]]:
    """Rows whose values are spelled alike, whichever engine they come from, in one order."""
    return sorted(tuple(f"{name}={spelled(name, row[name])}" for name in sorted(row)) for row in rows)


def spelled(name: str, value: Any) -> str:
    if name == "cost" and value not in (None, "None"):
        return f"{Decimal(str(value)).normalize():f}"
    if isinstance(value, dt.datetime) and value.tzinfo:
        return str(value.astimezone(dt.UTC).replace(tzinfo=None))
    return str(value)


def of_views(world: LakeWorld, columns: dict[str, list[str]]) -> dict[str, list[tuple[str, ...]]]:
    """What our views answer. The carrier's question is the page's own, put to the view."""
    text = {name: f"SELECT {', '.join(columns[name])} FROM {name}" for name in QUESTIONS}  # noqa: S608  (ours)
    text["v_number_check"] = re.sub(r"FROM number_check\b", "FROM v_number_check", QUESTIONS["v_number_check"])
    return {name: in_one_form(world.job.query(query)) for name, query in text.items()}


def of_duckdb(world: LakeWorld) -> dict[str, list[dict[str, Any]]]:
    duckdb, packages = engines.duckdb()
    extension = next(packages.glob("duckdb_extension_delta/extensions/*/delta.duckdb_extension"))
    with duckdb.connect() as connection:
        connection.execute(f"LOAD '{extension}'")
        connection.execute(blocks("sql").replace("/srv/lake", world.url))
        return {name: connection.sql(text).to_arrow_table().to_pylist() for name, text in QUESTIONS.items()}


def of_spark(world: LakeWorld, master: str) -> dict[str, list[dict[str, Any]]]:
    script = blocks("python").replace("/srv/lake", world.url).replace("spark://127.0.0.1:7077", master)
    answers = spark.ask(world.directory, script, list(QUESTIONS.values()))
    return {
        name: [dict(zip(answer["columns"], row, strict=True)) for row in answer["rows"]]
        for name, answer in zip(QUESTIONS, answers, strict=True)
    }


def assert_as_the_views(world: LakeWorld, answers: dict[str, list[dict[str, Any]]]) -> None:
    ours = of_views(world, {name: list(rows[0]) for name, rows in answers.items()})
    theirs = {name: in_one_form(rows) for name, rows in answers.items()}
    assert theirs == ours
    assert set(ours) == {"v_daily_summary", "v_number_check", "v_phone_latest"}
    assert len(ours["v_number_check"]) == len(DATES)
    assert len(ours["v_phone_latest"]) < 4 * 360


@pytest.mark.parametrize("kind", KINDS)
def test_duckdb_answers_as_the_views_do(kind: str, world: LakeWorld) -> None:
    assert_as_the_views(world, of_duckdb(world))


@pytest.mark.parametrize("kind", KINDS[:1])
def test_a_spark_cluster_answers_as_the_views_do(kind: str, world: LakeWorld) -> None:
    with spark.cluster(world.directory) as master:
        assert_as_the_views(world, of_spark(world, master))
