"""Masking of what may be a phone number, however it is spelt."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from etl.scrub import scrub, scrub_foreign
from tests.fuzz.texts import kept


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("", ""),
        ("no digits", "no digits"),
        ("12345", "12345"),
        ("123456", "****56"),
        ("phone 84981234567, again +84981234567.", "phone *********67, again +*********67."),
        ("a84981234567b", "a*********67b"),
        ("2026-11-02 12:30:45", "2026-11-02 12:30:45"),
        ("٨٤٩٨١٢٣٤٥٦٧", "*********٦٧"),
    ],
)
def test_long_digit_runs_keep_their_last_two(text: str, scrubbed: str) -> None:
    assert scrub(text) == scrubbed


def test_the_length_from_which_runs_are_masked_can_be_set() -> None:
    assert scrub("123456, 1234567", at_least=7) == "123456, *****67"


SPELT = [
    ("+84 98 765 43 21", "+** ** *** ** 21"),
    ("0084-98-765-43-21", "****-**-***-**-21"),
    ("(020) 7946-0958", "(***) ****-**58"),
    ("06.12.34.56.78", "**.**.**.**.78"),
    ("138 0013\u00a08000", "*** ****\u00a0**00"),
    ("138\u20110013\u20138000", "***\u2011****\u2013**00"),
    ("138/0013/8000", "***/****/**00"),
    ("138_0013_8000", "***_****_**00"),
    ("1 3 8 0 0 1 3", "* * * * * 1 3"),
    ("٨٤ ٩٨ ٧٦٥ ٤٣ ٢١", "** ** *** ** ٢١"),
    ("８４－９８－７６５－４３", "**－**－***－４３"),
    ("④⑨ ①②③ ④⑤⑥", "** *** *⑤⑥"),
    ("一三八 零零一三", "*** **一三"),
    ("1\ufe0f\u20e33\ufe0f\u20e38\ufe0f\u20e30013", "*\ufe0f\u20e3*\ufe0f\u20e3*\ufe0f\u20e3**13"),
    ("138  --  0013  --  8000", "***  --  ****  --  **00"),
    ("1\u200b\u200b\u200b\u200b\u200b\u200b\u200b\u200b\u200b380013", "*" + "\u200b" * 9 + "****13"),
    ("138\u20090013\u202f8000", "***\u2009****\u202f**00"),
    ("1３8 ٠٠1３ ８00٠", "*** **** **0٠"),
    ("Ⅰ Ⅲ Ⅷ 〇 〇 Ⅰ Ⅲ", "* * * * * Ⅰ Ⅲ"),
    ("壹叁捌零零壹叁", "*****壹叁"),
    ("〡〣〨〇〇〡〣", "*****〡〣"),
    ("\U000e0031\U000e0033\U000e0038\U000e0030\U000e0030\U000e0031\U000e0033", "*****\U000e0031\U000e0033"),
    ("8.4981234567E10", "*.********67E10"),
    ("2026-11-20-001", "****-**-**-*01"),
    ("2012-11-12 34", "****-**-** 34"),
]


@pytest.mark.parametrize(("text", "scrubbed"), SPELT)
@pytest.mark.parametrize("mask", [scrub, scrub_foreign])
def test_a_number_with_separators_is_one_number(mask: object, text: str, scrubbed: str) -> None:
    assert callable(mask)
    assert mask(f"phone {text} is wrong") == f"phone {scrubbed} is wrong"


CODED = [
    "138&nbsp;0013&ndash;8000",
    "138<br/>0013</b> 8000",
    "&#56;&#52&#x39;&#x38;&#x37;&#54;&#53;",
    "%38%34%39%38%37%36%35",
    "%2538%2534%2539%2538%2537%2536%2535",
    "%EF%BC%98%EF%BC%94%EF%BC%99%EF%BC%98%EF%BC%97%36%35",
    r"\u0038\u0034\x39\u{38}\U00000037\x36\x35",
    r"138\u00a00013\u20118000",
    r"138\n0013\t8000",
    "138&#1;0013&#xffffff;8000",
]


@pytest.mark.parametrize("text", CODED)
@pytest.mark.parametrize("mask", [scrub, scrub_foreign])
def test_a_number_in_codes_is_one_number(mask: object, text: str) -> None:
    assert callable(mask)
    assert kept(text) >= 7
    assert kept(mask(f"phone {text} is wrong")) <= 2


@pytest.mark.parametrize(
    "text",
    [
        "from 2026-11-22 to 2026-11-23",
        "2026-11-22, 2026-11-23",
        "page 3 2026-11-22 7 rows",
        "since 2026-11-23T06:06:00.123456+00:00",
        "1,234,567 of 2,000,000 rows",
        'server at "127.0.0.1", port 54321',
        "http://203.0.113.10:8080/",
        "1, 2, 3, 4, 5, 6, 7",
    ],
)
def test_what_this_program_says_stays_readable(text: str) -> None:
    assert scrub(text) == text


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("84,981,234,567", "**,***,***,*67"),
        ("2026-11-20 98:76:54.321098", "2026-11-20 **:**:**.****98"),
        ('{"138 0013": "8000"}', '{"*** ****": "**00"}'),
        ("138:0013:8000", "***:****:**00"),
        ("12.34.56.78", "**.**.**.78"),
        ("138, 0013, 8000", "***, ****, **00"),
    ],
)
def test_words_from_outside_are_trusted_less(text: str, scrubbed: str) -> None:
    assert scrub_foreign(text) == scrubbed


def test_what_is_spared_stays_only_where_it_stands_alone() -> None:
    assert scrub("batch 20261122, 20261122-7 of 202611229", 7, "20261122") == (
        "batch 20261122, 20261122-7 of *******29"
    )
    assert scrub("138 0013 8000 of 0013", 7, "0013") == "*** **** **00 of 0013"


@given(
    st.lists(
        st.tuples(
            st.characters(categories=["Nd"]) | st.sampled_from("①⁷〇九"),
            st.text(st.characters(exclude_categories=["L", "N", "Cs"]), max_size=3),
        ),
        min_size=6,
        max_size=20,
    )
)
def test_of_no_number_more_than_two_digits_are_left(signs: list[tuple[str, str]]) -> None:
    """Whatever stands between the digits, and in whichever scripts they are."""
    text = "".join(digit + between for digit, between in signs)
    assume(not re.search("20[2-9]", text))  # it may hold a date
    left = [sign for sign in scrub_foreign(text) if sign.isdigit() or sign in "〇九"]
    assert len(left) <= 2
