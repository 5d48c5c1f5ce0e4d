"""The CSV reader: good lines are read whatever surrounds them, and bad ones are named."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.line import Line
from etl.lists.csvfile import read_csv, read_file
from etl.lists.listing import MOST_UNSURE, Listing
from tests.steps import assert_grows_no_faster

HEADER = b"batch_no,date,rows,appkey\n"
DAY = dt.date(2026, 11, 2)


def read(content: bytes) -> Listing:
    return read_csv(io.BytesIO(content), "list.csv")


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"batch_no\nB1\nB2\n", [Line("B1"), Line("B2")]),
        (b"batch_no\nB1", [Line("B1")]),
        (b"\xef\xbb\xbfbatch_no,rows\nB1,5\n", [Line("B1", None, 5)]),
        (b'\xef\xbb\xbf"batch_no","rows"\r\n"B1","5"\r\n', [Line("B1", None, 5)]),
        (b"\n  \n Batch_No , DATE \r\nB1,2026-11-02\r\n", [Line("B1", DAY)]),
        (b"rows,comment,appkey,date,batch_no\n7,x,app,2026-11-02,B1\n", [Line("B1", DAY, 7, "app")]),
        (b"batch_no\rB1\rB2\r", [Line("B1"), Line("B2")]),
        (HEADER + b"B1\n", [Line("B1")]),
        (HEADER + b"B1,,,\n", [Line("B1")]),
        (
            HEADER + b"B1,,5.0\nB2,,1.2E3\nB3,,007\n",
            [Line("B1", None, 5), Line("B2", None, 1200), Line("B3", None, 7)],
        ),
        (HEADER + b"B1,2026-11-02,0,app,more,and more\n", [Line("B1", DAY, 0, "app")]),
        (HEADER + b"  B1\t, 2026-11-02 , 5 , app \n", [Line("B1", DAY, 5, "app")]),
        (HEADER + b'"a,b ""c""", "2026-11-02", "5"\n', [Line('a,b "c"', DAY, 5)]),
        (HEADER + b"\n ,, ,\nB1\n\n", [Line("B1")]),
        (HEADER + "批次-١٢\nпартия é\n".encode(), [Line("批次-١٢"), Line("партия é")]),
        (HEADER + b"b1\nB1\n", [Line("b1"), Line("B1")]),
        (HEADER + "é".encode() * 64 + b"\n", [Line("é" * 64)]),
        (HEADER + b"B1,2024-02-29\n", [Line("B1", dt.date(2024, 2, 29))]),
        (HEADER, []),
        (b"batch_no", []),
    ],
)
def test_good_files(content: bytes, lines: list[Line]) -> None:
    assert replace(read(content), notices=()) == Listing("file", tuple(lines))


@pytest.mark.parametrize(
    ("lines", "summed"),
    [
        (b"B1,2026-11-02,5\nB1,2026-11-02,7\n", [Line("B1", DAY, 12)]),
        (b"B1,2026-11-02,5\nB1,2026-11-02,\n", [Line("B1", DAY, 5)]),
        (b"B1,2026-11-02,\nB1,2026-11-02,0\n", [Line("B1", DAY, 0)]),
        (b"B1\nB1\n", [Line("B1")]),
        (b"B1,,3\nB1,2026-11-02,4\nB1,,1\n", [Line("B1", None, 4), Line("B1", DAY, 4)]),
        (b"B1,,,one\nB1\n", [Line("B1", None, None, "one")]),
        (b"B1\nB1,,,one\n", [Line("B1", None, None, "one")]),
    ],
)
def test_lines_of_one_batch_and_date_add_up(lines: bytes, summed: list[Line]) -> None:
    assert read(HEADER + lines).lines == tuple(summed)


