"""Time that passes only where a test lets it pass: no test has to wait for it, and no busy machine is late."""

from __future__ import annotations

import datetime as dt
import heapq
import itertools
import threading
import time
from collections.abc import Callable

from etl import clock

START = 1_000_000.0
# Lets several threads fall asleep together; nothing depends on how long that really takes.
YIELD = 0.0005


class Clock:
    """Replaces the module `time` in a module that gets its time from nowhere else.

    It moves only when a thread sleeps, by that much. Threads that sleep at once sleep through the same time.
    """

    def __init__(self) -> None:
        self._now = START
        self._lock = threading.Lock()
        self._mine = threading.local()
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = itertools.count()

    def time(self) -> float:
        """The present moment, in seconds."""
        self._mine.seen = now = self._now
        return now

    monotonic = time

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass, then do what fell due in that time."""
        wakes = self._now + seconds
        time.sleep(YIELD)
        with self._lock:
            self._now = max(self._now, wakes)
        while self._due and self._due[0][0] <= self._now:
            heapq.heappop(self._due)[2]()

    def at(self, seconds: float, action: Callable[[], object]) -> None:
        """Have `action` done by the sleep that passes `seconds` from the start."""
        heapq.heappush(self._due, (START + seconds, next(self._numbers), action))

    @property
    def passed(self) -> float:
        """Seconds since the start."""
        return self._now - START

    @property
    def seen(self) -> float:
        """The time that this thread got when it last asked."""
        seen: float = self._mine.seen
        return seen


class Still(clock.Clock):
    """A job's clock that stands still."""

    def __init__(self, moment: dt.datetime) -> None:
        super().__init__(moment)
        self._moment = moment

    def now(self) -> dt.datetime:
        """The present moment, UTC."""
        return self._moment.astimezone(dt.UTC)
