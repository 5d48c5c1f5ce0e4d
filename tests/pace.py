"""The pace as the vendor sees it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

from etl.emulator.emulator import Received


def assert_keeps_pace(requests: Iterable[Received], interval: float, seen_late: float) -> None:
    """Between any two of them lie as many intervals as between their numbers: nobody gains by being seen late.

    `seen_late`: seconds after its start at which the vendor may notice a request.
    """
    seen = [request.started for request in requests]
    for (first, one), (second, other) in combinations(enumerate(seen), 2):
        assert other - one >= (second - first) * interval - seen_late
