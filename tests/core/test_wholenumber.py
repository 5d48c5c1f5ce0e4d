"""A whole number is one, however it is written; what is ambiguous is none."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.wholenumber import EXACT, MAX_DIGITS, exact_digits, number_in, whole_number


@given(
    st.integers(-(10**MAX_DIGITS) + 1, 10**MAX_DIGITS - 1), st.integers(0, 40), st.sampled_from(["", " ", "\t"])
)
def test_every_spelling_is_the_same_number(number: int, zeros: int, space: str) -> None:
    spellings: list[object] = [number, Decimal(number), str(number), f"{number}.", f"{number}.{'0' * zeros}"]
    spellings += [Decimal(f"{number}.{'0' * zeros}"), Decimal(f"{number}000E-3"), f"{number}000E-3"]
    spellings += [f"{space}{spelling}{space}" for spelling in spellings if isinstance(spelling, str)]
    assert {whole_number(spelling) for spelling in spellings} == {number}


@given(st.floats(-EXACT, EXACT).map(float.__round__).map(float))
def test_a_float_that_is_whole(number: float) -> None:
    assert whole_number(number) == int(number)
    assert exact_digits(number) == str(int(number))


@pytest.mark.parametrize(
    "value",
    [
        *(
            None,
            True,
            False,
            [],
            {},
            b"1",
            "",
            " ",
            ".",
            "+",
            "one",
            "0x10",
            "1_0",
            "1 000",
            "1,000",
            "1'000",
            "٣",
        ),
        *("1.5", "NaN", "inf", "1e", "1e9999", "9" * 101, 1.5, float("nan"), float("inf"), 1e300, Decimal("1.5")),
        *(Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("1E+999999999"), Decimal("1E-999999999")),
        *(10**MAX_DIGITS, -(10**MAX_DIGITS), Decimal(10**MAX_DIGITS)),
    ],
)
def test_what_is_no_whole_number(value: object) -> None:
    assert whole_number(value) is None


@given(st.text(max_size=20) | st.decimals() | st.floats())
def test_anything_is_a_number_or_none(value: object) -> None:
    assert isinstance(whole_number(value), int | None)


@pytest.mark.parametrize(
    ("number", "digits"), [(EXACT, str(EXACT)), (EXACT + 1, None), ("0.5", None), ("7.0", "7")]
)
def test_digits_are_not_invented(number: object, digits: str | None) -> None:
    assert exact_digits(Decimal(str(number))) == digits


@pytest.mark.parametrize("text", ["0,5", "1.000,5", "1 000", "USD 1", "1%", "--1", "1e5.0", "\uff11"])
def test_ambiguous_amounts_are_no_number(text: str) -> None:
    assert number_in(text) is None
