"""When a gate lets no further request start, and how long it makes others wait."""

from __future__ import annotations

import itertools
import threading

import pytest

from etl.errors import RunEnded
from etl.run.gate import MARGIN
from tests.gates import Gates, for_ever, many

INTERVAL = 0.05
PACE = INTERVAL * (1 + MARGIN)
"""The interval that the gate keeps, with its margin."""


# -- bounds ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("interval", [0.0, 0.002])
def test_the_bound_of_requests_is_never_overrun(gates: Gates, interval: float) -> None:
    gate = gates.open(interval, requests=10)
    started: list[None] = []
    found = many(8, lambda: for_ever(lambda: started.append(gate.take())))
    assert found == ["the bound of 10 requests is reached"] * 8
    assert len(started) == gate.requests == 10


def test_claims_of_the_loop_and_takes_of_threads_are_counted_together(gates: Gates) -> None:
    gate = gates.open(requests=30)
    claimed: list[bool] = []
    taken: list[None] = []
    works = itertools.cycle([lambda: claimed.append(gate.claim()), lambda: taken.append(gate.take())])
    lock = threading.Lock()

    def work() -> None:
        with lock:
            mine = next(works)
        for_ever(mine)

    many(6, work)
    assert all(claimed)
    assert len(claimed) + len(taken) == gate.requests == 30


def test_what_was_granted_is_counted_once_and_for_its_thread_only(gates: Gates) -> None:
    gate = gates.open(requests=1)
    assert gate.claim()
    with pytest.raises(RunEnded):
        gate.claim()
    assert many(1, gate.take) == ["the bound of 1 requests is reached"], "not granted to any thread yet"

    def work() -> int:
        gate.granted()
        gate.take()
        return gate.requests

    assert many(1, work) == [1]

    def twice() -> None:
        gate.granted()
        gate.take()
        gate.take()

    assert many(1, twice) == ["the bound of 1 requests is reached"]


def test_a_bound_of_one_request(gates: Gates) -> None:
    gate = gates.open(60.0, requests=1)
    gate.take()
    assert many(2, gate.take) == ["the bound of 1 requests is reached"] * 2
    assert (gate.requests, gates.clock.passed) == (1, 0), "a thread waited for a slot that does not come"


def test_no_bound(gates: Gates) -> None:
    gate = gates.open()
    for _ in range(1000):
        gate.take()
    assert gate.requests == 1000
    assert gate.seconds_left() is None


def test_the_bound_of_seconds(gates: Gates) -> None:
    gate = gates.open(INTERVAL, seconds=0.4)
    with pytest.raises(RunEnded, match=r"the bound of 0.4 seconds is reached"):
        for_ever(gate.take)
    assert gate.requests == 8
    assert gates.clock.passed == pytest.approx(7 * PACE), "it waited for a slot beyond the end"
    assert gate.seconds_left() == pytest.approx(0.4 - 7 * PACE)


def test_the_bound_of_seconds_holds_for_all_threads(gates: Gates) -> None:
    gate = gates.open(INTERVAL, seconds=0.4)
    assert many(4, lambda: for_ever(gate.take)) == ["the bound of 0.4 seconds is reached"] * 4
    assert 1 <= gate.requests <= 8


def test_nobody_waits_for_a_slot_that_comes_after_the_end(gates: Gates) -> None:
    gate = gates.open(60.0, seconds=30.0)
    gate.take()
    for waits in (gate.take, gate.claim, lambda: gate.pause(31)):
        with pytest.raises(RunEnded, match="the bound of 30 seconds is reached"):
            waits()
    assert (gate.requests, gates.clock.passed) == (1, 0)


def test_the_time_runs_from_the_beginning(gates: Gates) -> None:
    gate = gates.open(seconds=10.0)
    assert gate.seconds_left() == 10
    gates.clock.sleep(9.5)
    assert gate.seconds_left() == 0.5
    assert gate.claim()
    for longer in (0.5, 90):
        gates.clock.sleep(longer)
        assert gate.seconds_left() == 0
        with pytest.raises(RunEnded):
            gate.claim()


# -- pauses ----------------------------------------------------------------------------------------------------


def test_a_pause_lasts_as_long_as_asked(gates: Gates) -> None:
    gate = gates.open(requests=2, seconds=60)
    gate.take()
    gate.pause(0.25)
    assert gates.clock.passed == 0.25
    gate.pause(0.0)
    assert gates.clock.passed == 0.25


def test_a_pause_before_a_request_that_may_not_be_sent_is_spared(gates: Gates) -> None:
    gate = gates.open(requests=1)
    gate.take()
    with pytest.raises(RunEnded, match="1 requests"):
        gate.pause(60)
    assert gates.clock.passed == 0


@pytest.mark.parametrize("what", ["pause", "take"])
def test_a_stop_is_noticed_soon(gates: Gates, what: str) -> None:
    gate = gates.open(60.0)
    gate.take()
    gates.clock.at(10.0, lambda: gate.stop("SIGTERM was received"))
    with pytest.raises(RunEnded, match="SIGTERM was received"):
        gate.pause(60) if what == "pause" else gate.take()
    assert 10 <= gates.clock.passed <= 10.1
    assert gate.requests == 1


def test_after_a_stop_nothing_more_starts(gates: Gates) -> None:
    gate = gates.open()
    assert gate.claim()
    gate.stop("SIGINT was received")
    assert many(5, gate.take) == ["SIGINT was received"] * 5
    with pytest.raises(RunEnded):
        gate.pause(0.0)
    assert gate.requests == 1


# -- the loop's delay --------------------------------------------------------------------------------------------


def test_the_delay_is_until_the_slot(gates: Gates) -> None:
    gate = gates.open(0.4)
    assert gate.delay() == 0
    assert gate.claim()
    assert gate.delay() == pytest.approx(0.404)
    gates.clock.sleep(0.1)
    assert not gate.claim()
    assert gate.delay() == pytest.approx(0.304)
    assert gate.requests == 1


def test_another_process_is_waited_for(gates: Gates) -> None:
    assert gates.slots.claim(30.0) == 0
    gates.clock.sleep(10)
    gate = gates.open(30.0)
    assert gate.delay() == 0
    assert not gate.claim()
    assert gate.delay() == 20


def test_nobody_sleeps_through_the_end_of_the_run(gates: Gates) -> None:
    """The loop sleeps for `delay`, and learns from `claim` that the run is to end."""
    gate = gates.open(3.0, seconds=20.0)
    gate.slow_down(300)
    assert gate.delay() == 0
    with pytest.raises(RunEnded, match="20 seconds"):
        gate.claim()


@pytest.mark.parametrize("interval", [0.0, 3.0])
def test_nobody_sleeps_through_a_signal(gates: Gates, interval: float) -> None:
    gate = gates.open(interval)
    gate.slow_down(300)
    assert gate.delay() == 300
    gate.stop("SIGTERM was received")
    assert gate.delay() == 0
    with pytest.raises(RunEnded, match="SIGTERM"):
        gate.claim()
