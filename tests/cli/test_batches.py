"""Where batch numbers come from: a file, a query, a template, and the list that the command keeps."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from etl.emulator import Book
from tests.cli.support import DAY, NOW, TODAY, Command
from tests.servers import PASSWORD

NAMES = ("批次-二〇二六", "دفعة ٣", "партия 7", "🧾🇻🇳", "O'Brien; DROP TABLE batch", "a,b", "NULL", "0012")


def batches_asked(command: Command) -> set[str]:
    found = {r.body["batchNo"] for r in command.vendor.requests}
    command.vendor.clear()
    return found


def table(command: Command) -> list[tuple[str, str | None, int | None, str]]:
    """What `batches list --json` shows."""
    lines = command("batches", "list", "--json").json["batches"]
    assert all(line.keys() == {"batch_no", "date", "rows", "source"} for line in lines)
    return [tuple(line.values()) for line in lines]


@pytest.fixture
def book() -> Book:
    book = Book()
    for number, name in enumerate(NAMES, 1):
        book.add_generated(name, TODAY, number)
    return book


def test_batch_numbers_in_any_script(inside: Command) -> None:
    """The file is one that a spreadsheet wrote: a byte order mark, CRLF, other columns, another order."""
    lines = [f'{TODAY},"{name}",remark' for name in NAMES]
    text = "\r\n".join(["date,batch_no,what", *lines, "", ",,"])
    (inside.directory / "batches.csv").write_text("\ufeff" + text, encoding="utf-8")
    done = inside.sync()
    assert done.result["rows"]["inserted"] == sum(range(1, len(NAMES) + 1))
    assert {record["level"] for record in done.log} == {"INFO"}
    assert batches_asked(inside) == set(NAMES)
    counts = inside.query("SELECT batch_no, count(*) FROM v_number_check GROUP BY batch_no")
    assert dict(counts) == {name: number for number, name in enumerate(NAMES, 1)}
    assert {name for name, *_ in table(inside)} == set(NAMES)
    shown = inside("batches", "list").out
    assert [name for name in NAMES if name not in shown] == []


def test_lines_outside_the_window_are_counted_and_cost_nothing(inside: Command) -> None:
    old = [f"B{number:06d},{TODAY - (20 + number % 900) * DAY},100" for number in range(3_000)]
    inside.write_list([*old[:1_500], f"0012,{TODAY},4", *old[1_500:], f"0012,{TODAY},4"])
    done = inside.sync()
    assert len([message for message in done.messages.splitlines() if "outside the window" in message]) == 1
    assert "3000 lines" in done.messages
    assert len(done.log) < 5
    assert done.result["batch_days"] == {"planned": 1, "settled": 0, "open": 1, "incomplete": 0, "lost": 0}
    assert batches_asked(inside) == {"0012"}
    assert inside.query("SELECT batch_no FROM batch") == [("0012",)]
    [(submitted,)] = inside.query("SELECT submitted_rows FROM v_coverage")
    assert submitted == 8  # lines of one batch and date add up


def test_a_query_on_another_database_and_a_template(inside: Command, closed_port: int) -> None:
    with closing(sqlite3.connect(inside.directory / "orders.db")) as orders, orders:
        orders.execute("CREATE TABLE submission (name TEXT, day TEXT, numbers INTEGER)")
        lines = [("NULL", str(TODAY), 7), ("0012", str(TODAY), None), ("too old", "2026-01-01", 1)]
        orders.executemany("INSERT INTO submission VALUES (?, ?, ?)", lines)
    inside.vendor.book.add_generated("20260309", TODAY - DAY, 5)
    query = "SELECT name AS batch_no, day AS date, numbers AS rows FROM submission"
    query += " WHERE day BETWEEN :first_date AND :last_date"
    settings: dict[str, Any] = {
        "batch_file": None,
        "batch_database_url": "sqlite:///orders.db",
        "batch_query": query,
        "batch_template": "{date:%Y%m%d}",
        "spill_days": "0",
    }
    done = inside.sync(**settings)
    assert done.result["rows"]["inserted"] == 7 + 8 + 5
    assert done.result["batch_days"]["planned"] == 2 + 14
    days = {f"{TODAY - back * DAY:%Y%m%d}" for back in range(14)}
    assert batches_asked(inside) == {"NULL", "0012"} | days
    done = inside.sync(status=78, **(settings | {"batch_query": "SELECT name FROM submission"}))
    assert "no column batch_no" in done.messages
    assert "0012" in batches_asked(inside)  # known from before
    away = f"postgresql://me:{PASSWORD}@127.0.0.1:{closed_port}/orders"
    done = inside.sync(status=75, **(settings | {"batch_database_url": away}))
    assert "The database of NUMBERCHECK_BATCH_DATABASE_URL does not answer" in done.messages
    assert "0012" in batches_asked(inside)


def test_the_list_that_the_command_keeps(inside: Command) -> None:
    inside.environment.pop("NUMBERCHECK_BATCH_FILE")
    assert table(inside) == []
    assert inside.files() == {"batches.csv"}  # listing creates no database
    added = inside("batches", "add", "NULL", "--date", str(TODAY), "--rows", "3")
    assert "Batch NULL is looked for on 2026-03-10." in added.out
    inside("batches", "add", "NULL", "--date", str(TODAY), "--rows", "4")
    inside("batches", "add", "a,b")
    text = b"batch_no,date,rows\n0012,2026-03-10,8\nbad,tomorrow,\n"
    imported = inside("batches", "import", "-", status=78, stdin=text)
    assert "standard input: 1 batch and date is on the list." in imported.out
    assert "standard input: 1 line cannot be used (line 3: " in imported.messages
    expected = [
        ("0012", "2026-03-10", 8, "database"),
        ("NULL", "2026-03-10", 7, "database"),
        ("a,b", None, None, "database"),
    ]
    assert table(inside) == expected
    assert inside.sync().result["batch_days"]["planned"] == 2 + 14
    assert batches_asked(inside) == {"0012", "NULL", "a,b"}
    assert "is not known" in inside("batches", "retire", "a;b", status=78).messages
    assert "retired" in inside("batches", "retire", "a,b").out
    assert table(inside) == expected[:2]
    inside.at(NOW + 2 * DAY, "sync", "--json")
    assert {r.body["date"] for r in inside.vendor.requests if r.body["batchNo"] == "a,b"} <= {
        str(TODAY - back * DAY) for back in range(14)
    }


def test_a_file_that_is_imported_twice_changes_nothing(inside: Command) -> None:
    inside.write_list([f"NULL,{TODAY},3", f"NULL,{TODAY},4"])
    path = inside.environment.pop("NUMBERCHECK_BATCH_FILE")
    for _ in range(2):
        inside("batches", "import", path)
    assert table(inside) == [("NULL", str(TODAY), 7, "database")]
    missing = inside("batches", "import", "nowhere.csv", status=78)
    assert "nowhere.csv cannot be read" in missing.messages
    assert missing.out == ""
    old = inside("batches", "add", "older", "--date", "2020-01-01")
    assert "2020-01-01 has left the window" in old.messages
