from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from etl.errors import RunEnded
from etl.gate import NOTICE, Bounds, Gate
from etl.store import accounts
from etl.store.engine import connect
from etl.store.slots import Slots
from tests.conftest import Start

INTERVAL = 0.05
# How much longer than it should a busy machine may let a thread sleep.
LATE = 2.0


@pytest.fixture
def slots(start_server: Start) -> Iterator[Slots]:
    server = start_server("sqlite")
    url = server.create(at_head=True)
    engine = connect(url)
    with engine.begin() as connection:
        account_id = accounts.register(connection, "default")
    yield Slots(engine, account_id)
    engine.dispose()
    server.drop(url)


def many(count: int, work: Callable[[], object]) -> list[object]:
    """What `work` came to in so many threads at once; an error is a result."""

    def attempt(_: int) -> object:
        ready.wait()
        try:
            return work()
        except RunEnded as end:
            return str(end)

    ready = threading.Barrier(count)
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(attempt, range(count)))


def seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def later(delay: float, work: Callable[[], object]) -> threading.Timer:
    timer = threading.Timer(delay, work)
    timer.start()
    return timer


# -- bounds ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("interval", [0.0, 0.002])
def test_the_bound_of_requests_is_never_overrun(slots: Slots, interval: float) -> None:
    gate = Gate(slots, interval, Bounds(requests=10))
    started: list[float] = []

    def work() -> None:
        while True:
            gate.take()
            started.append(time.monotonic())

    assert many(8, work) == ["the bound of 10 requests is reached"] * 8
    assert len(started) == gate.requests == 10


def test_claims_of_the_loop_and_takes_of_threads_are_counted_together(slots: Slots) -> None:
    gate = Gate(slots, 0.0, Bounds(requests=30))
    claimed: list[bool] = []
    taken: list[bool] = []

    def loop() -> None:
        while True:
            claimed.append(gate.claim())

    def client() -> None:
        while True:
            gate.take()
            taken.append(True)

    turns = itertools.cycle([loop, client])
    lock = threading.Lock()

    def work() -> None:
        with lock:
            mine = next(turns)
        mine()

    many(6, work)
    assert all(claimed)
    assert len(claimed) + len(taken) == gate.requests == 30


def test_what_was_granted_is_counted_once_and_for_its_thread_only(slots: Slots) -> None:
    gate = Gate(slots, 0.0, Bounds(requests=1))
    assert gate.claim()
    with pytest.raises(RunEnded):
        gate.claim()
    assert many(1, gate.take) == ["the bound of 1 requests is reached"], "granted to nobody yet"

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


def test_a_bound_of_one_request(slots: Slots) -> None:
    gate = Gate(slots, 60.0, Bounds(requests=1))
    gate.take()
    assert seconds(lambda: many(2, gate.take)) < LATE, "nobody waits for a slot that does not come"
    assert gate.requests == 1


def test_no_bound(slots: Slots) -> None:
    gate = Gate(slots, 0.0, Bounds())
    for _ in range(1000):
        gate.take()
    assert gate.requests == 1000
    assert gate.seconds_left() is None


def test_the_bound_of_seconds(slots: Slots) -> None:
    gate = Gate(slots, INTERVAL, Bounds(seconds=0.4))
    began = time.monotonic()

    def work() -> None:
        while True:
            gate.take()

    found = many(4, work)
    assert found == ["the bound of 0.4 seconds is reached"] * 4
    assert time.monotonic() - began < 0.4 + LATE
    assert 1 <= gate.requests <= 0.4 / INTERVAL + 1
    left = gate.seconds_left()
    assert left is not None
    assert left >= 0


def test_nobody_waits_for_a_slot_that_comes_after_the_end(slots: Slots) -> None:
    gate = Gate(slots, 60.0, Bounds(seconds=30.0))
    gate.take()
    for waits in (gate.take, gate.claim, lambda: gate.pause(31)):
        with pytest.raises(RunEnded, match="the bound of 30 seconds is reached"):
            waits()
    assert gate.requests == 1


def test_the_time_runs_from_the_beginning(slots: Slots) -> None:
    now = [100.0]
    gate = Gate(slots, 0.0, Bounds(seconds=10.0), lambda: now[0])
    assert gate.seconds_left() == 10
    now[0] = 109.5
    assert gate.seconds_left() == 0.5
    assert gate.claim()
    for moment in (110.0, 200.0):
        now[0] = moment
        assert gate.seconds_left() == 0
        with pytest.raises(RunEnded):
            gate.claim()


# -- pauses ----------------------------------------------------------------------------------------------------


def test_a_pause_lasts_as_long_as_asked(slots: Slots) -> None:
    gate = Gate(slots, 0.0, Bounds())
    assert 0.2 <= seconds(lambda: gate.pause(0.2)) < 0.2 + LATE
    assert seconds(lambda: gate.pause(0.0)) < LATE
    gate = Gate(slots, 0.0, Bounds(requests=2, seconds=60))
    gate.take()
    gate.pause(0.01)


def test_a_pause_before_a_request_that_may_not_be_sent_is_spared(slots: Slots) -> None:
    gate = Gate(slots, 0.0, Bounds(requests=1))
    gate.take()
    with pytest.raises(RunEnded, match="1 requests"):
        gate.pause(60)


