"""Each hunt runs, with the same few inputs each time, and finds nothing."""

from __future__ import annotations

import pytest

from tests.fuzz import answers, configuration, lists, texts
from tests.fuzz.hunt import Trial, at_most


@pytest.mark.parametrize(
    "trial", [texts.foreign, texts.ours, texts.anything, lists.trial, configuration.trial, answers.trial]
)
def test_a_few_inputs(trial: Trial) -> None:
    at_most(trial, 15, derandomize=True)()
