from __future__ import annotations

import datetime as dt
import itertools
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from etl.core.checkrow import CheckRow
from etl.core.fields import FIELDS, LATER_FIELDS, MAX_LENGTH
from etl.core.page import Page
from etl.core.steps import Listed
from etl.schema import tables
from etl.store import checks
from etl.store.checks import OUTCOME, Stored, store
from etl.store.lookups import Lookups
from etl.vendor.convert import convert
from tests import servers
from tests.store.made import HOUR, NOW, bad, batch_day, check, page, samples, table
from tests.store.sessions import noted

# Every field with a value, and with another one. Fields that were added later get theirs from `samples`.
FULL_VALUES: dict[str, Any] = samples(0) | {
    "check_level": 5,
    "pre_check": "YES",
    "region_code": "VN",
    "country_code": "84",
    "national_number": "0980 000 001",
    "standard_number": "+84980000001",
    "number_type": "2",
    "carrier": "Viettel",
    "price": Decimal("0.0056"),
    "currency": "USD",
    "validity": "YES",
    "reachable": "NO",
    "roaming": "UNKNOWN",
    "mcc": "452",
    "mnc": "04",
    "ported": "NO",
    "active": "YES",
    "early": "YES",
    "answered": "NO",
    "response": "bell",
    "fail_reason": "none",
    "extra": {"new": [1, Decimal("1.50"), None, True, {"é": "批"}]},
}
FULL = check(**FULL_VALUES)
OTHER: dict[str, Any] = samples(1) | {
    "check_level": 4,
    "pre_check": "NO",
    "region_code": "TH",
    "country_code": "66",
    "national_number": "n",
    "standard_number": "s",
    "number_type": "mobile",
    "carrier": "AIS",
    "price": Decimal("0.0057"),
    "currency": "EUR",
    "validity": "NO",
    "reachable": "YES",
    "roaming": "YES",
    "mcc": "520",
    "mnc": "4",
    "ported": "YES",
    "active": "NO",
    "early": "NO",
    "answered": "YES",
    "response": "busy",
    "fail_reason": "other",
    "extra": {"new": [1, Decimal("1.51"), None, True, {"é": "批"}]},
}
KEY = ("message_id", "phone")


class Desk:
    """Stores pages for one batch day, each an hour after the one before."""

    def __init__(self, connection: sa.Connection, batch_no: str = "B1", account: str = "default") -> None:
        self.connection = connection
        self.day = batch_day(connection, batch_no, account)
        self.moment = NOW
        self.lookups = Lookups()

    def store(self, *rows: Any, **options: Any) -> Stored:
        return self.store_page(page(*rows, **options))

    def store_page(self, answer: Page, **options: Any) -> Stored:
        self.moment += HOUR
        options = {"at_page": answer.number} | options
        return store(self.connection, self.lookups, self.day, answer, moment=self.moment, **options)

    def held(self) -> dict[tuple[str, str], CheckRow]:
        """Every row in the database, joined here from its tables."""
        carriers = {row["carrier_id"]: row["name"] for row in table(self.connection, tables.carrier)}
        categories = {row["category_id"]: row for row in table(self.connection, tables.category)}
        found = {}
        for key, row in by_key(self.connection, tables.number_check).items():
            values = row | categories[row["category_id"]]
            values["carrier"] = carriers.get(values["carrier_id"])
            found[key] = CheckRow(**{name: values[name] for name in CheckRow._fields})
        return found

    def times(self, key: tuple[str, str] = FULL.key) -> tuple[dt.datetime, dt.datetime]:
        row = by_key(self.connection, tables.number_check)[key]
        return row["first_seen_at"], row["last_changed_at"]


def by_key(connection: sa.Connection, of: sa.Table) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["message_id"], row["phone"]): row for row in table(connection, of)}


def counts(stored: Stored) -> tuple[int, int, int, int, int]:
    """The counts received, inserted, updated, unchanged and rejected."""
    found = (stored.received, stored.inserted, stored.updated, stored.unchanged, stored.rejected)
    assert found[0] == sum(found[1:])
    assert min(found) >= 0
    return found