@pytest.mark.parametrize("what", ["pause", "take", "claim"])
def test_a_stop_is_noticed_soon(slots: Slots, what: str) -> None:
    gate = Gate(slots, 60.0, Bounds())
    gate.take()

    def wait() -> None:
        with pytest.raises(RunEnded, match="SIGTERM came"):
            if what == "pause":
                gate.pause(60)
            elif what == "take":
                gate.take()
            else:
                while not gate.claim():
                    time.sleep(min(gate.delay(), NOTICE))

    timer = later(0.1, lambda: gate.stop("SIGTERM came"))
    assert seconds(wait) < 0.1 + NOTICE + LATE
    timer.join()
    assert gate.requests == 1


def test_after_a_stop_nothing_starts_any_more(slots: Slots) -> None:
    gate = Gate(slots, 0.0, Bounds())
    assert gate.claim()
    gate.stop("SIGINT came")
    assert many(5, gate.take) == ["SIGINT came"] * 5
    with pytest.raises(RunEnded):
        gate.pause(0.0)
    assert gate.requests == 1


# -- the loop's delay --------------------------------------------------------------------------------------------


def test_the_delay_is_until_the_slot(slots: Slots) -> None:
    gate = Gate(slots, 30.0, Bounds())
    assert gate.delay() == 0
    assert gate.claim()
    assert 25 < gate.delay() <= 30.1
    assert not gate.claim()
    assert 25 < gate.delay() <= 30.1
    assert gate.requests == 1


def test_another_process_is_waited_for(slots: Slots) -> None:
    assert slots.claim(30.0) == 0
    gate = Gate(slots, 30.0, Bounds())
    assert gate.delay() == 0
    assert not gate.claim()
    assert 25 < gate.delay() <= 30.1


def test_nobody_sleeps_through_the_end_of_the_run(slots: Slots) -> None:
    """The loop sleeps for `delay`, and learns from `claim` that the run is to end."""
    gate = Gate(slots, 3.0, Bounds(seconds=20.0))
    gate.slow_down(300)
    assert gate.delay() == 0
    with pytest.raises(RunEnded, match="20 seconds"):
        gate.claim()


@pytest.mark.parametrize("interval", [0.0, 3.0])
def test_nobody_sleeps_through_a_signal(slots: Slots, interval: float) -> None:
    gate = Gate(slots, interval, Bounds())
    gate.slow_down(300)
    assert gate.delay() > 250
    gate.stop("SIGTERM came")
    assert gate.delay() == 0
    with pytest.raises(RunEnded, match="SIGTERM"):
        gate.claim()


# -- the vendor throttles ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("interval", [0.0, 3.0])
def test_a_throttled_account_is_quiet_in_every_process(slots: Slots, interval: float) -> None:
    gate, other = Gate(slots, interval, Bounds()), Gate(slots, 3.0, Bounds())
    gate.slow_down(100)
    for each in (gate, other):
        assert not each.claim()
        assert 95 < each.delay() <= 100
    assert gate.requests == other.requests == 0


def test_a_shorter_throttle_takes_a_longer_one_back_in_nothing(slots: Slots) -> None:
    gate = Gate(slots, 0.0, Bounds())
    gate.slow_down(100)
    gate.slow_down(1)
    assert gate.delay() > 95
    assert not gate.claim()


def test_a_throttle_ends(slots: Slots) -> None:
    gate = Gate(slots, 0.0, Bounds())
    gate.slow_down(0.2)
    assert 0.19 <= seconds(gate.take) < 0.2 + LATE
    assert seconds(gate.take) < LATE


def test_an_answer_that_throttles_counts_whatever_is_claimed_meanwhile(slots: Slots) -> None:
    """Also with pacing off, where a claim asks no slot: it must not write over what the answer said."""
    calls = itertools.count()
    throttled: list[threading.Thread] = []

    def clock() -> float:
        if next(calls) == 3:  # in the middle of the claim
            throttled.append(threading.Thread(target=lambda: gate.slow_down(500)))
            throttled[0].start()
            throttled[0].join(0.2)
        return 100.0

    gate = Gate(slots, 0.0, Bounds(), clock)
    assert gate.claim()
    assert gate.claim()
    assert throttled, "it was no claim that asked the clock"
    throttled[0].join()
    assert gate.delay() == 500


# -- the pace --------------------------------------------------------------------------------------------------


def test_starts_are_an_interval_apart(slots: Slots) -> None:
    """Where they really start: the threads that send are late now and then."""
    gate = Gate(slots, INTERVAL, Bounds(requests=12))
    started: list[float] = []

    def send(number: int) -> None:
        gate.granted()
        time.sleep(0.03 * (number % 3))
        gate.take()
        started.append(time.monotonic())

    with ThreadPoolExecutor(4) as pool:
        for number in range(12):
            while not gate.claim():
                time.sleep(gate.delay())
            pool.submit(send, number)
    gaps = [after - before for before, after in itertools.pairwise(sorted(started))]
    assert len(started) == 12
    assert min(gaps) > INTERVAL - 0.005


def test_starts_of_two_gates_are_an_interval_apart(slots: Slots) -> None:
    """As of two processes: each claims where the other does."""
    gates = [Gate(slots, INTERVAL, Bounds(requests=5)) for _ in range(2)]
    turns = itertools.count()
    started: list[float] = []

    def work() -> None:
        gate = gates[next(turns)]
        for _ in range(5):
            gate.take()
            started.append(time.monotonic())

    began = time.monotonic()
    many(2, work)
    assert len(started) == 10
    assert time.monotonic() - began > 9 * INTERVAL - 0.01
