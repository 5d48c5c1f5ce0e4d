"""What is in doubt, on every database; v_batch_summary says the same of the first two kinds."""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

from etl.core.doubt import Doubt, DoubtKind
from etl.schema import tables
from etl.store import doubts
from tests.store.made import NOW
from tests.store.support import add_batch, add_batch_day, insert

D1, D2, D3 = (dt.date(2026, 3, day) for day in (9, 10, 11))
NONE, FEWER = DoubtKind.NO_ROWS, DoubtKind.FEWER_THAN_SUBMITTED
ROUND, SHEET = DoubtKind.ROUND_TOTAL, DoubtKind.LOOKS_LIKE_SPREADSHEET


class Day(NamedTuple):
    date: dt.date
    reported: int | None
    state: str = "settled"
    spill: bool = False


Listed = tuple[dt.date | None, int | None]


def put(
    connection: sa.Connection, name: str, listed: list[Listed], days: list[Day], account: str = "default"
) -> int:
    batch = add_batch(connection, name, account)
    for number, (date, rows) in enumerate(listed):
        values: dict[str, Any] = {"check_date": date, "submitted_rows": rows, "source": f"list {number}"}
        insert(connection, tables.batch_listing, batch_id=batch, **values)
    for day in days:
        deadline = dt.datetime.combine(day.date + dt.timedelta(days=14), dt.time(), dt.UTC)
        counts = {"reported_rows": day.reported, "stored_rows": day.reported or 0}
        values = {"date": day.date, "state": day.state, "spill": day.spill, "deadline": deadline}
        add_batch_day(connection, batch, **values, **counts)
    return batch


def found(connection: sa.Connection, moment: dt.datetime = NOW) -> list[Doubt]:
    return doubts.of_account(connection, "default", moment)


def in_view(connection: sa.Connection) -> dict[str, str | None]:
    rows = connection.execute(sa.text("SELECT batch_no, doubt FROM v_batch_summary WHERE account = 'default'"))
    return {row.batch_no: row.doubt for row in rows}


