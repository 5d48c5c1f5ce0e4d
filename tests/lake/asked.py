"""The questions of docs/lake.md, put to our views, to DuckDB and to a Spark cluster."""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from tests import engines
from tests.lake import spark

PAGE = (Path(__file__).parents[2] / "docs" / "lake.md").read_text(encoding="utf-8")
QUESTIONS: dict[str, str] = dict(re.findall(r"<!-- question: (\w+) -->\n```sql\n(.*?)```", PAGE, re.DOTALL))
"""By the view that has the same answer; that of a carrier is put to its view as it is."""
_TYPED = re.compile(r"<!-- tried: tests/lake/test_reading_back.py -->\n```(\w+)\n(.*?)```", re.DOTALL)

Rows = list[dict[str, Any]]


class Told(NamedTuple):
    """An answer, and the seconds that it took."""

    rows: Rows
    seconds: float


def typed(language: str) -> str:
    """What the page gives to type before a question is asked."""
    return "\n".join(text for found, text in _TYPED.findall(PAGE) if found == language)


def of_views(
    engine: sa.Engine, columns: dict[str, list[str]], questions: Mapping[str, str] = QUESTIONS
) -> dict[str, Told]:
    """What our views answer, in these columns."""
    text = {name: f"SELECT {', '.join(columns[name])} FROM {name}" for name in questions}  # noqa: S608  (ours)
    text["v_number_check"] = re.sub(r"FROM number_check\b", "FROM v_number_check", questions["v_number_check"])
    with engine.connect() as connection:
        return {name: _told(lambda query: _rows(connection, query), query) for name, query in text.items()}


def _rows(connection: sa.Connection, query: str) -> Rows:
    return [dict(row) for row in connection.execute(sa.text(query)).mappings()]


def of_duckdb(url: str, questions: Mapping[str, str] = QUESTIONS) -> dict[str, Told]:
    """What DuckDB answers about the lake there."""
    duckdb, packages = engines.duckdb()
    extension = next(packages.glob("duckdb_extension_delta/extensions/*/delta.duckdb_extension"))
    with duckdb.connect() as connection:
        connection.execute(f"LOAD '{extension}'")
        connection.execute(typed("sql").replace("/srv/lake", url))
        return {
            name: _told(lambda query: connection.sql(query).to_arrow_table().to_pylist(), text)
            for name, text in questions.items()
        }


def of_spark(url: str, directory: Path, questions: Mapping[str, str] = QUESTIONS) -> dict[str, Told]:
    """What a cluster answers about the lake there. `directory`: for its files."""
    with spark.cluster(directory) as master:
        script = typed("python").replace("/srv/lake", url).replace("spark://127.0.0.1:7077", master)
        answers = spark.ask(directory, script, list(questions.values()))
    return {
        name: Told([dict(zip(answer["columns"], row, strict=True)) for row in answer["rows"]], answer["seconds"])
        for name, answer in zip(questions, answers, strict=True)
    }


def _told(ask: Any, query: str) -> Told:
    began = time.perf_counter()
    rows = ask(query)
    return Told(rows, time.perf_counter() - began)


def in_one_form(rows: Iterable[dict[str, Any]]) -> list[tuple[str, ...]]:
    """Rows whose values are spelled alike, whichever engine they come from, in one order."""
    return sorted(tuple(f"{name}={_spelled(name, row[name])}" for name in sorted(row)) for row in rows)


def _spelled(name: str, value: Any) -> str:
    if name == "cost" and value not in (None, "None"):
        return f"{Decimal(str(value)).normalize():f}"
    if isinstance(value, dt.datetime) and value.tzinfo:
        return str(value.astimezone(dt.UTC).replace(tzinfo=None))
    return str(value)