@pytest.mark.parametrize(
    ("content", "counted"),
    [
        (HEADER + b"A,2026-11-02,5\nB,2026-11-02,5\n", "AB"),
        (HEADER + b"A,2026-11-02,5\nB,2026-11-02,5\nB,2026-11-02,many\n", "A"),
        (HEADER + b"A,2026-11-02,5\nB,2026-11-02,5\n A ,2026-11,7\n", "B"),
        (HEADER + b"A,2026-11-02,5\nB,2026-11-02,5\nC,,,\x07\nD,,5.5\n", "AB"),
        (HEADER + b"A,2026-11-02,5\nB,2026-11-02,5\n,2026-11-02,7\n", ""),
        (HEADER + b"A,2026-11-02,5\nB,2026-11-02,5\n,2026-11-03,7\n", "AB"),
        (HEADER + b"A,2026-11-02,5\nB,2026-11-02,5\n\xff,2026-11-03,7\n", ""),
        (HEADER + b'A,2026-11-02,5\nB,2026-11-02,5\n"C,2026-11-03,7\n', ""),
        (b"date,batch_no,rows\n2026-11-02,A,5\n2026-11-03,B,5\n2026-11-03\n", "A"),
        (b"date,batch_no,rows\n2026-11-02,A,5\n2026-11-03,B,5\n2026-11-0\n", ""),
        (b"rows,batch_no,date\n5,A,2026-11-02\n5,B,2026-11-03\n5\n", ""),
    ],
)
def test_a_line_that_cannot_be_used_leaves_the_rows_of_other_batches_alone(content: bytes, counted: str) -> None:
    """But it may have given more for its own batch or, where only that is known, for its date."""
    found = read(content)
    assert "".join(line.batch_no for line in found.lines if found.counts(line)) == counted


def test_where_most_lines_cannot_be_used_no_rows_count() -> None:
    bad = b"".join(b"B%d,,many\n" % number for number in range(MOST_UNSURE + 1))
    found = read(HEADER + b"A,2026-11-02,5\n" + bad)
    assert (found.unsure, found.counts(found.lines[0])) == (None, False)


BAD_LINES = [
    (b",2026-11-02,5", "the batch number is empty"),
    (b'"",', "the batch number is empty"),
    (b"x" * 65, "the batch number has more than 64 characters"),
    (b"a\x00b", "it contains control characters"),
    (b"a\tb", "it contains control characters"),
    (b"a\xc2\x85b", "it contains control characters"),
    (b"a,,,\x07k", "it contains control characters"),
    (b"a\xff", "it is not UTF-8 text"),
    (b"a,2026-11-02,5,,caf\xe9", "it is not UTF-8 text"),
    (b"a\xed\xa0\x80", "it is not UTF-8 text"),
    (b"a,2026-02-30", "the date is not a real date as yyyy-MM-dd"),
    (b"a,20261102", "the date is not a real date as yyyy-MM-dd"),
    (b"a,2026-W45-1", "the date is not a real date as yyyy-MM-dd"),
    (b"a,2.11.2026", "the date is not a real date as yyyy-MM-dd"),
    (b"a,2026-11-02T00:00", "the date is not a real date as yyyy-MM-dd"),
    (b"a,2026-1-2", "the date is not a real date as yyyy-MM-dd"),
    (b"a,0000-01-01", "the date is not a real date as yyyy-MM-dd"),
    (b"a,,-1", "rows is not a whole number from 0 to 999,999,999"),
    (b"a,,5.5", "rows is not a whole number from 0 to 999,999,999"),
    (b'a,,"1,000"', "rows is not a whole number from 0 to 999,999,999"),
    (b"a,,1 000", "rows is not a whole number from 0 to 999,999,999"),
    (b"a,,1E999999", "rows is not a whole number from 0 to 999,999,999"),
    (b"a,,1_000", "rows is not a whole number from 0 to 999,999,999"),
    (b"a,,1234567890", "rows is not a whole number from 0 to 999,999,999"),
    (b"a,,many", "rows is not a whole number from 0 to 999,999,999"),
    ("a,,٥".encode(), "rows is not a whole number from 0 to 999,999,999"),
    (b"a,,," + b"k" * 65, "the appkey has more than 64 characters"),
    (b'"a,2026-11-02,5', "an opening quotation mark has no closing one on the same line"),
    (b'second half of a field"', "an opening quotation mark has no closing one on the same line"),
    (b'"a"b,2026-11-02', "its quotation marks do not match, or a field is too long"),
    (b'a"b,"c', "its quotation marks do not match, or a field is too long"),
    (b'a,,,,"' + b"x" * 200_000 + b'"', "its quotation marks do not match, or a field is too long"),
]


