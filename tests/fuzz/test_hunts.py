"""Each hunt runs, with the same few inputs each time, and finds nothing."""

from __future__ import annotations

import pytest

from tests.fuzz import answers, configuration, lists, texts
from tests.fuzz.hunt import Trial, at_most


@pytest.mark.parametrize(
    ("trial", "inputs"),
    [
        (texts.foreign, 15),
        (texts.ours, 15),
        (texts.anything, 15),
        (lists.trial, 15),
        (configuration.trial, 15),
        (answers.trial, 3),  # each is a whole run
    ],
)
def test_a_few_inputs(trial: Trial, inputs: int) -> None:
    at_most(trial, inputs, derandomize=True)()
