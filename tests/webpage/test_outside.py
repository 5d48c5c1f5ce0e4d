"""What others wrote is shown without phone numbers, and without signs that are obeyed."""

from __future__ import annotations

import datetime as dt

import pytest

from etl.webpage.outside import SHOWN_LENGTH, batch, outside

DATE = dt.date(2026, 3, 1)
SPELLINGS = [
    "84980000001",
    "+84 98 000 0001",
    "(84)980-000-001",
    "٨٤٩٨٠٠٠٠٠٠١",
    "&#56;4980000001",
    "8 4 9 8 0 0 0 0 0 0 1",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_phone_number_is_masked_in_any_spelling(spelling: str) -> None:
    for shown in (outside(f"of {spelling} Ltd"), batch(spelling, DATE), batch(f"B-{spelling}", DATE)):
        digits = [sign for sign in shown if sign.isdecimal()]
        assert len(digits) <= 4
        assert "*" in shown


@pytest.mark.parametrize(
    "name", ["20260301", "260301000001", "B-20260301-1", "VN_260228007", "20260302", "B-17", "April (2)"]
)
def test_a_batch_that_is_named_by_its_date_is_shown(name: str) -> None:
    assert batch(name, DATE) == name


@pytest.mark.parametrize("name", ["20260305", "26030184980000001", "84980260301", "260301000001 98000000"])
def test_other_long_numbers_are_masked(name: str) -> None:
    assert "*" in batch(name, DATE)
    assert "*" in batch("20260301", None)


def test_signs_that_are_obeyed_are_codes() -> None:
    assert outside("a\x1b[31m\u202eb\nc") == "a\\x1b[31m\\u202eb\\nc"


def test_a_long_text_is_cut_off() -> None:
    assert outside("x" * 200) == "x" * (SHOWN_LENGTH - 1) + "…"
    assert outside("x" * SHOWN_LENGTH) == "x" * SHOWN_LENGTH


@pytest.mark.parametrize("nothing", [None, "", " \t"])
def test_a_text_that_is_not_there(nothing: str | None) -> None:
    assert outside(nothing, "no country") == "no country"