@pytest.mark.parametrize(("bad", "reason"), BAD_LINES)
def test_a_bad_line_is_named_and_the_others_are_read(bad: bytes, reason: str) -> None:
    found = read(HEADER + b"B1,2026-11-02,5\n" + bad + b"\nB2\n")
    text = f"list.csv: 1 line cannot be used (line 3: {reason}). Remedy: correct what is named; everything else is used."
    assert (found.source, found.lines, found.whole) == ("file", (Line("B1", DAY, 5), Line("B2")), True)
    assert [(problem.exit_status, str(problem)) for problem in found.problems] == [(78, text)]


@pytest.mark.parametrize("head", ["rows,batch_no", "rows,date,appkey,batch_no", '"rows","x","batch_no"'])
@pytest.mark.parametrize("short", ["5", '"5"', "x"])
def test_a_line_shorter_than_the_place_of_the_batch_number_is_a_bad_line(head: str, short: str) -> None:
    places = head.replace('"', "").split(",")
    good = ",".join({"batch_no": "B", "rows": "7", "date": "2026-11-02"}.get(name, "") for name in places)
    found = read(f"{head}\n{short}\n{good}\n".encode())
    assert found.lines == (Line("B", DAY if "date" in places else None, 7),)
    [problem] = found.problems
    assert problem.exit_status == 78
    assert "1 line cannot be used (line 2: it ends before the column batch_no)" in str(problem)


def test_a_misspelt_column_is_named_and_the_rest_is_used() -> None:
    found = read(b"batch_no,dates,row,comment\nB1,2026-11-02,5,x\n")
    assert (found.lines, found.problems) == ((Line("B1"),), ())
    assert [str(remark) for remark in found.remarks] == [
        "list.csv: The column 'dates' is not read, and there is no column date. Remedy: call it date if that is what it is.",
        "list.csv: The column 'row' is not read, and there is no column rows. Remedy: call it rows if that is what it is.",
    ]  # fmt: skip


def test_two_appkeys_for_one_batch_are_told_and_the_first_counts() -> None:
    lines = b"B1,2026-11-02,5,one\nB2,2026-11-02,5,two\nB1,2026-11-03,6,other\nB1,2026-11-02,7,third\nB1,,,one\n"
    found = read(HEADER + lines)
    expected = {(DAY, 12, "one"), (DAY + dt.timedelta(days=1), 6, "one"), (None, None, "one")}
    assert {(line.date, line.rows, line.appkey) for line in found.lines if line.batch_no == "B1"} == expected
    [remark] = found.remarks
    assert found.problems == ()
    assert remark.exit_status == 78
    assert str(remark) == (
        "list.csv: More than one appkey is given for 'B1': the first one counts. Remedy: give each batch one appkey."
    )


def test_rows_without_a_date_are_told_and_allowed() -> None:
    found = read(HEADER + b"B1,,5\nB1,,6\nB2,2026-11-02,7\nB3\n")
    assert found.complaints == ()
    assert found.notices == ("list.csv: 2 lines have rows but no date, so the rows do not count.",)


def test_the_first_five_bad_lines_are_named_and_all_are_counted() -> None:
    found = read(HEADER + b"".join(b"B%d,84981234567\n" % number for number in range(1_200)))
    assert found.lines == ()
    (problem,) = found.problems
    assert problem.exit_status == 78
    assert str(problem).startswith("list.csv: 1,200 lines cannot be used (line 2: the date")
    assert "line 6: " in str(problem)
    assert "line 7: " not in str(problem)
    assert "; and 1,195 more)" in str(problem)
    assert "8498" not in str(problem)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            b"",
            "list.csv is empty. Remedy: its first line must be a header such as batch_no,date,rows,appkey.",
        ),
        (b"\xef\xbb\xbf\r\n \n", "list.csv is empty."),
        (
            b"batch,date\nB1,2026-11-02\n",
            "the header cannot be used (there is no column batch_no; is 'batch' meant to be it?). "
            "Remedy: the first line",
        ),
        (
            b"84981234567\n84981234568\n",
            "the header cannot be used (there is no column batch_no). Remedy: the first line",
        ),
        (b"batch_no;date\nB1;2026-11-02\n", "with commas, not with semicolons."),
        (b"batch_no\tdate\nB1\t2026-11-02\n", "with commas, not with tabs."),
        (
            b"batch_no,rows,Rows\nB1,1,2\n",
            "list.csv: the header cannot be used (the column rows appears twice). Remedy: ",
        ),
        (b'"batch_no\nB1\n', "list.csv: the header cannot be used (an opening quotation mark"),
        (b"batch_no\xff\nB1\n", "UTF-8"),
        ("batch_no\nB1\n".encode("utf-16"), "list.csv is UTF-16 text. Remedy: save it as CSV in UTF-8."),
    ],
)
def test_a_file_that_is_no_list(content: bytes, reason: str) -> None:
    found = read(content)
    assert (found.source, found.lines, found.whole) == ("file", (), False)
    (problem,) = found.problems
    assert reason in str(problem)
    assert problem.exit_status == 78
    assert "8498" not in str(problem)


