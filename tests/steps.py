"""What work costs, as a figure that is the same on every machine, however busy it is."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def steps(work: Callable[[], object]) -> int:
    """How many lines of Python `work` executes, repeats counted; `benchmarks/budgets.py` measures real time."""
    counted = 0

    def count(_frame: FrameType, _event: str, _argument: Any) -> Callable[..., Any]:
        nonlocal counted
        counted += 1
        return count

    before = sys.gettrace()
    gc.disable()  # what a collection calls depends on what other tests left behind
    sys.settrace(count)
    try:
        work()
    finally:
        sys.settrace(before)
        gc.enable()
    return counted


def assert_grows_no_faster(make: Callable[[int], Callable[[], object]], size: int) -> None:
    """Work of twice the size, prepared by `make`, takes no more than twice the steps, give or take a few."""
    once, twice = steps(make(size)), steps(make(2 * size))
    assert once > size, "nothing was done"
    assert twice < 2.1 * once
