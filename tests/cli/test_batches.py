"""Where batch numbers come from: a file, a query, a template, and the list that the command keeps."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from etl.emulator import Book, utcnow
from tests.cli.support import DAY, NOW, TODAY, Command
from tests.servers import PASSWORD

NAMES = ("批次-二〇二六", "دفعة ٣", "партия 7", "🧾🇻🇳", "O'Brien; DROP TABLE batch", "a,b", "NULL", "0012")


def batches_asked(command: Command) -> set[str]:
    found = {r.body["batchNo"] for r in command.vendor.requests}
    command.vendor.clear()
    return found


def table(command: Command) -> list[tuple[str, str | None, int | None, str]]:
    """What `batches list --json` shows as looked for."""
    lines = command("batches", "list", "--json").json["batches"]
    names = ("batch_no", "date", "rows", "source")
    assert all({*names} <= line.keys() <= {*names, "appkey"} for line in lines)
    return [tuple(line[name] for name in names) for line in lines]


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


def test_appkeys_and_retired_batches_are_shown(inside: Command) -> None:
    inside.secrets += ["a-long-secret-of-the-vendor", "short-key"]
    today = f"{utcnow():%Y-%m-%d}"
    lines = [f"0012,{today},4,", "B,,,a-long-secret-of-the-vendor", "C,,,short-key", f"D,{today},,"]
    inside.write_list(lines, "batch_no,date,rows,appkey")
    line = {"date": None, "rows": None, "source": "file"}
    before = [
        {"batch_no": "0012", "date": today, "rows": 4, "source": "file"},
        {"batch_no": "B", **line, "appkey": "…ndor"},
        {"batch_no": "C", **line, "appkey": "…"},
        {"batch_no": "D", **line, "date": today},
    ]
    settings = {"timezone": "UTC"}
    assert inside("batches", "list", "--json", **settings).json == {"batches": before, "retired": []}
    assert inside.files() == {"batches.csv"}
    inside("batches", "add", "D", "--date", today, **settings)
    inside("batches", "add", "0012", "--date", today, **settings)
    inside("batches", "retire", "D", **settings)
    inside("batches", "retire", "0012", "--date", today, **settings)
    listed = inside("batches", "list", "--json", **settings).json
    assert [entry["batch_no"] for entry in listed["batches"]] == ["B", "C"]
    assert listed["retired"] == [{"batch_no": "0012", "date": today}, {"batch_no": "D", "date": None}]
    shown = inside("batches", "list", **settings).out
    assert "…ndor" in shown
    assert "Retired, so not looked for:" in shown
    inside.write_list([*lines, "E,yesterday,,"], "batch_no,date,rows,appkey")
    done = inside("batches", "list", **settings)
    assert "…ndor" in done.out
    assert "1 line cannot be used" in done.messages


def test_the_list_that_the_command_keeps(inside: Command) -> None:
    inside.environment.pop("NUMBERCHECK_BATCH_FILE")
    assert table(inside) == []
    assert inside.files() == {"batches.csv"}  # listing creates no database
    added = inside("batches", "add", "NULL", "--date", str(TODAY), "--rows", "3")
    assert "Batch NULL is looked for on 2026-03-10." in added.out
    inside("batches", "add", "NULL", "--date", str(TODAY), "--rows", "4", "--more")
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
    told = inside("batches", "retire", "a;b", status=78).messages
    assert "is not known in the database" in told
    assert "can be retired after the next sync" in told
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
    assert "lost" not in old.messages  # no run could have asked for it


def test_a_batch_that_is_added_too_late_is_told_to_be_lost(inside: Command) -> None:
    del inside.environment["NUMBERCHECK_BATCH_FILE"]
    old = NOW.replace(year=2020)
    first, gone = str(old.date()), str(old.date() + DAY)
    inside("batches", "add", "early", "--date", first)
    inside.sync(moment=old)
    call = ("batches", "add", "late", "--date", gone)
    told = inside(*call, "--rows", "5")
    assert f"{gone} has left the window" in told.messages
    assert "the next sync reports it as lost" in told.messages
    lost = inside.at(old + 20 * DAY, "sync", status=65).out
    assert ["late", gone] in [text.split()[:2] for text in lost.splitlines()]
    assert "reports it as lost" not in inside(*call).messages


def test_rows_that_were_mistyped_are_corrected(inside: Command) -> None:
    call = ("batches", "add", "NULL", "--date", "2026-03-10")
    assert "submitted rows" not in inside(*call, "--rows", "5000").out
    corrected = inside(*call, "--rows", "500")
    assert "It has 500 submitted rows on that date now; before, it had 5,000." in corrected.out
    assert "submitted rows" not in inside(*call).out  # no rows are no correction
    assert table(inside) == [("NULL", str(TODAY), 500, "database")]
    more = inside(*call, "--rows", "20", "--more")
    assert "It has 520 submitted rows on that date now; before, it had 500." in more.out
    assert "appkey" not in inside(*call, "--appkey", "app-1").out
    replaced = inside(*call, "--appkey", "app-2")
    assert "Its appkey is the new one now" in replaced.out
    assert "app-" not in replaced.out + replaced.err
    assert table(inside) == [("NULL", str(TODAY), 520, "database")]


@pytest.mark.parametrize("way", ["another date", "import"])
def test_an_appkey_that_replaces_another_is_told(inside: Command, way: str) -> None:
    """Also where nothing else was known of that date."""
    inside("batches", "add", "A", "--date", "2026-03-09", "--appkey", "app-1")
    inside("batches", "add", "B", "--date", "2026-03-09")
    text = b"batch_no,date,appkey\nA,2026-03-10,app-2\nB,2026-03-10,app-1\nC,2026-03-10,app-2\n"
    for told in (True, False):
        if way == "import":
            done = inside("batches", "import", "-", stdin=text)
            words = "standard input: the appkey is another one now, on every date, for 'A'."
        else:
            done = inside("batches", "add", "A", "--date", "2026-03-10", "--appkey", "app-2")
            words = "Its appkey is the new one now, on every date."
        assert (words in done.out) is told
        assert "app-" not in done.out + done.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--rows", "5"], "--rows counts for a date. Give --date too"),
        (["--date", "2062-03-10"], "2062-03-10 is more than 31 days ahead"),
        (["--date", "2026-03-10", "--more"], "Give --rows too"),
    ],
)
def test_options_that_contradict_each_other_add_nothing(inside: Command, options: list[str], words: str) -> None:
    assert words in inside("batches", "add", "B", *options, status=2).err
    assert table(inside) == []


def test_a_date_is_retired_whatever_names_it(inside: Command) -> None:
    """A mistyped date in a file, and one date of a batch that is looked for everywhere."""
    inside.write_list([f"NULL,{TODAY - DAY},9", f"NULL,{TODAY},7", ",,", "0012,,"])
    inside.sync(max_requests="1", status=75)
    batches_asked(inside)
    assert (
        "is not known on 2026-03-01"
        in inside("batches", "retire", "NULL", "--date", "2026-03-01", status=78).messages
    )
    for name, date in (("NULL", TODAY - DAY), ("0012", TODAY), ("0012", TODAY)):
        retired = inside("batches", "retire", name, "--date", str(date))
        assert f"Batch {name} is retired: it will not be looked for on {date}." in retired.out
    assert table(inside) == [("0012", None, None, "file"), ("NULL", str(TODAY), 7, "file")]
    inside.sync()
    asked = {(r.body["batchNo"], r.body["date"]) for r in inside.vendor.requests}
    inside.vendor.clear()
    assert not asked & {("NULL", str(TODAY - DAY)), ("0012", str(TODAY))}
    assert ("NULL", str(TODAY)) in asked
    assert {date for name, date in asked if name == "0012"} <= {str(TODAY - n * DAY) for n in range(1, 14)}
    assert inside.query("SELECT state FROM v_coverage WHERE state IN ('lost', 'incomplete', 'pending')") == []
    inside("batches", "add", "NULL", "--date", str(TODAY - DAY))
    inside.sync()
    assert {(r.body["batchNo"], r.body["date"]) for r in inside.vendor.requests} >= {("NULL", str(TODAY - DAY))}


# header, lines, what is said, batch numbers asked for
CONTRADICTIONS = {
    "two appkeys": (
        "batch_no,date,appkey",
        [f"NULL,{TODAY},", f"0012,{TODAY},one", f"0012,{TODAY - DAY},two"],
        "batches.csv: More than one appkey is given for '0012'",
        {"NULL", "0012"},
    ),
    "a date in 2062": (
        "batch_no,date",
        [f"NULL,{TODAY}", "0012,2062-03-10"],
        "The batch file: 1 batch is dated more than 31 days ahead, and not looked for ('0012' on 2062-03-10)",
        {"NULL"},
    ),
    "misspelt columns": ("batch_no,dates,row", [f"NULL,{TODAY},7"], "The column 'dates' is not read", {"NULL"}),
    "a short line": ("rows,batch_no", ["7,NULL", "5"], "line 3: it ends before the column batch_no", {"NULL"}),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_contradictions_are_told_and_the_rest_is_used(inside: Command, case: str) -> None:
    head, lines, words, asked = CONTRADICTIONS[case]
    inside.write_list(lines, head)
    done = (
        inside.sync(status=78)
        if case != "two appkeys"
        else inside("sync", "--json", "--now", NOW.isoformat(), status=78)
    )
    assert words in done.messages
    assert "Remedy: " in done.messages
    assert batches_asked(inside) == asked
    assert words in inside.at(NOW, "plan", status=78).messages
    path = inside.environment.pop("NUMBERCHECK_BATCH_FILE")
    imported = inside("batches", "import", path, status=78)
    assert words.removeprefix("batches.csv: ").split(",")[0] in imported.messages


@pytest.mark.parametrize(
    ("line", "counted"),
    [
        ("2062-03-10,other,7", 150),
        ("2026-03-10,other,7O", 150),
        ("2026-03-10", 150),
        ("2026-03-09", None),
        ("2062-03-09,A,7", None),
        ("2026-03-0", None),
    ],
)
def test_rows_beside_a_line_with_a_mistake(inside: Command, line: str, counted: int | None) -> None:
    """They count, unless that line may have given more."""
    inside.vendor.book.add_generated("A", TODAY - DAY, 150)
    inside.write_list([f"{TODAY - DAY},A,150", line], "date,batch_no,rows")
    inside.sync(status=78)
    rows = inside.query("SELECT stored_rows, submitted_rows FROM v_coverage WHERE check_date = '2026-03-09'")
    assert rows == [(150, counted)]


def test_a_file_that_contradicts_the_command_is_told_until_that_is_corrected(inside: Command) -> None:
    inside.vendor.book.add_generated("own", TODAY, 4, appkey="app-1")
    inside("batches", "add", "own", "--date", str(TODAY), "--rows", "4", "--appkey", "app-1")
    inside.write_list([f"own,{TODAY},4,app-2"], "batch_no,date,rows,appkey")
    for _ in range(2):
        done = inside.sync(status=78)
        assert "1 batch is listed with another appkey than elsewhere" in done.messages
        assert "'own' in `numbercheck batches`" in done.messages
        assert "listed with rows in another list too" in done.messages
        assert "app-" not in done.err
    assert inside.query("SELECT count(*) FROM v_number_check") == [(4,)]
    assert "is listed with another appkey than elsewhere" in inside.at(NOW, "plan", status=78).messages
    inside.write_list([f"own,{TODAY},,app-1"], "batch_no,date,rows,appkey")
    assert {record["level"] for record in inside.sync().log} == {"INFO"}


def test_rows_without_a_date_are_a_warning(inside: Command) -> None:
    inside.write_list(["NULL,,7"])
    done = inside.sync()
    assert "1 line has rows but no date" in done.messages


def test_the_appkey_of_a_file(inside: Command) -> None:
    """Options can be read by everybody on the machine."""
    inside.vendor.book.add_generated("own", TODAY, 4, appkey="app-1")
    for name, content in (("key", "app-1\n"), ("marked", "\ufeffapp-1\r\n")):
        (inside.directory / name).write_text(content, encoding="utf-8")
        call = ("batches", "add", "own", "--date", str(TODAY), "--rows", "4")
        assert inside(*call, "--appkey-file", str(inside.directory / name)).status == 0
    inside.write_list([])
    assert inside.sync().result["rows"]["inserted"] == 4


@pytest.mark.parametrize(
    ("content", "further", "words"),
    [
        (b"", (), "is empty"),
        (b" \n", (), "is empty"),
        (b"\xff\xfe", (), "is not UTF-8"),
        (b"a" * 2000, (), "too long"),
        (b"app-1", ("--appkey", "app-2"), "Leave out one"),
        (None, (), "No such file"),
    ],
)
def test_a_file_that_holds_no_appkey(
    inside: Command, content: bytes | None, further: tuple[str, ...], words: str
) -> None:
    file = inside.directory / "key"
    if content is not None:
        file.write_bytes(content)
    done = inside("batches", "add", "own", "--appkey-file", str(file), *further, status=2)
    assert words in done.err
    assert "app-1" not in done.err
