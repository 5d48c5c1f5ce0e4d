"""Which sources are read, and the template."""

from __future__ import annotations

import datetime as dt
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from etl.core.line import Line
from etl.lists.listing import Listing
from etl.lists.sources import read_sources
from etl.lists.template import read_template
from etl.settings import load

FIRST, LAST = dt.date(2026, 10, 31), dt.date(2026, 11, 2)


def read(**given: str) -> list[Listing]:
    settings = load({f"NUMBERCHECK_{name}": value for name, value in given.items()}, None)
    return read_sources(settings, FIRST, LAST)


def test_no_source_is_no_listing() -> None:
    assert read() == []


def test_every_source_that_is_set_is_read(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("batch_no,date\nF,2020-01-01\n")
    with closing(sqlite3.connect(tmp_path / "x.db")) as connection, connection:
        connection.execute("CREATE TABLE sent (batch_no TEXT)")
        connection.execute("INSERT INTO sent VALUES ('Q')")
    found = read(
        BATCH_FILE=str(tmp_path / "list.csv"),
        BATCH_DATABASE_URL=f"sqlite:///{tmp_path}/x.db",
        BATCH_QUERY="SELECT batch_no, :last_date AS date FROM sent",
        BATCH_TEMPLATE="T{date:%d}",
    )
    assert found == [
        Listing("file", (Line("F", dt.date(2020, 1, 1)),)),
        Listing("query", (Line("Q", LAST),)),
        Listing("template", tuple(Line(f"T{day.day:02}", day) for day in (FIRST, dt.date(2026, 11, 1), LAST))),
    ]


def test_a_source_that_fails_stops_no_other(tmp_path: Path) -> None:
    found = read(
        BATCH_FILE=str(tmp_path / "no.csv"),
        BATCH_DATABASE_URL=f"sqlite:///{tmp_path}/no.db",
        BATCH_QUERY="SELECT 1 AS batch_no",
        BATCH_TEMPLATE="{date}",
    )
    assert [(listing.source, listing.whole) for listing in found] == [
        ("file", False), ("query", False), ("template", True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("template", "names"),
    [
        ("{date:%Y%m%d}", ["20261031", "20261101", "20261102"]),
        (" 批次-{date} ", ["批次-2026-10-31", "批次-2026-11-01", "批次-2026-11-02"]),
        ("{date:%Y%m}", ["202610", "202611", "202611"]),
    ],
)
def test_the_template_names_one_batch_a_day(template: str, names: list[str]) -> None:
    lines = read_template(template, FIRST, LAST).lines
    assert [line.batch_no for line in lines] == names
    assert [line.date for line in lines] == [FIRST, dt.date(2026, 11, 1), LAST]
    assert {line.rows for line in lines} == {None}
