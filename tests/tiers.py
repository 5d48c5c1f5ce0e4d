"""Cases of a test, each on one server; the quick tier runs only a sample of them."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any

import pytest

MARKED = ("postgresql", "mariadb")
COVERED = 3
"""Of so many cases of a test, in the order of the run, coverage is taken of one."""


def uncovered(items: list[pytest.Item]) -> list[pytest.Item]:
    """Those of which no coverage is taken, because that nearly doubles their time.

    Further cases of a test rarely reach further lines, and each room has quick tests of its own.
    """
    further = set(sampled(items, COVERED)[1])
    return [item for item in items if item in further or _is_dear(item)]


def _is_dear(item: pytest.Item) -> bool:
    return item.get_closest_marker("full") is not None or item.path.parent.name == "whole"


def sampled(items: list[pytest.Item], every: int) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """Of each test its first case and every further one at that distance, and those that are left out."""
    numbers: Counter[str] = Counter()
    kept: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for item in items:
        test, _, _ = item.nodeid.partition("[")
        (left if numbers[test] % every else kept).append(item)
        numbers[test] += 1
    return kept, left


def cases(kinds: Iterable[str], *values: Iterable[Any], quick: Collection[tuple[Any, ...]]) -> list[Any]:
    """Every kind of server with each combination of the values; those not in `quick` run only in the full tier."""
    return [case(*one, full=one not in quick) for one in itertools.product(kinds, *values)]


def case(kind: str, *values: Any, full: bool = False) -> Any:
    """One case."""
    marks = [getattr(pytest.mark, kind)] if kind in MARKED else []
    return pytest.param(kind, *values, marks=[*marks, pytest.mark.full] if full else marks)


def left_to_full(one: Any, *further: Any) -> Any:
    """A case, perhaps with additional values, that the quick tier leaves out."""
    return with_values(one, *further, marks=[pytest.mark.full])


def with_values(one: Any, *further: Any, marks: Iterable[Any] = ()) -> Any:
    """A case with additional values."""
    name = "-".join(map(str, [one.id, *further])) if one.id else None
    return pytest.param(*one.values, *further, marks=[*one.marks, *marks], id=name)
