"""A number is recognised in every usual spelling, and what stands in its place tells nothing and mixes up nothing."""

from __future__ import annotations

import datetime as dt

import hypothesis
import pytest
from hypothesis import strategies as st

from etl.core.checkrow import ERASED, CheckRow, RejectedRow
from etl.core.page import Page
from etl.privacy.disguise import ERASED_PAYLOAD, Disguise, scrubbed
from etl.privacy.erased import Erased, ErasedForm, forms, together
from etl.privacy.macs import Macs, is_pseudonym
from etl.privacy.numbers import is_number, number_of, read_lines, without_country
from etl.scrub import digit_runs

MACS = Macs("k" * 32)
DAY = dt.date(2026, 3, 10)
DAYS = dt.timedelta(days=1)
NUMBER = "84980000001"
SPELLINGS = [
    "84980000001", "+84980000001", "0084980000001", "+84 98 000 00 01", "(84) 98-000-00-01", "+84.98.000.0001",
    "tel:+84-98-0000001", "+84 (0)98 000 0001", "８４９８００００００１"[:11], "+84\u00a098\u2011000\u20110001", " 84980000001 ",
]  # fmt: skip


@pytest.mark.parametrize("text", SPELLINGS)
def test_a_spelling_is_the_number(text: str) -> None:
    assert number_of(text) == NUMBER


@pytest.mark.parametrize("text", ["8498****001", "anonymous", "", "+", "84980000001x"])
def test_anything_else_is_itself(text: str) -> None:
    assert number_of(text) == text
    assert not is_number(number_of(text))


@pytest.mark.parametrize(
    ("number", "inside"),
    [
        ("84980000001", "980000001"),
        ("12125550123", "2125550123"),
        ("3545812345", "5812345"),
        ("0980000001", "980000001"),
    ],
)
def test_a_number_inside_its_country(number: str, inside: str) -> None:
    assert without_country(number) == inside


def test_lines_of_a_file() -> None:
    given = read_lines(["\ufeff+84 98 000 00 01", "", "nobody", '"0084980000002"', "9" * 300, "12345"])
    assert given.numbers == {1: NUMBER, 4: "84980000002"}
    assert given.bad == (3, 5, 6)


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)
PHONE = st.one_of(st.sampled_from(SPELLINGS), st.text("0123456789+*() -", min_size=1, max_size=16), TEXT)
KEY = st.tuples(st.one_of(TEXT, PHONE), PHONE)


@hypothesis.given(keys=st.lists(KEY, min_size=2, max_size=8, unique=True))
def test_distinct_keys_stay_distinct_and_equal_ones_equal(keys: list[tuple[str, str]]) -> None:
    for change in (MACS.pseudonymous, MACS.tombstone):
        assert len({change(key) for key in keys}) == len(keys)
        assert [change(key) for key in keys] == [change(change(key)) for key in keys]
    for key in keys:
        assert MACS.tombstone(MACS.pseudonymous(key)) == MACS.tombstone(key)
        phone = MACS.pseudonymous(key)[1]
        assert len(phone) <= 64
        assert is_pseudonym(phone)


def test_one_number_has_one_pseudonym_whatever_its_spelling() -> None:
    assert len({MACS.pseudonym(text)[:44] for text in SPELLINGS}) == 1
    assert Macs("x" * 32).pseudonym(NUMBER) != MACS.pseudonym(NUMBER)
    assert "k" * 32 not in repr(MACS)


@pytest.mark.parametrize(
    "text",
    [
        "call +84 98 000 00 01 now",
        "0980000001",
        "x84%2098%20000%2000%2001",
        "&#56;4980000001",
        "id:2026-03-10 84980000001 7",
    ],
)
def test_an_erased_number_is_found_in_free_text(text: str) -> None:
    erased = Erased(MACS, forms(MACS, NUMBER, DAY))
    assert erased.is_in([text], DAY)
    assert not erased.is_in([text], DAY + DAYS)
    assert not Erased(MACS, forms(MACS, "84980000002", None)).is_in([text], DAY)


def test_digits_are_read_as_they_are_meant() -> None:
    assert "84980000001" in digit_runs("\u0038\u0034 98 ⓪00 0001")
    assert digit_runs("12 345") == set()


def test_what_two_notes_erase_is_erased() -> None:
    one, other = ErasedForm("m", 9, True, DAY), ErasedForm("m", 9, False, DAY + DAYS)
    assert together([one, other]) == {"m": ErasedForm("m", 9, True, DAY + DAYS)}
    assert together([one, ErasedForm("m", 9, True, None)])["m"].until is None


def row(phone: str, message_id: str = "m1", **values: object) -> CheckRow:
    blank = dict.fromkeys(CheckRow._fields)
    return CheckRow(**blank | {"message_id": message_id, "phone": phone, "check_level": 5} | values)  # type: ignore[arg-type]


def test_an_erased_row_says_what_it_cost_and_awaits_nothing() -> None:
    disguise = Disguise(MACS, Erased(MACS, forms(MACS, NUMBER, DAY)))
    before = row(
        f"+{NUMBER}", carrier="Viettel", region_code="VN", currency="USD", reachable="YES", extra={"a": 1}
    )
    after = disguise.row(before, DAY)
    assert {name for name, value in after._asdict().items() if value is not None} == {
        "message_id", "phone", "check_level", "region_code", "currency",
    }  # fmt: skip
    assert (after.phone, after.awaits_outcome, row(NUMBER).awaits_outcome) == (ERASED, False, True)
    assert disguise.row(after, DAY) == after
    assert disguise.row(before, DAY + DAYS) == before
    assert disguise.key(before.key, DAY) == after.key


def test_a_page_keeps_its_counts() -> None:
    disguise = Disguise(MACS, Erased(MACS, forms(MACS, NUMBER, DAY)), pseudonyms=True)
    rows = (row(NUMBER), row("84980000002"), row(NUMBER, "m2"))
    rejected = (
        RejectedRow("phone_missing", f'{{"note": "+{NUMBER}"}}', "a" * 64),
        RejectedRow("new", "{}", "b" * 64),
    )
    page = Page(1, 5, rows, rejected, {rows[0].key: 2}, {rows[1].key: 1}, 5, "page")
    after = disguise.page(page, DAY)
    assert (after.total, after.received, len({one.key for one in after.rows})) == (5, 5, 3)
    assert after.repeats == {after.rows[0].key: 2}
    assert after.conflicts == {after.rows[1].key: 1}
    assert [one.payload for one in after.rejected] == [ERASED_PAYLOAD, "{}"]
    assert len({one.digest for one in (*after.rejected, *rejected)}) == 4
    assert all(len(one.digest) <= 64 for one in after.rejected)


def test_numbers_in_json_are_masked_and_small_ones_stay() -> None:
    assert scrubbed({"a": [84980000001, 7, None, True], "84980000001": "x"}) == {
        "a": ["*********01", 7, None, True], "*********01": "x",
    }  # fmt: skip
