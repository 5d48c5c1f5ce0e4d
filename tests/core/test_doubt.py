from __future__ import annotations

import pytest

from etl.core.doubt import caps


@pytest.mark.parametrize(
    ("totals", "greatest", "likely"),
    [
        ([1_000, 1_000], 1_000, {1_000}),
        ([10_000, 10_000, 10_000], 10_000, {10_000}),
        ([1_000, 1_000, 10_000, 10_000], 10_000, {1_000, 10_000}),
        ([1_000, 1_000], 4_321, {1_000}),
        ([1_000], 1_000, set()),  # once, it is a coincidence
        ([1_001, 1_001], 1_001, set()),
        ([3_000, 3_000], 3_000, set()),
        ([100, 100], 100, set()),
        ([5_000, 5_000], 5_000, {5_000}),
        ([5_000, 5_000], 5_001, set()),  # a full submission, as often as not
        ([20_000, 20_000], 20_000, {20_000}),
        ([], 0, set()),
    ],
)
def test_totals_that_are_likely_to_be_a_limit(totals: list[int], greatest: int, likely: set[int]) -> None:
    assert caps(totals, greatest) == likely