@pytest.fixture
def desk(connection: sa.Connection) -> Desk:
    return Desk(connection)


def test_every_field_takes_part() -> None:
    assert None not in FULL
    assert [name for name in CheckRow._fields if name not in KEY] == list(OTHER)
    assert [name for name, value in OTHER.items() if value == FULL_VALUES[name]] == []


# -- counts and content --------------------------------------------------------------------------------------


def test_a_new_row_is_stored_with_every_field(desk: Desk) -> None:
    assert counts(desk.store(FULL)) == (1, 1, 0, 0, 0)
    assert desk.held() == {FULL.key: FULL}
    assert desk.times() == (NOW + HOUR, NOW + HOUR)


def test_a_row_with_nothing_but_its_key(desk: Desk) -> None:
    assert counts(desk.store(check())) == (1, 1, 0, 0, 0)
    assert counts(desk.store(check())) == (1, 0, 0, 1, 0)
    assert desk.held() == {check().key: check()}


def test_an_empty_page(desk: Desk) -> None:
    assert desk.store() == Stored()


def test_counts_of_a_page_with_some_of_each(desk: Desk) -> None:
    rows = [check("m", str(n), country_code="1") for n in range(10)]
    desk.store(*rows[:6], bad('{"a":1}'))
    changed = [row._replace(country_code="2") for row in rows[4:6]]
    stored = desk.store(*rows[:4], *changed, *rows[6:], bad('{"a":1}'), bad('{"a":2}'), more=3)
    assert counts(stored) == (15, 4, 2, 7, 2)
    assert (stored.new_keys, stored.new_rejected) == (4, 1)
    assert len(desk.held()) == 10


def test_stored_pages_add_up(desk: Desk) -> None:
    total = desk.store(check("a"), bad()) + desk.store(check("a"), check("b"), bad("[]"))
    assert counts(total) == (5, 2, 0, 1, 2)
    assert (total.new_keys, total.new_rejected) == (2, 2)


def test_an_unchanged_row_is_not_touched(desk: Desk) -> None:
    desk.store(FULL, check("m2"))
    assert counts(desk.store(FULL, check("m2"))) == (2, 0, 0, 2, 0)
    assert desk.times() == (NOW + HOUR, NOW + HOUR)


@pytest.mark.parametrize("shared", [servers.POSTGRESQL], indirect=True)
def test_an_unchanged_row_leaves_no_dead_one(db: sa.Engine) -> None:
    """xmin says which transaction wrote a row. It is read in another transaction than the one that writes."""

    def versions() -> list[tuple[Any, ...]]:
        with db.begin() as connection:
            tables = ("number_check", "awaited_check")
            queries = [f"SELECT message_id, xmin::text, ctid::text FROM {name} ORDER BY 1" for name in tables]  # noqa: S608
            return [tuple(row) for query in queries for row in connection.exec_driver_sql(query)]

    waits = check("m2", check_level=5)
    with db.begin() as connection:
        desk = Desk(connection)
        desk.store(FULL, waits)
    before = versions()
    assert len(before) == 3
    with db.begin() as connection:
        desk.connection, desk.moment = connection, NOW
        desk.store(FULL, waits)
    assert versions() == before


@pytest.mark.parametrize("name", OTHER)
def test_a_change_of_any_one_field_is_stored_and_counted(desk: Desk, name: str) -> None:
    desk.store(FULL, check("m2"))
    changed = FULL._replace(**{name: OTHER[name]})
    assert counts(desk.store(changed, check("m2"))) == (2, 0, 1, 1, 0)
    assert desk.held() == {FULL.key: changed, ("m2", FULL.phone): check("m2")}
    assert desk.times() == (NOW + HOUR, NOW + 2 * HOUR)
    assert desk.times(("m2", FULL.phone)) == (NOW + HOUR, NOW + HOUR)


