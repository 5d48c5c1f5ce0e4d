from __future__ import annotations

import pytest

from etl.core.spreadsheet import Trace, shorter, trace_in, traces


@pytest.mark.parametrize(
    ("batch_no", "trace"),
    [
        ("1.01713775788E+11", Trace.EXPONENT),
        ("2.04e+011", Trace.EXPONENT),
        ("9E+15", Trace.EXPONENT),
        ("1,01713775788E+11", Trace.EXPONENT),
        ("1.017E11", Trace.EXPONENT),
        ('="204713775788"', Trace.FORMULA),
        ("=204713775788", Trace.FORMULA),
        ("'204713775788", Trace.APOSTROPHE),
        ("\u2019204713775788", Trace.APOSTROPHE),
        ('"204713775788"', Trace.APOSTROPHE),
        ("204713775788.0", Trace.DECIMALS),
        ("77,00", Trace.DECIMALS),
        ("204,713,775,788", Trace.SEPARATORS),
        ("204.713.775.788", Trace.SEPARATORS),
        ("204 713 775 788", Trace.SEPARATORS),
        ("204\u202f713", Trace.SEPARATORS),
        ("1'204'713", Trace.SEPARATORS),
        ("1,204,713.00", Trace.SEPARATORS),
        ("########", Trace.ERROR),
        ("#N/A", Trace.ERROR),
        ("\u200b204713775788", Trace.INVISIBLE),
        ("204713775788123000", Trace.ROUNDED),
    ],
)
def test_what_a_spreadsheet_makes_of_a_number(batch_no: str, trace: Trace) -> None:
    assert trace_in(batch_no) == trace
    assert traces([batch_no], [batch_no, "B1"]) == {batch_no: trace}


@pytest.mark.parametrize(
    "batch_no",
    ["101713775788", "20260301", "B-old", "v2.1", "1e5", "12e4ab", "a=b", "O'Neill 5", "3-4", "Ñ-批号-🎈", "1.017",
     "2026-03-01", "204713775788123456", "#7", "0", "10.1.2.3", "12.50"],
)  # fmt: skip
def test_what_a_customer_may_name_a_batch(batch_no: str) -> None:
    assert traces([batch_no], [batch_no]) == {}


def test_zeros_are_missing_beside_numbers_that_kept_theirs() -> None:
    numbers = ["00417", "00983", "12044", "77", "A3"]
    assert traces(numbers, numbers) == {"77": Trace.ZEROS}
    assert traces(["77"], ["77"]) == {}


def test_a_zero_in_front_proves_nothing_where_most_numbers_are_shorter() -> None:
    numbers = ["007", *map(str, range(10, 20))]
    assert traces(numbers, numbers) == {}


@pytest.mark.parametrize(
    ("numbers", "found"),
    [
        (["41755", "98310", "12044", "983"], {"983"}),
        (["41755", "98310", "983"], set()),  # two of them are no rule
        (["998", "999", "1000"], set()),
        (["B-1", "B-22", "B-333", "1"], set()),
    ],
)
def test_fewer_digits_than_most(numbers: list[str], found: set[str]) -> None:
    assert shorter(numbers, numbers) == found
