"""After kill -9 at any point of an export, while a sync writes, the next one comes to the right end."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator

import pytest

from etl.admin.erasing import ErasureOrder, erase, order_of
from tests.dying import Order, Orders
from tests.lake.needed import require_lake
from tests.lake.test_people import traces
from tests.lake.world import LakeWorld
from tests.people import DAY, LATER, MACS, NEXT, number, person
from tests.tiers import case

STEP = 11
"""Every so many points are tried, from each of the first."""


class Killer(Orders):
    """The process that exports and dies."""

    module = "tests.lake.killed_lake"

    def run(self, world: LakeWorld, point: int | None, *, retire: bool = False) -> Order:
        url = world.job.environment["NUMBERCHECK_DATABASE_URL"]
        return self.give(
            {
                "url": url,
                "lake": world.url,
                "point": point,
                "retire": retire,
                "environment": world.job.environment,
                "moment": world.now.isoformat(),
            }
        )


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    require_lake()
    with Killer() as made:
        yield made


def change(world: LakeWorld, n: int) -> None:
    """The vendor has more rows of both dates than before, and somebody is erased."""
    for date in (DAY, NEXT):
        world.job.vendor.book.add(
            "A", date, [person(500 + 3 * n + k, messageId=f"{date}-{n}-{k}") for k in range(3)]
        )
    numbers = (number(n), number(500 + 3 * n - 3))
    erase(world.job.engine, ErasureOrder(MACS, order_of(MACS, numbers, None), numbers, 2, "erase", "test", LATER))


def assert_readable(world: LakeWorld) -> None:
    """A reader sees no key twice, and no claim that the rows do not bear."""
    rows = world.in_lake()
    assert len({(row["message_id"], row["phone"]) for row in rows}) == len(rows)
    held = Counter(row["check_date"] for row in rows)
    claimed: Counter[object] = Counter()
    for row in world.in_lake("coverage"):
        claimed[row["check_date"]] += row["stored_rows"] or 0
    assert all(held[date] >= claimed[date] - 2 for date in claimed)  # two keys count for two batch days each


@pytest.mark.parametrize(
    ("kind", "first"),
    [case("sqlite", 2), case("postgresql", 7, full=True)],
)
def test_at_every_point(killer: Killer, kind: str, first: int, world: LakeWorld) -> None:
    at_every_point(killer, world, first, STEP)


def at_every_point(killer: Killer, world: LakeWorld, first: int, step: int) -> None:
    """Kill exports at every `step`th point, one after the other, each after something has changed."""
    world.export()
    for n, point in enumerate(itertools.count(first, step), 1):
        change(world, n)
        told = killer.run(world, point)
        assert_readable(world)
        assert killer.run(world, None)["status"] == 0
        assert killer.run(world, None)["status"] == 0
        world.assert_equal()
        world.assert_claims()
        assert traces(world, number(n), number(500 + 3 * n - 3)) == set()
        if told["status"] != -9:
            assert told["status"] == 0
            return


@pytest.mark.parametrize(
    ("kind", "point"),
    [case("sqlite", 40), case("postgresql", 90, full=True)],
)
def test_retiring(killer: Killer, kind: str, point: int, world: LakeWorld) -> None:
    """Each row is in the lake at any time, and in the end nowhere else; no total changes."""
    world.export()
    held, sums = world.in_lake(), totals(world)
    assert killer.run(world, point, retire=True)["status"] == -9
    assert totals(world) == sums
    world.export()
    assert world.in_lake() == held
    assert killer.run(world, None, retire=True)["status"] == 0
    assert world.job.query("SELECT count(*) AS rows_left FROM number_check") == [{"rows_left": 0}]
    assert totals(world) == sums
    world.export(full=True)
    assert world.in_lake() == held


def totals(world: LakeWorld) -> int:
    return sum(row["checked_rows"] for row in world.job.query("SELECT checked_rows FROM v_daily_summary"))
