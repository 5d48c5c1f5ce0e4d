"""Time that passes only where a test lets it pass: nobody has to wait for it, and no busy machine is late."""

from __future__ import annotations

import datetime as dt
import heapq
import itertools
import threading
import time
from collections.abc import Callable

from etl import clock

START = 1_000_000.0
# Lets several threads fall asleep together; nothing depends on how long it really takes.
YIELD = 0.0005


class Clock:
    """Stands in for the module `time`, wherever that is all a module takes its time from.

    It moves only where somebody sleeps, by as much. Threads that sleep at once sleep through the same time.
    """

    def __init__(self) -> None:
        self._now = START
        self._lock = threading.Lock()
        self._mine = threading.local()
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = itertools.count()

    def time(self) -> float:
        """The moment, seconds."""
        self._mine.seen = now = self._now
        return now

    monotonic = time

    def sleep(self, seconds: float) -> None:
        """Let so many seconds pass, then do what fell due meanwhile."""
        wakes = self._now + seconds
        time.sleep(YIELD)
        with self._lock:
            self._now = max(self._now, wakes)
        while self._due and self._due[0][0] <= self._now:
            heapq.heappop(self._due)[2]()

    def at(self, seconds: float, action: Callable[[], object]) -> None:
        """Have `action` done by the sleep that goes past so many seconds from the start."""
        heapq.heappush(self._due, (START + seconds, next(self._numbers), action))

    @property
    def passed(self) -> float:
        """Seconds since the start."""
        return self._now - START

    @property
    def seen(self) -> float:
        """What this thread was told when it last asked for the time."""
        seen: float = self._mine.seen
        return seen


class Still(clock.Clock):
    """A job's clock that stands still."""

    def __init__(self, moment: dt.datetime) -> None:
        super().__init__(moment)
        self._moment = moment

    def now(self) -> dt.datetime:
        """The moment, UTC."""
        return self._moment.astimezone(dt.UTC)
