"""Masking of digit runs."""

from __future__ import annotations

import pytest

from etl.scrub import scrub


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
    assert scrub("123456 1234567", at_least=7) == "123456 *****67"
