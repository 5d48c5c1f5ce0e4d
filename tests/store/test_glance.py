"""What the report page shows of an account, on every database."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from etl.core.batchday import State
from etl.core.overview import NOTHING, AccountOverview, Amount, Covered, CoveredBatch, Daily, Findings, Tally
from etl.database.engine import snapshot
from etl.schema import tables
from etl.store import glance, tallies
from tests.store.made import NOW, batch_day, window
from tests.store.support import add_check, insert

WINDOW = window()
TODAY = WINDOW.last
DAY = dt.timedelta(days=1)
EMPTY = AccountOverview(account="default", window=WINDOW, first=WINDOW.first - glance.BEFORE, interval=3.0)


@pytest.fixture
def account_id(engine: sa.Engine) -> int:
    with engine.begin() as connection:
        return int(insert(connection, tables.account, name="default", planned_to=TODAY))


def look(engine: sa.Engine) -> AccountOverview:
    with snapshot(engine) as connection:
        return glance.look(connection, EMPTY)


def day(engine: sa.Engine, name: str, date: dt.date, state: str, account: str = "default", **values: Any) -> int:
    with engine.begin() as connection:
        given = {"deadline": WINDOW.deadline(date), "state": state} | values
        return int(batch_day(connection, name, account, date=date, **given))


def checks(engine: sa.Engine, day_id: int, *rows: dict[str, Any], first: int = 0) -> None:
    with engine.begin() as connection:
        for number, row in enumerate(rows, first):
            add_check(connection, day_id, f"m{day_id}-{number}", f"8498{number:07d}", **row)


def run(engine: sa.Engine, account_id: int, started: dt.datetime, **values: Any) -> None:
    given = {"run_id": f"{account_id}-{started}"[:32], "account_id": account_id, "started_at": started}
    given |= {"status": "complete", "exit_code": 0, "finished_at": started + DAY / 24, "version": "1"}
    given |= {"window_first": WINDOW.first, "window_last": TODAY, "requests": 100}
    with engine.begin() as connection:
        connection.execute(sa.insert(tables.sync_run).values(given | values))


def test_nothing_yet(engine: sa.Engine) -> None:
    assert look(engine) == EMPTY


def test_an_account_without_batches(engine: sa.Engine, account_id: int) -> None:
    found = look(engine)
    assert (found.known, found.batch_days, found.planned_to) == (True, 0, TODAY)
    assert (found.risk, found.lost, found.ages, found.counted_from) == (NOTHING, NOTHING, {}, None)


def test_how_much_is_covered(engine: sa.Engine, account_id: int) -> None:
    old = WINDOW.first - 20 * DAY
    day(engine, "A", TODAY, "open", reported_rows=100, stored_rows=100)
    day(engine, "B", TODAY, "incomplete", reported_rows=100, stored_rows=60)
    day(engine, "C", TODAY, "incomplete", reported_rows=10, stored_rows=12)
    day(engine, "D", WINDOW.first, "pending")
    day(engine, "E", old, "settled", stored_rows=7)
    day(engine, "F", old, "lost", reported_rows=9)
    day(engine, "G", TODAY, "lost", account="other")
    found = look(engine)
    assert found.covered == (
        Covered(WINDOW.first, "pending", 1, None, 0, 0),
        Covered(TODAY, "incomplete", 2, 110, 72, 40),
        Covered(TODAY, "open", 1, 100, 100, 0),
    )
    assert found.batches[0] == CoveredBatch(WINDOW.first, "D", "pending", None, 0)
    assert [one.batch_no for one in found.batches] == ["D", "A", "B", "C"]
    assert found.earlier == {"lost": 1, "settled": 1}
    assert (found.unfinished, found.unfinished_from, found.open_from) == (3, WINDOW.first, TODAY)
    assert found.known_from == old
    assert found.risk == Amount(1, 1, WINDOW.deadline(WINDOW.first))
    assert found.lost == Amount(1, 9, WINDOW.deadline(old))


def test_dates_after_tomorrow_are_left_out(engine: sa.Engine, account_id: int) -> None:
    """As they are for a moment long ago: there may be any number of them."""
    last = TODAY + DAY
    for date in (last, last + DAY, dt.date(8999, 12, 31)):
        day(engine, f"B{date}", date, "settled")
        run(engine, account_id, WINDOW.start(date))
    found = look(engine)
    assert [day.date for day in found.covered] == [last]
    assert found.requests == {last: 100}


def test_a_date_with_many_batches_is_folded(
    engine: sa.Engine, account_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(glance, "ONE_BY_ONE", 2)
    for number in range(5):
        day(engine, f"B{number}", TODAY if number < 3 else TODAY - DAY, State.SETTLED)
    found = look(engine)
    assert [(day.date, day.batch_days) for day in found.covered] == [(TODAY - DAY, 2), (TODAY, 3)]
    assert [one.batch_no for one in found.batches] == ["B3", "B4"]


def test_outcomes_with_what_unknown_hides(engine: sa.Engine, account_id: int) -> None:
    with engine.begin() as connection:
        carrier_id = insert(connection, tables.carrier, name="<script>")
    known = {"region_code": "VN", "carrier_id": carrier_id, "check_level": 5}
    answers = ("YES", "YES", "NO", "UNKNOWN", None)
    checks(
        engine,
        day(engine, "A", TODAY, "open", stored_rows=5),
        *(known | {"validity": word, "reachable": "UNKNOWN"} for word in answers),
    )
    checks(engine, day(engine, "B", WINDOW.first, "open", stored_rows=1), known | {"answered": "NO"})
    checks(engine, day(engine, "C", TODAY, "open", stored_rows=1), {"validity": "YES"})
    checks(engine, day(engine, "D", TODAY, "open", account="other"), known)
    found = look(engine)
    assert found.tallies[0] == Tally(
        "Vietnam", "<script>", True, 5, Findings(2, 1, 1), Findings(0, 0, 5), Findings()
    )
    assert set(found.tallies[1:]) == {
        Tally("Vietnam", "<script>", False, 1, Findings(), Findings(), Findings(0, 1, 0)),
        Tally(None, None, True, 1, Findings(1, 0, 0), Findings(), Findings()),
    }
    assert (found.counted_from, found.recent_from) == (WINDOW.first, TODAY - 6 * DAY)


def test_cost_is_exact_and_counts_what_has_expired(engine: sa.Engine, account_id: int) -> None:
    with engine.begin() as connection:
        for code in ("EUR", "VND"):
            if connection.scalar(sa.select(tables.currency.c.code).filter_by(code=code)) is None:
                insert(connection, tables.currency, code=code)
    prices = ["0.1", "0.2", "-0.000001", "12345678.654321", "3", None]
    euros = [
        {"check_level": 5, "currency": "EUR", "price": price and Decimal(price), "reachable": "YES"}
        for price in prices
    ]
    first = day(engine, "A", TODAY, "settled", stored_rows=7)
    checks(engine, first, *euros, {"check_level": 5, "currency": "VND", "price": Decimal("7000")})
    with engine.begin() as connection:
        category_id = connection.scalar(sa.select(tables.category.c.category_id).filter_by(currency="EUR"))
    gone = day(engine, "B", TODAY - DAY, "settled", stored_rows=9)
    totals = {"checked_rows": 9, "priced_rows": 8, "reachable_rows": 2, "cost": Decimal("-0.9")}
    with engine.begin() as connection:
        values = {"batch_day_id": gone, "category_id": category_id} | totals
        connection.execute(sa.insert(tables.daily_total).values(values))
    found = look(engine)
    kind = found.daily[0].kind
    assert found.daily == (
        Daily(TODAY - DAY, kind, "EUR", 9, 8, 2, Decimal("-0.9")),
        Daily(TODAY, kind, "EUR", 6, 5, 6, Decimal("12345681.954320")),
        Daily(TODAY, kind, "VND", 1, 1, 0, Decimal("7000")),
    )


def test_no_more_rows_are_read_than_a_page_is_worth(
    engine: sa.Engine, account_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tallies, "READ_AT_MOST", 10)
    for back, held in enumerate((6, 4, 1)):
        checks(
            engine,
            day(engine, f"B{back}", TODAY - DAY * back, "settled", stored_rows=held),
            {"validity": "YES"},
            first=back,
        )
    found = look(engine)
    assert found.counted_from == TODAY - DAY
    assert [line.date for line in found.daily] == [TODAY - DAY, TODAY]
    assert sum(tally.checks for tally in found.tallies) == 2
    assert found.ages is None


def test_rows_that_have_left_are_not_read_and_hide_no_age(
    engine: sa.Engine, account_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the lake, or expired: whether of a date that is shown or long before."""
    monkeypatch.setattr(tallies, "READ_AT_MOST", 10)
    for back in (2, 60):
        day(engine, f"A{back}", TODAY - DAY * back, "settled", stored_rows=99, archived_at=NOW)
    day(engine, "E", TODAY - DAY * 60, "settled", stored_rows=99, expired_at=NOW)
    checks(engine, day(engine, "B", TODAY - DAY * 3, "settled", stored_rows=1), {"validity": "YES"})
    found = look(engine)
    assert [one.state for one in found.covered] == ["settled", "archived"]
    assert found.ages == {TODAY - DAY * 3: 1}
    assert found.counted_from == TODAY - DAY * 3


