from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.line import DATABASE_LIST, Entry, Line, Retired
from etl.errors import Misconfigured
from etl.lists.listing import Listing
from etl.lists.overlay import Past, overlay, with_earlier_counts
from tests.store.made import window

D1, D2, OLD, LATE = dt.date(2026, 3, 1), dt.date(2026, 3, 2), dt.date(2026, 2, 28), dt.date(2026, 3, 15)
TORN = (Misconfigured("line 3 cannot be used"),)


def listing(*lines: Line, source: str = "file") -> Listing:
    return Listing(source, lines)


def torn(*lines: Line, source: str = "file") -> Listing:
    """A list with lines that could not be read."""
    return Listing(source, lines, TORN)


def gone(source: str = "file") -> Listing:
    """A list that could not be read at all."""
    return Listing(source, (), (Misconfigured("cannot be read"),), whole=False)


def entries(*lines: Line, source: str = "file") -> list[Entry]:
    return [Entry(source, line) for line in lines]


# known before, read now, known after, outside
CASES = {
    "nothing": ([], [], [], 0),
    "new lines": (
        [],
        [listing(Line("A", D1, 5, "k"), Line("B"))],
        entries(Line("A", D1, 5, "k"), Line("B")),
        0,
    ),
    "rows are replaced, not added": (
        entries(Line("A", D1, 5)),
        [listing(Line("A", D1, 7))],
        entries(Line("A", D1, 7)),
        0,
    ),
    "rows are no longer given": (entries(Line("A", D1, 5)), [listing(Line("A", D1))], entries(Line("A", D1)), 0),
    "a dated line that is dropped stays": (
        entries(Line("A", D1, 5), Line("B", D2)),
        [listing(Line("B", D2))],
        entries(Line("A", D1, 5), Line("B", D2)),
        0,
    ),
    "a line without a date goes": (entries(Line("A"), Line("B")), [listing(Line("B"))], entries(Line("B")), 0),
    "a line that gets a date": (entries(Line("A")), [listing(Line("A", D1))], entries(Line("A", D1)), 0),
    "an empty list": (entries(Line("A"), Line("A", D1)), [listing()], entries(Line("A", D1)), 0),
    "from a torn list nothing is dropped": (
        entries(Line("A"), Line("B", D1, 5)),
        [torn(Line("C"))],
        entries(Line("A"), Line("B", D1, 5), Line("C")),
        0,
    ),
    "nor are rows of a torn list believed": (
        entries(Line("B", D1, 5)),
        [torn(Line("A", D1, 9, "k"), Line("B", D1, 3))],
        entries(Line("B", D1), Line("A", D1, None, "k")),
        0,
    ),
    "from a list that was not read nothing follows": (
        entries(Line("A", None, 5), Line("B", D1, 5)),
        [gone()],
        entries(Line("A", None, 5), Line("B", D1, 5)),
        0,
    ),
    "a list that is not set is not read": (
        entries(Line("A"), Line("B", D1)),
        [],
        entries(Line("A"), Line("B", D1)),
        0,
    ),
    "lists are apart": (
        entries(Line("A"))
        + entries(Line("A"), source="query")
        + entries(Line("A"), Line("A", D1, 5), source=DATABASE_LIST),
        [listing(Line("A", D1, 7)), gone("query")],
        entries(Line("A"), source="query")
        + entries(Line("A"), Line("A", D1, 5), source=DATABASE_LIST)
        + entries(Line("A", D1, 7)),
        0,
    ),
    "a torn list does not spoil another": (
        entries(Line("A")) + entries(Line("B"), source="query"),
        [torn(Line("C", D1, 1)), listing(Line("C", D1, 2), source="query")],
        entries(Line("A"), Line("C", D1)) + entries(Line("C", D1, 2), source="query"),
        0,
    ),
    "lines outside the window": (
        entries(Line("A", OLD, 5)),
        [listing(Line("A", OLD, 7), Line("B", OLD), Line("C", LATE), Line("D", D1))],
        entries(Line("A", OLD, 5), Line("D", D1)),
        3,
    ),
    "names that differ in case or spaces": (
        entries(Line("a", D1, 1)),
        [listing(Line("A", D1, 2), Line("a ", D1, 3))],
        entries(Line("a", D1, 1), Line("A", D1, 2), Line("a ", D1, 3)),
        0,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_known_after_the_lists_were_read(case: str) -> None:
    before, read, after, outside = CASES[case]
    found, count = overlay(before, read, window())
    assert len(found) == len({entry.key for entry in found})
    assert set(found) == set(after)
    assert sum(count) == outside


@pytest.mark.parametrize(
    ("before", "read", "kept"),
    [
        (5, torn(Line("B", D1, 5)), 5),
        (5, torn(Line("B", D1, 3)), 5),
        (0, torn(Line("B", D1)), 0),
        (5, torn(Line("B", D1, 7)), None),
        (None, torn(Line("B", D1, 7)), None),
        (5, torn(Line("C", D1, 7)), 5),
        (5, gone(), 5),
        (5, listing(Line("B", D1)), None),
        (5, listing(Line("B", D1, 3)), 3),
    ],
)
def test_an_earlier_count_stays_known_while_a_list_is_torn(
    before: int | None, read: Listing, kept: int | None
) -> None:
    known = entries(Line("B", D1, before))
    found, _ = overlay(known, [read], window())
    after = {entry.key: entry.line.rows for entry in with_earlier_counts(found, known, [read])}
    assert after["file", "B", D1] == kept


def test_a_retired_batch_is_looked_for_on_no_further_date() -> None:
    found, outside = overlay(
        entries(Line("B", D1)),
        [listing(Line("A", D1), Line("A"), Line("A", OLD), Line("a", D1))],
        window(),
        Retired({"A"}),
    )
    assert set(found) == set(entries(Line("B", D1), Line("a", D1)))
    assert outside == (1, 0)


LINES = st.builds(
    Line,
    st.sampled_from("AB"),
    st.none() | st.sampled_from([OLD, D1, D2, LATE]),
    st.none() | st.integers(0, 9),
)
LISTINGS = st.builds(
    Listing,
    st.sampled_from(["file", "query"]),
    st.lists(LINES, max_size=4, unique_by=lambda line: (line.batch_no, line.date)).map(tuple),
    st.sampled_from([(), TORN]),
)


@given(st.lists(LISTINGS, max_size=2, unique_by=lambda each: each.source))
def test_reading_the_same_lists_again_changes_nothing(read: list[Listing]) -> None:
    first, outside = overlay([], read, window())
    again, still_outside = overlay(first, read, window())
    assert (set(again), len(again), still_outside) == (set(first), len(first), outside)


@given(st.lists(LISTINGS, max_size=2, unique_by=lambda each: each.source), st.lists(LISTINGS, max_size=2))
def test_a_dated_line_once_known_stays_known(first: list[Listing], later: list[Listing]) -> None:
    before, _ = overlay([], first, window())
    after, _ = overlay(before, later, window())
    assert {entry.key for entry in before if entry.line.date} <= {entry.key for entry in after}


PAST = [
    # the oldest date that a run could ask for, what the ledger has; is the line of the 27th kept, and counted?
    (None, {}, False, True),
    (dt.date(2026, 2, 28), {}, False, True),
    (dt.date(2026, 2, 27), {}, True, False),
    (dt.date(2025, 1, 1), {dt.date(2026, 2, 27): {"a"}}, True, False),
    (dt.date(2025, 1, 1), {dt.date(2026, 2, 27): {"A"}}, False, False),
]


@pytest.mark.parametrize(("begun", "planned", "kept", "counted"), PAST)
def test_lines_before_the_window_stay_where_no_run_planned_them_in_time(
    begun: dt.date | None, planned: dict[dt.date, set[str]], kept: bool, counted: bool
) -> None:
    old = Line("A", dt.date(2026, 2, 27), 5)
    lines = (old, Line("R", old.date), Line("Q", old.date), Line("A", LATE), Line("A", D1))
    retired = Retired({"R"}, {dt.date(2026, 2, 27): {"Q"}})
    found, outside = overlay([], [listing(*lines)], window(), retired, Past(begun, planned))
    assert set(found) == set(entries(Line("A", D1), *([old] if kept else [])))
    assert outside == (3 if counted else 0, 1)


DAY_BEFORE = dt.date(2026, 2, 27)
BEFORE_THE_WINDOW = [
    # what the list is, is the batch day undecided (else: missed), the rows that are kept
    (listing, True, 5),
    (torn, True, 3),
    (listing, False, 5),
    (torn, False, 5),
]


@pytest.mark.parametrize(("make", "undecided", "rows"), BEFORE_THE_WINDOW)
def test_rows_of_days_before_the_window(make: Callable[[Line], Listing], undecided: bool, rows: int) -> None:
    """What is undecided may be settled by them, so a torn list does not change them; what was missed is lost."""
    named = {DAY_BEFORE: {"A"}}
    past = Past(dt.date(2026, 1, 1), named, named) if undecided else Past(dt.date(2026, 1, 1))
    before = entries(Line("A", DAY_BEFORE, 3)) if undecided else []
    found, outside = overlay(before, [make(Line("A", DAY_BEFORE, 5))], window(), past=past)
    assert (found, outside) == (entries(Line("A", DAY_BEFORE, rows)), (0, 0))
    decided = Past(dt.date(2026, 1, 1), named)
    assert overlay(before, [make(Line("A", DAY_BEFORE, 5))], window(), past=decided) == (before, (0, 0))
