from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.vendor.words import presentable, presentable_url


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("phone 84981234567 is wrong", "phone *********67 is wrong"),
        ("code 12345 and 123456", "code 12345 and ****56"),
        ("138 0013 8000 / 138-0013-8000", "*** **** **** / ***-****-**00"),
        ("no rows on 2026-11-20 10:00:00", "no rows on 2026-11-20 10:00:00"),
        ("8498\u200b1234567", "*********67"),
        ("one\r\n\ttwo\x1b[31m\u2028three", "one two [31m three"),
        ("日期格式错误", "日期格式错误"),
        ("x\ud800\u202ey", "xy"),
        ("", ""),
    ],
)
def test_presentable(text: str, shown: str) -> None:
    assert presentable(text) == shown


@pytest.mark.parametrize("secret", ["s3cr3t", "1234567", "two  words", "a\tb"])
def test_secrets_are_taken_out(secret: str) -> None:
    assert presentable(f"sign of {secret}, {secret}x", [secret]) == "sign of ***, ***x"


def test_a_secret_with_invisible_signs_in_it() -> None:
    assert presentable("s3c\u200br3t", ["s3cr3t"]) == "***"


def test_long_texts_are_cut() -> None:
    assert presentable("ab" * 100) == "ab" * 100
    assert presentable("ab" * 101) == "ab" * 99 + "a…"
    assert len(presentable("\n" * 10**6 + "x")) <= 200


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:pw@api.example/new/path?token=abc#x", "https://api.example/new/path"),
        ("/login/84981234567", "/login/*********67"),
        ("//other.example:8443/", "//other.example:8443/"),
        ("http://203.0.113.10:8080/84:98:123:45:67", "http://203.0.113.10:8080/**:**:***:**:67"),
        ("/p/+84%2098%20765%2043%2021", "/p/+*************21"),
        ("/p/%38%34%39%38%37%36%35", "/p/******%35"),
        ("http://[broken", "an invalid address"),
        ("", ""),
    ],
)
def test_urls(url: str, shown: str) -> None:
    assert presentable_url(url) == shown


@given(
    st.text(st.characters(exclude_categories=()), max_size=400),
    st.text("0123456789", min_size=6, max_size=20),
)
def test_whatever_stands_around_it_no_number_comes_out_whole(text: str, number: str) -> None:
    shown = presentable(text + number + text)
    assert number not in shown
    assert len(shown) <= 200
    shown.encode()