@pytest.mark.parametrize("name", OTHER)
def test_only_outcomes_are_never_replaced_by_a_blank(desk: Desk, name: str) -> None:
    desk.store(FULL)
    nothing: dict[str, Any] = {name: None}
    blank = FULL._replace(**nothing)
    kept = name in OUTCOME
    assert counts(desk.store(blank)) == ((1, 0, 0, 1, 0) if kept else (1, 0, 1, 0, 0))
    assert desk.held() == {FULL.key: FULL if kept else blank}
    assert desk.times()[1] == (NOW + HOUR if kept else NOW + 2 * HOUR)


def test_outcomes_are_those_of_the_checks_the_carrier_and_what_it_cost() -> None:
    later = {field.name for field in LATER_FIELDS if field.kept}
    results = {field.name for field in FIELDS if field.part != "check"}
    assert {*results, "carrier", "price", "currency"} | later == OUTCOME


def test_a_result_that_is_zero_is_a_result(desk: Desk) -> None:
    zeros = {field.name: 0 for field in FIELDS if field.kind == "integer" and field.part != "check"}
    desk.store(check(check_level=5, **zeros))
    assert desk.held()[FULL.key] == check(check_level=5, **zeros)


def test_a_blank_row_that_arrives_last_takes_no_outcome_away(desk: Desk) -> None:
    desk.store(FULL)
    assert counts(desk.store(check())) == (1, 0, 1, 0, 0)
    expected = {name: getattr(FULL, name) for name in OUTCOME}
    assert desk.held()[FULL.key] == check(**expected)
    assert counts(desk.store(check())) == (1, 0, 0, 1, 0)


def test_an_outcome_that_comes_later_is_filled_in(desk: Desk) -> None:
    desk.store(check(check_level=5))
    assert counts(desk.store(check(check_level=5, validity="YES"))) == (1, 0, 1, 0, 0)
    assert counts(desk.store(check(check_level=5, mcc="452"))) == (1, 0, 1, 0, 0)
    assert desk.held()[FULL.key] == check(check_level=5, validity="YES", mcc="452")
    assert desk.times() == (NOW + HOUR, NOW + 3 * HOUR)


def test_the_time_of_the_last_of_several_changes_is_kept(desk: Desk) -> None:
    for n in (1, 2, 2, 3):
        desk.store(check(country_code=str(n)))
    assert desk.times() == (NOW + HOUR, NOW + 4 * HOUR)


def test_no_column_is_lost_when_the_first_row_lacks_it(desk: Desk) -> None:
    rows = [
        check("m0"),
        FULL._replace(message_id="m1"),
        check("m2", validity="YES"),
        check("m3", early="YES"),
    ]
    assert counts(desk.store(*rows)) == (4, 4, 0, 0, 0)
    assert desk.held() == {row.key: row for row in rows}
    later = [
        check("m0", mnc="1"),
        rows[1],
        check("m2", answered="YES"),
        check("m3", active="NO", price=Decimal(1)),
    ]
    assert counts(desk.store(*later)) == (4, 0, 3, 1, 0)
    assert desk.held()[later[3].key] == check("m3", early="YES", active="NO", price=Decimal(1))
    assert desk.held()[later[2].key] == check("m2", validity="YES", answered="YES")


def test_what_is_held_of_a_fixed_key_stays(desk: Desk) -> None:
    desk.store(FULL)
    stored = desk.store_page(page(FULL._replace(mcc="1")), fixed={FULL.key})
    assert counts(stored) == (1, 0, 0, 1, 0)
    assert desk.held() == {FULL.key: FULL}


# -- keys ----------------------------------------------------------------------------------------------------

ALIKE = [
    "a1",
    "A1",
    "a1 ",
    " a1",
    "a1  ",
    "0a1",
    "00a1",
    "ａ1",
    "á1",
    "a\u03011",
    "a'1",
    'a"1',
    "a\\1",
    "a\\\\1",
    "a%1",
    "a%%1",
]
ALIKE += [
    "a%s1",
    "a:b1",
    "a\n1",
    "a\t1",
    "a\r\n1",
    "a;1",
    "a--1",
    "a_1",
    "?1",
    "$1",
    "批号1",
    "😀1",
    "😁1",
    "ß1",
    "ss1",
]


