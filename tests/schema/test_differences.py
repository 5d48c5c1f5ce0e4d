"""The remedy for differences of a schema depends on what they need, not on their words."""

from __future__ import annotations

import pytest

from etl.schema.differences import Cure, Difference, cure_of


@pytest.mark.parametrize("cure", Cure)
def test_what_all_of_them_need_is_reported(cure: Cure) -> None:
    assert cure_of([Difference("a", "b", cure), Difference("any other", "words", cure)]) is cure


@pytest.mark.parametrize("cure", [cure for cure in Cure if cure is not Cure.BY_HAND])
def test_where_they_need_different_things_each_is_looked_at(cure: Cure) -> None:
    alike = "comment of view v_coverage", "differs"
    assert cure_of([Difference(*alike, cure), Difference(*alike)]) is Cure.BY_HAND
    assert cure_of([Difference(*alike, other) for other in Cure]) is Cure.BY_HAND


def test_a_difference_in_a_sentence() -> None:
    assert str(Difference("view v_coverage", "is missing")) == "The view v_coverage is missing."