def test_what_cannot_be_told_apart_is_said_to_be_left_out(
    engine: sa.Engine, account_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [{"region_code": code, "check_level": 5} for code in ("VN", "US", "CN")]
    checks(engine, day(engine, "B", TODAY, "settled", stored_rows=3), *names)
    for most, cut in ((2, True), (3, False)):
        monkeypatch.setattr(tallies, "MOST_LINES", most)
        assert look(engine).cut is cut


def test_the_last_date_counts_however_many_rows_it_has(
    engine: sa.Engine, account_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tallies, "READ_AT_MOST", 10)
    day(engine, "A", TODAY, "settled", stored_rows=99)
    assert look(engine).counted_from == TODAY


def test_the_age_of_a_phone_is_that_of_its_newest_check(engine: sa.Engine, account_id: int) -> None:
    checks(engine, day(engine, "A", TODAY, "settled", stored_rows=2), {}, {})
    checks(engine, day(engine, "B", TODAY - 90 * DAY, "settled", stored_rows=3), {}, {}, {})
    checks(engine, day(engine, "C", TODAY - 9 * DAY, "settled", account="other"), {}, {}, {}, {})
    erased = day(engine, "E", TODAY - DAY, "settled", stored_rows=1)
    with engine.begin() as connection:
        add_check(connection, erased, "e", "erased")
    assert look(engine).ages == {TODAY: 2, TODAY - 90 * DAY: 1}


def test_requests_by_the_vendors_date(engine: sa.Engine, account_id: int) -> None:
    run(engine, account_id, NOW - DAY, requests=5)
    run(engine, account_id, NOW, requests=7, status="incomplete", exit_code=75)
    run(engine, account_id, NOW.replace(hour=16), requests=11, narrowed=True)  # midnight in Shanghai
    run(engine, account_id, NOW - 60 * DAY, requests=13)
    found = look(engine)
    assert found.requests == {TODAY - DAY: 5, TODAY: 7, TODAY + DAY: 11}
    assert [(one.requests, one.narrowed) for one in found.runs] == [
        (11, True),
        (7, False),
        (5, False),
        (13, False),
    ]
    assert found.last_good == NOW - DAY + DAY / 24


def test_doubts_rejected_rows_and_new_codes(engine: sa.Engine, account_id: int) -> None:
    one = day(engine, "A", TODAY - 3 * DAY, "settled", reported_rows=0, doubtful_rows=3)
    with engine.begin() as connection:
        for number, reason in enumerate(("no_key", "no_key", "conflict")):
            values = {"batch_day_id": one, "page": 1, "reason": reason, "payload": "{}", "digest": str(number)}
            insert(connection, tables.rejected_row, seen_at=NOW, **values)
        insert(connection, tables.region, code="QQ", name="Unknown (QQ)")
        batch_id = connection.scalar(sa.select(tables.batch.c.batch_id))
        insert(
            connection,
            tables.batch_listing,
            batch_id=batch_id,
            source="file",
            check_date=TODAY - 3 * DAY,
            submitted_rows=10,
        )
    found = look(engine)
    assert [(doubt.batch_no, doubt.kind) for doubt in found.doubts] == [
        ("A", "fewer_than_submitted"),
        ("A", "no_rows"),
    ]
    assert sum(found.doubt_counts.values()) == 2
    assert (found.doubtful_rows, found.rejected, found.new_codes) == (
        3,
        {"no_key": 2, "conflict": 1},
        ("country: Unknown (QQ)",),
    )
