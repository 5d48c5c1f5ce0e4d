"""What the database holds is what the lake holds, after each export."""

from __future__ import annotations

import io
import os
import signal

import pytest

from etl import stopping
from tests.lake.world import LakeWorld
from tests.people import DAY, NEXT, number
from tests.tiers import cases

KINDS = cases(["sqlite", "postgresql", "mariadb"], quick=[("sqlite",), ("postgresql",)])


@pytest.mark.parametrize("kind", KINDS)
def test_the_lake_is_equal_to_the_view(kind: str, world: LakeWorld) -> None:
    done = world.export()
    assert done.dates == [DAY, NEXT]
    world.assert_equal()
    world.assert_claims()
    assert done.rows == len(world.in_lake())
    # On every server: PostgreSQL has the shortest key first.
    [extra] = {row["extra"] for row in world.in_lake() if row["extra"] and "score" in row["extra"]}
    assert extra == f'{{"score": 7, "tags": {{"{number(2)}": 1, "said": ["call 84 {number(3)[2:]}"]}}}}'


@pytest.mark.parametrize("kind", KINDS)
def test_a_sync_that_learned_nothing_makes_nothing_to_export(kind: str, world: LakeWorld) -> None:
    world.export()
    world.sync()
    assert world.export().dates == []


def test_a_signal_is_ours_while_arrow_reads() -> None:
    """Arrow's own handlers lose some: an export of PostgreSQL then went on after SIGTERM, to its end."""
    import pyarrow.csv as pc

    from etl.lake import arrowrows  # noqa: F401  (switches them off)

    class Stopped(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if text := super().read(size):
                os.kill(os.getpid(), signal.SIGTERM)
            return text

    heard: list[int] = []
    with stopping.handled(lambda number, _: heard.append(number)):
        assert pc.read_csv(Stopped(b"a,b\n1,2\n")).num_rows == 1
    assert set(heard) == {signal.SIGTERM}
