"""The one place that lets requests start: it keeps the pace and the run's bounds, and heeds signals to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from etl.errors import RunEnded
from etl.store.slots import Slots

# How many seconds a sleeping thread may take to notice that the run is to stop.
NOTICE = 0.1
# Added to the interval, as a share of it and at most in seconds: a thread takes a moment from here to the network,
# and requests must be the interval apart when they reach the vendor, too.
MARGIN = 0.01
MOST_MARGIN = 0.005


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many requests a run may send, and for how many seconds; None: no bound."""

    requests: int | None = None
    seconds: float | None = None


class Gate:
    """Lets requests of one account start, at least the interval apart, as long as the run may send more.

    `delay` and `claim` serve the loop that decides, as late as possible, what to ask next; `take`, `pause`,
    `slow_down` and `seconds_left` serve the client, which calls them from several threads.
    """

    def __init__(
        self,
        slots: Slots,
        interval: float,
        bounds: Bounds,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.requests = 0
        self._slots = slots
        self._interval = interval + min(MARGIN * interval, MOST_MARGIN)
        self._bounds = bounds
        self._clock = clock
        self._sleep = sleep
        self._began = clock()
        self._lock = threading.Lock()
        self._not_before = 0.0
        self._last_start = float("-inf")
        self._stop: str | None = None
        self._mine = threading.local()

    def stop(self, reason: str) -> None:
        """Let no further request start; the answers to those under way are kept."""
        self._stop = reason

    def delay(self) -> float:
        """Seconds until it is worth calling `claim`; 0 where the run ends before that."""
        wait, left = max(0.0, self._not_before - self._clock()), self.seconds_left()
        return 0.0 if self._stop or (left is not None and wait >= left) else wait

    def claim(self) -> bool:
        """Take the right to start one request, for the thread that calls `granted` next; False: not yet.

        Raises RunEnded where the run may send no more.
        """
        with self._lock:
            self._check(0.0)
            if self._interval or self._not_before > self._clock():
                wait = self._slots.claim(self._interval)
                if wait:
                    self._check(wait)
                    self._not_before = self._clock() + wait
                    return False
            self._not_before = self._clock() + self._interval
            self.requests += 1
            return True

    @property
    def paced(self) -> bool:
        """Whether requests have to be some time apart."""
        return self._interval > 0

    def claim_at_once(self) -> bool:
        """As `claim`, for any thread, but False wherever that would take a slot, or a while.

        Raises RunEnded where the run may send no more.
        """
        with self._lock:
            self._check(0.0)
            if self.paced or self._not_before > self._clock():
                return False
            self.requests += 1
            return True

    def granted(self) -> None:
        """This thread starts the request that was claimed for it: its next `take` does not wait."""
        self._mine.granted = True

    def take(self) -> None:
        """Wait until one more request may start, and count it. Raises RunEnded."""
        if getattr(self._mine, "granted", False):
            self._mine.granted = False
        else:
            while not self.claim():
                self.pause(self.delay())
        with self._lock:
            # Threads may be late: what counts is when requests really start.
            if (early := self._last_start + self._interval - self._clock()) > 0:
                self._sleep(early)
            self._last_start = self._clock()

    def pause(self, seconds: float) -> None:
        """Sleep for `seconds`. Raises RunEnded where the run is to end before they are over."""
        until = self._clock() + seconds
        self._check(seconds)
        while (rest := until - self._clock()) > 0:
            self._sleep(min(rest, NOTICE))
            self._check(0.0)

    def slow_down(self, seconds: float) -> None:
        """The vendor throttles the account: let no process start a request for `seconds`."""
        self._slots.push(seconds)
        with self._lock:
            self._not_before = max(self._not_before, self._clock() + seconds)

    def go_on(self) -> None:
        """Raise RunEnded if a signal, or the bound on seconds, has ended the run."""
        if self._stop:
            raise RunEnded(self._stop)
        self._check_time(0.0)

    def seconds_left(self) -> float | None:
        """Seconds until the run's bound is reached; None where it has none."""
        if self._bounds.seconds is None:
            return None
        return max(0.0, self._began + self._bounds.seconds - self._clock())

    def pause_left(self) -> float:
        """Seconds until a request may start, where that is more than the pace asks for; else 0."""
        wait = self.delay()
        return wait if wait - self._interval > NOTICE else 0.0

    def outlook(self, wanted: int) -> tuple[int, float]:
        """How many of `wanted` further requests the bounds allow, and how many seconds they take at this pace."""
        if self._bounds.requests is not None:
            wanted = min(wanted, self._bounds.requests - self.requests)
        if self._interval and (left := self.seconds_left()) is not None:
            wanted = min(wanted, int(left / self._interval) + 1)
        return wanted, wanted * self._interval

    def _check(self, wait: float) -> None:
        if self._stop:
            raise RunEnded(self._stop)
        if self._bounds.requests is not None and self.requests >= self._bounds.requests:
            raise RunEnded(f"the bound of {self._bounds.requests} requests is reached")
        self._check_time(wait)

    def _check_time(self, wait: float) -> None:
        left = self.seconds_left()
        if left is not None and wait >= left:
            raise RunEnded(f"the bound of {self._bounds.seconds:g} seconds is reached")