def test_keys_that_differ_in_anything_are_rows_of_their_own(desk: Desk) -> None:
    rows = [check(text, text, country_code=str(n)) for n, text in enumerate(ALIKE)]
    assert counts(desk.store(*rows)) == (len(ALIKE), len(ALIKE), 0, 0, 0)
    assert desk.held() == {row.key: row for row in rows}
    assert counts(desk.store(*rows)) == (len(ALIKE), 0, 0, len(ALIKE), 0)
    pairs = [check(first, second) for first, second in itertools.permutations(ALIKE[:8], 2)]
    assert counts(desk.store(*pairs, rows[3])) == (57, 56, 0, 1, 0)


def test_a_page_whose_rows_share_one_message_id(desk: Desk) -> None:
    rows = [check("one", f"849{n:08}", carrier="C", validity="YES") for n in range(250)]
    for first in (0, 100, 200):
        assert desk.store(*rows[first : first + 100]).inserted == min(100, 250 - first)
    assert counts(desk.store(*rows[50:150])) == (100, 0, 0, 100, 0)
    assert desk.held() == {row.key: row for row in rows}


def test_many_rows_in_one_page(desk: Desk) -> None:
    """The vendor may send more than asked for."""
    rows = [check(f"m{n}", f"p{n}", validity="YES") for n in range(3000)]
    rejected = [bad(f'{{"n": {n}}}') for n in range(1200)]
    assert counts(desk.store(*rows, *rejected)) == (4200, 3000, 0, 0, 1200)
    assert counts(desk.store(*rows, *rejected)) == (4200, 0, 0, 3000, 1200)


# -- one key on several batch days ---------------------------------------------------------------------------


def sightings(connection: sa.Connection) -> set[tuple[int, str, str]]:
    return {tuple(row.values()) for row in table(connection, tables.further_sighting)}


def test_a_key_of_another_batch_day_stays_there_and_counts_for_both(desk: Desk) -> None:
    other = Desk(desk.connection, "B2")
    other.moment += HOUR
    assert desk.store(FULL).new_keys == 1
    changed = FULL._replace(mcc="1", early=None)
    stored = other.store(changed, check("m2"))
    assert counts(stored) == (2, 1, 1, 0, 0)
    assert stored.new_keys == 2
    assert sightings(desk.connection) == {(other.day, *FULL.key)}
    assert by_key(desk.connection, tables.number_check)[FULL.key]["batch_day_id"] == desk.day
    assert desk.held()[FULL.key] == FULL._replace(mcc="1"), "the vendor's last word"
    assert desk.times() == (NOW + HOUR, NOW + 2 * HOUR)


def test_a_further_sighting_is_new_only_once(desk: Desk) -> None:
    other, third = Desk(desk.connection, "B2"), Desk(desk.connection, "B3")
    desk.store(FULL, check("x", "1"), check("x", "2"))
    assert other.store(FULL, check("x", "1")).new_keys == 2
    assert other.store(FULL, check("x", "1"), check("x", "2")).new_keys == 1
    assert third.store(FULL).new_keys == 1
    for each in (desk, other, third):
        again = each.store(FULL)
        assert counts(again) == (1, 0, 0, 1, 0)
        assert again.new_keys == 0
    assert len(sightings(desk.connection)) == 4


def test_a_key_with_the_same_message_id_or_phone_is_no_further_sighting(desk: Desk) -> None:
    other = Desk(desk.connection, "B2")
    desk.store(check("m1", "1"), check("m2", "2"))
    stored = other.store(check("m1", "2"), check("m2", "1"))
    assert (stored.inserted, stored.new_keys) == (2, 2)
    assert sightings(desk.connection) == set()


# -- rejected rows -------------------------------------------------------------------------------------------


def test_a_rejected_row_is_kept_once_however_often_it_is_read(desk: Desk) -> None:
    row = bad('{"phone": null, "批": "😀\\\\ \'%s"}', "phone_missing")
    first = desk.store_page(page(row, number=3), at_page=3)
    assert (first.rejected, first.new_rejected) == (1, 1)
    for at_page in (1, None, 5):
        again = desk.store_page(page(row, number=7), at_page=at_page)
        assert counts(again) == (1, 0, 0, 0, 1)
        assert again.new_rejected == 0
    [kept] = table(desk.connection, tables.rejected_row)
    assert (kept["page"], kept["reason"], kept["payload"]) == (3, "phone_missing", row.payload)
    assert kept["seen_at"] == NOW + HOUR