def test_a_file_that_is_too_large() -> None:
    found = read(HEADER + b"B1\n" * (64 * 1024 * 1024 // 3))
    assert (found.lines, found.whole) == ((), False)
    assert "larger than 64 MiB" in str(found.problems[0])


def test_a_stream_that_breaks() -> None:
    class Broken(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise OSError(5, "Input/output error")

    found = read_csv(Broken(), "standard input")  # type: ignore[arg-type]
    assert not found.whole
    assert str(found.problems[0]).startswith("standard input cannot be read (Input/output error). Remedy: ")


def test_a_file_on_disk(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes(HEADER + b"B1\n")
    assert read_file(tmp_path / "list.csv") == Listing("file", (Line("B1"),))


@pytest.mark.parametrize(
    ("name", "reason"),
    [("", "Is a directory"), ("no.csv", "No such file or directory"), ("a\x00b", "it cannot be opened")],
)
def test_a_file_that_cannot_be_read(name: str, reason: str, tmp_path: Path) -> None:
    found = read_file(tmp_path / name)
    assert (found.lines, found.whole) == ((), False)
    assert f"cannot be read ({reason}). Remedy: " in str(found.problems[0])
    assert found.problems[0].exit_status == 78


def many(lines: int) -> bytes:
    return HEADER + b"".join(b"batch-%d,2026-11-02,%d\n" % (number, number) for number in range(lines))


def test_a_hundred_thousand_lines() -> None:
    assert len(read(many(100_000)).lines) == 100_000


def test_twice_as_many_lines_are_twice_as_much_work() -> None:
    def reading(lines: int) -> Callable[[], object]:
        content = many(lines)
        return lambda: read(content)

    assert_grows_no_faster(reading, 1000)


# Any text that a batch number may be: no control characters, no surrogates, no white space around it.
BATCH_NUMBERS = (
    st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=64)
    .map(str.strip)
    .filter(lambda text: text != "")
)
GOOD = st.builds(
    Line,
    batch_no=BATCH_NUMBERS,
    date=st.none() | st.dates(),
    rows=st.none() | st.integers(0, 999_999_999),
    appkey=st.none() | st.text(st.sampled_from("abc019"), min_size=1, max_size=64),
)


def written(line: Line) -> bytes:
    out = io.StringIO()
    cells = (line.batch_no, line.date or "", "" if line.rows is None else line.rows, line.appkey or "")
    csv.writer(out, lineterminator="", quoting=csv.QUOTE_ALL).writerow(cells)
    return out.getvalue().encode()


@given(st.binary(max_size=400), st.sampled_from([b"", HEADER, b"batch_no\n", b"\xef\xbb\xbfbatch_no,rows\r\n"]))
def test_whatever_the_file_holds_it_is_read_or_reported(content: bytes, header: bytes) -> None:
    found = read(header + content)
    assert found.whole or (found.problems and not found.lines)
    assert len({(line.batch_no, line.date) for line in found.lines}) == len(found.lines)
    for line in found.lines:
        assert 1 <= len(line.batch_no) <= 64
        assert line.batch_no == line.batch_no.strip()


@given(
    st.lists(GOOD, min_size=1, max_size=8, unique_by=lambda line: (line.batch_no, line.date)),
    st.data(),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
)
def test_every_good_line_is_returned_whatever_bad_lines_surround_it(
    good: list[Line], data: st.DataObject, newline: bytes
) -> None:
    bad = [line for line, _ in BAD_LINES]
    lines, count = [HEADER.strip()], 0
    for line in good:
        around = data.draw(st.lists(st.sampled_from(bad), max_size=3))
        lines += [*around, written(line)]
        count += len(around)
    found = read(newline.join(lines))
    assert found.lines == tuple(good)
    assert len(found.problems) == (1 if count else 0)
    assert count == 0 or f" {count} line" in str(found.problems[0])