CASES: dict[str, tuple[list[Listed], list[Day], list[Doubt]]] = {
    "a date without a row": ([(D1, None)], [Day(D1, 0)], [Doubt("B", D1, NONE, 0)]),
    "and without one on its spill day": (
        [(D1, None)],
        [Day(D1, 0), Day(D2, 0, spill=True)],
        [Doubt("B", D1, NONE, 0)],
    ),
    "submitted, and none there": (
        [(D1, 150)],
        [Day(D1, 0), Day(D2, 0, spill=True)],
        [Doubt("B", D1, FEWER, 0, 150), Doubt("B", D1, NONE, 0, 150)],
    ),
    "fewer than submitted": ([(D1, 300)], [Day(D1, 299)], [Doubt("B", D1, FEWER, 299, 300)]),
    "lines of two lists add up": ([(D1, 300), (D1, 20)], [Day(D1, 310)], [Doubt("B", D1, FEWER, 310, 320)]),
    "all there": ([(D1, 300)], [Day(D1, 300)], []),
    "more than submitted": ([(D1, 300)], [Day(D1, 301)], []),
    "the rest came after midnight": ([(D1, 300)], [Day(D1, 250), Day(D2, 50, spill=True)], []),
    "a part came after midnight": (
        [(D1, 300)],
        [Day(D1, 250), Day(D2, 49, spill=True)],
        [Doubt("B", D1, FEWER, 299, 300)],
    ),
    "rows after midnight belong to the day before": (
        [(D1, 300), (D2, 100)],
        [Day(D1, 250), Day(D2, 70), Day(D3, 30, spill=True)],
        [Doubt("B", D1, FEWER, 250, 300)],
    ),
    "one date of two is enough for a batch": ([(D1, None), (D2, None)], [Day(D1, 0), Day(D2, 7)], []),
    "none of two dates": ([(D1, None), (D2, None)], [Day(D1, 0), Day(D2, 0)], [Doubt("B", None, NONE, 0)]),
    "one of two dates is not over": ([(D1, None), (D2, None)], [Day(D1, 0), Day(D2, 0, "open")], []),
    "a spill day has all rows": ([(D1, None)], [Day(D1, 0), Day(D2, 9, spill=True)], []),
    "without a date, today is open": (
        [(None, None)],
        [Day(D1, 0), Day(D2, 0, "open")],
        [Doubt("B", None, NONE, 0)],
    ),
    "without a date, not all are asked for": ([(None, None)], [Day(D1, 0), Day(D2, None, "pending")], []),
    "without a date, one fails every day": (
        [(None, None)],
        [Day(D1, None, "incomplete"), Day(D2, 0)],
        [Doubt("B", None, NONE, 0)],
    ),
    "without a date, rows on one": ([(None, None)], [Day(D1, 0), Day(D2, 5), Day(D3, 0, "open")], []),
    "without a date, rows today": ([(None, None)], [Day(D1, 0), Day(D2, 5, "open")], []),
    "rows without a date, fewer": (
        [(None, 90)],
        [Day(D1, 40), Day(D2, 49), Day(D3, 0, "open")],
        [Doubt("B", None, FEWER, 89, 90)],
    ),
    "rows without a date, all there": ([(None, 90)], [Day(D1, 40), Day(D2, 50)], []),
    "rows without a date, still growing": ([(None, 90)], [Day(D1, 0), Day(D2, 50, "open")], []),
    "a day that is open": ([(D1, 150)], [Day(D1, 0, "open")], []),
    "a day that is incomplete": ([(D1, 150)], [Day(D1, 20, "incomplete")], []),
    "a day that is lost is told as lost": ([(D1, 150)], [Day(D1, 0, "lost")], []),
    "never asked": ([(D1, 150)], [Day(D1, None, "pending")], []),
    "no longer on a list": ([], [Day(D1, 0)], []),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_in_doubt(connection: sa.Connection, case: str) -> None:
    listed, days, expected = CASES[case]
    put(connection, "B", listed, days)
    put(connection, "other", [(D1, 10)], [Day(D1, 0)], account="other")
    assert found(connection) == sorted(expected, key=lambda doubt: doubt.key)
    kinds = [kind for kind in (NONE, FEWER) if kind in {doubt.kind for doubt in expected}]
    assert in_view(connection) == {"B": ", ".join(kinds) or None}


def test_a_retired_batch_is_in_no_doubt(connection: sa.Connection) -> None:
    batch = put(connection, "1.2E+11", [(D1, 150)], [Day(D1, 0)])
    assert {doubt.kind for doubt in found(connection)} == {NONE, FEWER, SHEET}
    retired = sa.update(tables.batch).where(tables.batch.c.batch_id == batch).values(retired_at=NOW)
    connection.execute(retired)
    assert found(connection) == []
    assert in_view(connection) == {"1.2E+11": None}


def test_a_doubt_is_told_until_six_weeks_after_the_deadline(connection: sa.Connection) -> None:
    put(connection, "1.2E+11", [(D1, 150)], [Day(D1, 0)])
    deadline = dt.datetime(2026, 3, 23, tzinfo=dt.UTC)
    until = deadline + doubts.SHOWN_FOR
    assert {doubt.kind for doubt in found(connection, until)} == {NONE, FEWER, SHEET}
    assert found(connection, until + dt.timedelta(days=1)) == []
    assert in_view(connection) == {"1.2E+11": "no_rows, fewer_than_submitted"}


def test_numbers_of_a_spreadsheet_are_named_before_they_were_asked_for_and_until_they_have_rows(
    connection: sa.Connection,
) -> None:
    put(connection, "204713775788.0", [(None, None)], [])
    put(connection, "'7", [(D1, 4)], [])
    put(connection, "1,234,567", [(D1, None)], [Day(D1, 3)])
    assert found(connection) == [Doubt("'7", D1, SHEET, None, 4), Doubt("204713775788.0", None, SHEET)]


def test_a_number_that_lost_its_zeros(connection: sa.Connection) -> None:
    """Shorter than most is named only where it has no row; beside numbers that begin with 0, at once."""
    for name in ("41755", "98310", "12044"):
        put(connection, name, [(D1, None)], [Day(D1, 3)])
    put(connection, "983", [(D1, None)], [])
    assert found(connection) == []
    put(connection, "417", [(D1, None)], [Day(D1, 0)])
    assert [(doubt.batch_no, doubt.kind) for doubt in found(connection)] == [("417", SHEET), ("417", NONE)]
    put(connection, "00417", [(D1, None)], [Day(D1, 3)])
    assert [doubt.batch_no for doubt in found(connection) if doubt.kind is SHEET] == ["417", "983"]


def test_a_round_total_on_several_batch_days(connection: sa.Connection) -> None:
    put(connection, "A", [(None, None)], [Day(D1, 10_000), Day(D2, 10_000), Day(D3, 10_000, "open")])
    put(connection, "B", [(D1, 10_000)], [Day(D1, 10_000)])  # as many were submitted
    put(connection, "C", [(D1, None)], [Day(D1, 1_000)])
    put(connection, "D", [(D1, None)], [Day(D1, 9_999)])
    expected = [Doubt("A", date, ROUND, 10_000) for date in (D1, D2)]
    assert found(connection) == expected
    put(connection, "E", [(D1, 12_345)], [Day(D1, 10_000)])
    assert found(connection) == [
        *expected,
        Doubt("E", D1, FEWER, 10_000, 12_345),
        Doubt("E", D1, ROUND, 10_000, 12_345),
    ]


def test_kinds_are_counted(connection: sa.Connection) -> None:
    put(connection, "B", [(D1, 150)], [Day(D1, 0)])
    assert doubts.count(found(connection)) == {NONE: 1, FEWER: 1, ROUND: 0, SHEET: 0}
    assert doubts.of_account(connection, "nobody", NOW) == []
