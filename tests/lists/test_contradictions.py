"""What lists say that cannot all be true is named, and the rest is used."""

from __future__ import annotations

import datetime as dt

import pytest

from etl.core.line import DATABASE_LIST, Entry, Line
from etl.errors import Misconfigured
from etl.lists.contradictions import settled
from etl.lists.listing import About, Listing
from tests.store.made import window

D1, D2, LAST = dt.date(2026, 3, 1), dt.date(2026, 3, 2), dt.date(2026, 3, 14)
TORN = (Misconfigured("line 3 cannot be used"),)


def listing(*lines: Line, source: str = "file") -> Listing:
    return Listing(source, lines)


def own(*lines: Line) -> list[Entry]:
    return [Entry(DATABASE_LIST, line) for line in lines]


@pytest.mark.parametrize("days", [32, 33, 365, 366, 13_000])
def test_a_date_far_ahead_is_a_bad_line(days: int) -> None:
    far = LAST + dt.timedelta(days=days)
    lines = (Line("A", D1, 5), Line("B", LAST + dt.timedelta(days=31)), Line("C"))
    [found] = settled([listing(*lines, Line("D", far, 7))], (), window())
    assert found.lines == lines
    [problem] = found.problems
    assert problem.exit_status == 78
    assert str(problem) == (
        f"The batch file: 1 batch is dated more than 31 days ahead, and not looked for ('D' on {far}). "
        "Remedy: correct the dates; everything else is used."
    )


@pytest.mark.parametrize(
    ("problems", "unsure", "counted"),
    [((), None, "AC"), (TORN, None, ""), (TORN, frozenset({"C"}), "A"), (TORN, frozenset({D2}), "A")],
)
def test_rows_of_a_batch_dated_far_ahead_may_belong_to_its_other_dates(
    problems: tuple[Misconfigured, ...], unsure: frozenset[About] | None, counted: str
) -> None:
    lines = (Line("A", D1, 5), Line("B", D1, 5), Line("B", LAST + dt.timedelta(days=40), 7), Line("C", D2, 5))
    [found] = settled([Listing("file", lines, problems, unsure=unsure)], (), window())
    assert "".join(line.batch_no for line in found.lines if found.counts(line)) == counted


def test_the_first_five_are_named_and_all_are_counted() -> None:
    lines = [Line(f"B{number}", LAST + dt.timedelta(days=400)) for number in range(1_200)]
    [found] = settled([listing(*lines, source="query")], (), window())
    text = str(found.problems[0])
    assert text.startswith("The batch query: 1,200 batches are dated")
    assert "'B4' on 2027-04-18; and 1,195 more)" in text
    assert "'B5'" not in text


# known, lists, the appkeys that count by list, how many remarks by list
APPKEYS = {
    "one appkey": ([], [listing(Line("A", D1, 1, "x"), Line("A", D2, 1, "x"))], [["x", "x"]], [0]),
    "none here": ([], [listing(Line("A", D1, 1, "x")), listing(Line("A", D2), source="query")], [["x"], [None]], [0, 0]),
    "two lists": (
        [],
        [listing(Line("A", D1, 1, "x")), listing(Line("A", D2, 1, "y"), Line("B", D2, 1, "y"), source="query")],
        [["x"], ["x", "y"]],
        [0, 1],
    ),
    "the command's comes first": (own(Line("A", None, None, "z")), [listing(Line("A", D1, 1, "x"))], [["z"]], [1]),
    "a list that was corrected": ([Entry("file", Line("A", D1, 1, "x"))], [listing(Line("A", D1, 1, "y"))], [["y"]], [0]),
    "names are exact": (own(Line("a", D1, 1, "z")), [listing(Line("A", D1, 1, "x"))], [["x"]], [0]),
}  # fmt: skip


@pytest.mark.parametrize("case", APPKEYS)
def test_the_appkey_that_was_given_first_counts(case: str) -> None:
    known, lists, counts, remarks = APPKEYS[case]
    found = settled(lists, known, window())
    assert [[line.appkey for line in each.lines] for each in found] == counts
    assert [len(each.remarks) for each in found] == remarks
    assert [each.problems for each in found] == [()] * len(found)
    for remark in (remark for each in found for remark in each.remarks):
        assert remark.exit_status == 78
        assert "'A' in " in str(remark)
        assert "batches add BATCH --appkey" in str(remark)
        assert "'x'" not in str(remark)
        assert "'z'" not in str(remark)


@pytest.mark.parametrize(
    ("known", "lines", "told"),
    [
        (own(Line("A", D1, 5)), [Line("A", D1, 5)], 1),
        (own(Line("A", D1, 5)), [Line("A", D1, 7), Line("A", D2, 7)], 1),
        (own(Line("A", D1, 5)), [Line("A", D1)], 0),
        (own(Line("A", D1)), [Line("A", D1, 5)], 0),
        (own(Line("A", None, 5)), [Line("A", None, 5)], 0),
        (own(Line("A", D2, 5)), [Line("A", D1, 5)], 0),
        ([Entry("file", Line("A", D1, 5))], [Line("A", D1, 7)], 0),
    ],
)
def test_rows_in_two_lists_are_told_and_add_up(known: list[Entry], lines: list[Line], told: int) -> None:
    [found] = settled([listing(*lines)], known, window())
    assert (found.lines, found.complaints, len(found.notices)) == (tuple(lines), (), told)
    for notice in found.notices:
        assert "The batch file: 1 batch is listed with rows in another list too" in notice
        assert f"'A' on {D1}" in notice