def test_rejected_rows_are_distinguished_by_content_and_by_batch_day(desk: Desk) -> None:
    other = Desk(desk.connection, "B2")
    assert desk.store(bad("1"), bad("2")).new_rejected == 2
    assert desk.store(bad("2"), bad("3")).new_rejected == 1
    assert other.store(bad("2")).new_rejected == 1
    assert len(table(desk.connection, tables.rejected_row)) == 4


def test_a_long_payload_is_kept_whole(desk: Desk) -> None:
    row = bad('"' + "批😀x" * 300_000 + '"')
    desk.store(row)
    assert table(desk.connection, tables.rejected_row)[0]["payload"] == row.payload


def test_a_rejected_row_asked_for_by_its_key_stands_on_the_page_of_that_answer(desk: Desk) -> None:
    desk.store_page(page(bad()), at_page=None)
    assert table(desk.connection, tables.rejected_row)[0]["page"] == 1


# -- values --------------------------------------------------------------------------------------------------

PRICES = [
    "0",
    "0.000001",
    "0.1",
    "0.10",
    "1E-6",
    "1E+2",
    "123456789012",
    "999999999999.999999",
    "-0.0056",
    "0.3",
    "1.100000",
]


def test_prices_come_back_equal(desk: Desk) -> None:
    rows = [check(f"m{n}", price=Decimal(text)) for n, text in enumerate(PRICES)]
    desk.store(*rows)
    assert desk.held() == {row.key: row for row in rows}
    assert counts(desk.store(*rows)) == (len(rows), 0, 0, len(rows), 0)


def test_another_notation_of_the_same_price_is_no_change(desk: Desk) -> None:
    desk.store(check(price=Decimal("0.1")))
    assert desk.store(check(price=Decimal("0.100000"))).unchanged == 1
    assert desk.store(check(price=Decimal("0.100001"))).updated == 1


def nested(depth: int) -> Any:
    """Alternating lists and objects, nested so many levels deep."""
    value: Any = "bottom"
    for level in range(depth):
        value = [value] if level % 2 else {"k": value}
    return value


EXTRAS: list[dict[str, Any]] = [
    {"": ""},
    {"a": Decimal("1.10"), "b": Decimal("0.1") + Decimal("0.2"), "c": Decimal("1E-99"), "d": Decimal("1E+99")},
    {"int": 10**39, "neg": -(10**39), "zero": 0, "no": False, "yes": True, "nothing": None},
    {"批号": "😀", "é'\"\\": "a\\b'c\"d%s:x", "nl": "\n\t\r", "unicode": "\u2028\x7f"},
    {"list": [[], {}, [{}], [[[]]]], "deep": {"deep": {"deep": [Decimal("0.5")]}}},
    {"key with . and [0]": {"$": 1, "/": 2}},
    {"long": "x" * 100_000},
    {"digits": Decimal("0.1234567890123456789012345678901234567890")},
]


def test_extra_comes_back_equal(desk: Desk) -> None:
    rows = [check(f"m{n}", extra=extra) for n, extra in enumerate(EXTRAS)]
    desk.store(*rows)
    assert desk.held() == {row.key: row for row in rows}
    assert counts(desk.store(*rows)) == (len(rows), 0, 0, len(rows), 0)


@pytest.mark.parametrize("depth", [10, 30, 31, 32, 33, 49])
def test_what_is_nested_as_deep_as_rows_may_be_is_stored(desk: Desk, depth: int) -> None:
    row = convert({"messageId": "m", "phone": "1", "new": nested(depth)}, "B1")
    if isinstance(row, CheckRow):
        assert row.extra == {"new": nested(depth)}
    assert counts(desk.store(row)) in [(1, 1, 0, 0, 0), (1, 0, 0, 0, 1)]
    assert counts(desk.store(row)) in [(1, 0, 0, 1, 0), (1, 0, 0, 0, 1)]


