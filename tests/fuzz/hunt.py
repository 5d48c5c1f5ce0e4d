"""Runs a trial with new random input until the time is over, and shows the smallest input that fails."""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings

Trial = Callable[[], None]
"""A function that hypothesis gives its arguments (`@given`), and that raises where something is wrong."""

EXAMPLES = 100
"""Inputs of one seed: their sizes grow from the first to the last."""


def at_most(trial: Trial, examples: int, **more: Any) -> Trial:
    """The trial, to be called without arguments, with so many inputs."""
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
        print_blob=False,
        **more,
    )(trial)


def hunt(name: str, *trials: Trial) -> None:
    """Run these as a script: the options are --seconds and --seed. What fails ends it with a traceback."""
    parser = argparse.ArgumentParser(description=name, prog="python -m tests.fuzz.<name>")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long, at least (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="the first seed (default: %(default)s)")
    options = parser.parse_args()
    passed, began, bounded = 0.0, time.monotonic(), [at_most(trial, EXAMPLES) for trial in trials]
    for number in itertools.count(options.seed):
        for each in bounded:
            seed(number)(each)()
        passed = time.monotonic() - began
        if passed >= options.seconds:
            break
    inputs = (number - options.seed + 1) * EXAMPLES * len(trials)
    print(f"{name}: {inputs:,} inputs in {passed:.0f} s, seeds {options.seed} to {number}: nothing found")
