"""How many requests the job needs, on a small scale; `python -m benchmarks.requests` prints the whole table."""

from __future__ import annotations

import pytest

from benchmarks.requests import SCENARIOS, WINDOW_DAYS, run

SCENARIO = {scenario.name: scenario for scenario in SCENARIOS}
SHORT = 4
"""Days of a window that holds all that can happen to a batch day: growing, settling, its last look."""


def days_and_window(few: int, more: int) -> pytest.MarkDecorator:
    """`few` days of submissions in a short window; in the full tier, also `more` days in the vendor's window."""
    vendors = pytest.param(more, WINDOW_DAYS, marks=pytest.mark.full)
    return pytest.mark.parametrize(("days", "window_days"), [(few, SHORT), vendors])


@days_and_window(2, 3)
@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("daily, 1,800 to 5,000 rows", 1.13),
        ("daily, 1,800 to 5,000 rows, size known", 1.02),
        ("daily, 1 to 99 rows", 4.1),
        ("daily, 1 to 99 rows, size known", 1.05),
    ],
)
def test_daily_runs(name: str, most: float, days: int, window_days: int) -> None:
    outcome = run(SCENARIO[name], days, 7, window_days)
    assert outcome.missing == 0
    assert outcome.requests <= most * outcome.floor


@days_and_window(1, 2)
@pytest.mark.parametrize("name", ["hourly, rows in front", "hourly, rows at the end"])
def test_hourly_runs_cost_a_look_an_hour(name: str, days: int, window_days: int) -> None:
    outcome = run(SCENARIO[name], days, 7, window_days)
    assert outcome.missing == 0
    assert outcome.requests <= 1.3 * outcome.floor + outcome.looks