def test_texts_as_long_as_their_columns_in_four_byte_characters(desk: Desk) -> None:
    row = check(**{name: "😀" * length for name, length in MAX_LENGTH.items()})
    assert counts(desk.store(row)) == (1, 1, 0, 0, 0)
    assert counts(desk.store(row)) == (1, 0, 0, 1, 0)
    assert desk.held() == {row.key: row}


def test_texts_are_stored_as_they_stand(desk: Desk) -> None:
    rows = [
        check(text, text, national_number=text, fail_reason=text, mcc=text[:16], carrier=text, extra={text: text})
        for text in ALIKE
    ]
    desk.store(*rows)
    assert desk.held() == {row.key: row for row in rows}
    assert counts(desk.store(*rows)) == (len(rows), 0, 0, len(rows), 0)


def test_unknown_codes_are_stored_and_changed(desk: Desk) -> None:
    row = check(check_level=777, number_type="q7", response="r7", region_code="Q7", currency="C7", carrier="new")
    desk.store(row)
    changed = check(
        check_level=778, number_type="q8", response="r8", region_code="Q8", currency="C8", carrier="newer"
    )
    assert counts(desk.store(changed)) == (1, 0, 1, 0, 0)
    assert desk.held() == {row.key: changed}
    for code in (-(2**31), 2**31 - 1):
        assert desk.store(check(check_level=code)).updated == 1


def test_carriers_that_differ_in_case_or_spaces(desk: Desk) -> None:
    names = ["Viettel", "viettel", "Viettel ", "VIETTEL", " Viettel"]
    rows = [check(f"m{n}", carrier=name) for n, name in enumerate(names)]
    desk.store(*rows)
    assert desk.held() == {row.key: row for row in rows}
    assert desk.store(check("m0", carrier="Viettel ")).updated == 1
    assert desk.held()[rows[0].key].carrier == "Viettel "


# -- repeats -------------------------------------------------------------------------------------------------


def test_pages_of_one_answer_keep_no_more_than_the_database_can_say(desk: Desk) -> None:
    """A page that is cut in two leads to the same result in either order."""
    rows = [FULL._replace(message_id=f"m{n}", mnc=None if n % 3 else "1") for n in range(9)]
    blanks = [row._replace(carrier=None, validity=None) for row in rows]
    desk.store(*rows[:5], *blanks[5:])
    desk.store(*blanks[:5], *rows[5:])
    assert desk.held() == {row.key: row for row in rows}


def test_how_often_a_key_is_listed(desk: Desk) -> None:
    key, other = ("m1", "1"), ("m1 ", "1")
    assert checks.listed(desk.connection, desk.day) == {}
    assert checks.note_listed(desk.connection, desk.day, key, Listed(2, 1)) == 2
    assert checks.note_listed(desk.connection, desk.day, key, Listed(2, 1)) == 0
    assert checks.note_listed(desk.connection, desk.day, other, Listed(1, 0)) == 1
    assert checks.note_listed(desk.connection, desk.day, key, Listed(0, 0)) == -2
    assert checks.note_listed(desk.connection, desk.day, ("never", "1"), Listed(0, 0)) == 0
    found = checks.listed(desk.connection, desk.day)
    assert {each: listed for each, listed in found.items() if any(listed)} == {other: Listed(1, 0)}
    assert checks.listed(desk.connection, batch_day(desk.connection, "B2")) == {}


def test_the_cost_of_a_page_does_not_grow_with_what_is_stored(desk: Desk) -> None:
    """With one message id for a whole batch, or one for each row: either takes the same few statements."""
    lengths = []
    for n in range(4):
        with noted(desk.connection.engine) as statements:
            desk.store(*(check("m", f"{n}-{phone}", carrier="c", validity="YES") for phone in range(100)))
        lengths.append(len(statements))
    assert lengths[1] == lengths[3]
    # The query for stored rows, then for checks and for HLR results: on PostgreSQL a table to copy to, COPY and
    # INSERT; on others INSERT.
    assert lengths[3] <= (7 if desk.connection.dialect.name == "postgresql" else 3)
