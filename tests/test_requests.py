"""How many requests the job needs, in small; `python -m benchmarks.requests` prints the whole table."""

from __future__ import annotations

import pytest

from benchmarks.requests import SCENARIOS, run

SCENARIO = {scenario.name: scenario for scenario in SCENARIOS}


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("daily, 1,800 to 5,000 rows", 1.13),
        ("daily, 1,800 to 5,000 rows, size known", 1.02),
        ("daily, 1 to 99 rows", 4.1),
        ("daily, 1 to 99 rows, size known", 1.05),
    ],
)
def test_daily_runs(name: str, most: float) -> None:
    outcome = run(SCENARIO[name], days=3, seed=7)
    assert outcome.lacking == 0
    assert outcome.requests <= most * outcome.floor


@pytest.mark.parametrize("name", ["hourly, rows in front", "hourly, rows at the end"])
def test_hourly_runs_cost_a_look_an_hour(name: str) -> None:
    outcome = run(SCENARIO[name], days=2, seed=7)
    assert outcome.lacking == 0
    assert outcome.requests <= 1.3 * outcome.floor + outcome.looks
