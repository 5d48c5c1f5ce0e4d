"""How far apart a gate lets requests start, and how a throttled answer changes that."""

from __future__ import annotations

import itertools
import threading
from typing import cast

import pytest

from etl.run.gate import MARGIN, Bounds, Gate
from tests import pace
from tests.gates import Gates, for_ever, many
from tests.running import wait_until

INTERVAL = 0.4
PACE = INTERVAL * (1 + MARGIN)
"""The interval that the gate keeps, with its margin."""


def start_one(gates: Gates, gate: Gate, late: float = 0.0) -> float:
    """One request as the job starts it; `late`: how long its thread takes between its slot and its start."""
    while not gate.claim():
        gates.clock.sleep(gate.delay())
    gate.granted()
    gates.clock.sleep(late)
    gate.take()
    return gates.clock.seen


def assert_apart(started: list[float]) -> None:
    gaps = [after - before for before, after in itertools.pairwise(sorted(started))]
    assert min(gaps) >= INTERVAL


# -- the pace --------------------------------------------------------------------------------------------------


def test_no_slot_is_left_unused(gates: Gates) -> None:
    gate = gates.open(INTERVAL)
    started = [start_one(gates, gate) for _ in range(24)]
    assert_apart(started)
    assert gates.clock.passed == pytest.approx(23 * PACE)


def test_starts_are_an_interval_apart_where_threads_are_late(gates: Gates) -> None:
    gate = gates.open(INTERVAL)
    lateness = (0.0, 0.3, 0.0, 0.1, 0.39, 0.0, 0.0, 2.0, 0.0, 0.0)
    assert_apart([start_one(gates, gate, late) for late in lateness])


def test_threads_that_are_late_together_start_an_interval_apart(gates: Gates) -> None:
    gate = gates.open(INTERVAL)
    for _ in range(4):
        while not gate.claim():
            gates.clock.sleep(gate.delay())

    def start() -> float:
        gate.granted()
        gate.take()
        return gates.clock.seen

    assert_apart(cast("list[float]", many(4, start)))
    assert gate.requests == 4


def test_two_gates_share_the_slots(gates: Gates) -> None:
    """As two processes do: both claim from the same slots."""
    pace.note_moves(gates.engine)
    both = itertools.cycle([gates.open(INTERVAL, requests=5), gates.open(INTERVAL, requests=5)])
    lock = threading.Lock()

    def work() -> None:
        with lock:
            mine = next(both)
        for_ever(mine.take)

    many(4, work)
    made = pace.moves(gates.engine, gates.account_id)
    assert len(made) == 10
    pace.assert_keeps_pace(made, INTERVAL)
    assert gates.clock.passed >= 9 * INTERVAL


# -- the vendor throttles ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("interval", [0.0, 3.0])
def test_a_throttled_account_is_quiet_in_every_process(gates: Gates, interval: float) -> None:
    gate, other = gates.open(interval), gates.open(3.0)
    gate.slow_down(100)
    gates.clock.sleep(1)
    for each in (gate, other):
        assert not each.claim()
        assert each.delay() == 99
    assert gate.requests == other.requests == 0


def test_a_shorter_throttle_takes_a_longer_one_back_in_nothing(gates: Gates) -> None:
    gate = gates.open()
    gate.slow_down(100)
    gate.slow_down(1)
    assert gate.delay() == 100
    assert not gate.claim()


def test_a_throttle_ends(gates: Gates) -> None:
    gate = gates.open()
    gate.slow_down(0.25)
    gate.take()
    assert gates.clock.passed == 0.25
    gate.take()
    assert gates.clock.passed == 0.25


class Watched:
    """A lock that counts how often it was requested."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.wanted = 0

    def __enter__(self) -> None:
        self.wanted += 1
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_an_answer_that_throttles_counts_whatever_is_claimed_in_the_meantime(gates: Gates) -> None:
    """This holds even with pacing off, where a claim takes no slot: it must not overwrite what the answer said."""
    lock = Watched()
    throttled: list[threading.Thread] = []

    def clock() -> float:
        if lock.wanted == 1 and not throttled:  # in the middle of the first claim
            throttled.append(threading.Thread(target=gate.slow_down, args=(500,)))
            throttled[0].start()
            wait_until(lambda: lock.wanted == 2 or not throttled[0].is_alive())
        return gates.clock.monotonic()

    gate = Gate(gates.slots, 0.0, Bounds(), clock)
    gate._lock = lock  # type: ignore[assignment]
    assert gate.claim()
    assert throttled, "the clock was read outside a claim"
    throttled[0].join()
    assert gate.delay() == 500
    assert not gate.claim()
