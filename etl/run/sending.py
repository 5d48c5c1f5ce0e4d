"""Threads that send requests: those that the loop claims, and those that it asks ahead.

The loop decides and stores, in one thread. Before it stores, it may hand over more requests than can be under way
at once: those that are needed if all answers until then are as expected. A thread that has its answer goes on with
the next of them by itself. After an answer that is not as expected, or once the gate lets nothing start, nothing
more of that is sent: the loop gets it back, and decides again. While many rows wait to be stored, it rests.
"""

from __future__ import annotations

import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import NamedTuple, Self

from etl.core.page import Page
from etl.errors import RunEnded
from etl.run.active import Arrival, Request
from etl.run.gate import Gate
from etl.vendor.client import Question

MOST_ROWS = 10_000
"""Rows that may wait to be stored before nothing more is sent that was asked ahead."""
ENOUGH_ROWS = 2_000
"""Rows that are worth waking the loop for while there is more to send."""
GATHERED = 0.05
"""Seconds after which the loop stores what has arrived, however little it is."""
CHARACTERS = 250
"""So many characters of rejected rows take as much memory as a row; other rows are bounded by their columns."""


class Bell:
    """Rung by any thread or signal handler, and heard by one thread.

    A queue would wait with a lock, whose time-out never comes where the clock of the process is a made-up one.
    """

    def __init__(self) -> None:
        self._ear, self._rope = socket.socketpair()
        self._rope.setblocking(False)

    def ring(self) -> None:
        with suppress(OSError):  # so many rings were not heard yet that one more says nothing new; or it is closed
            self._rope.send(b"!")

    def hear(self, timeout: float | None) -> None:
        """Wait until it rings, or has rung since the last time; at most for so many seconds."""
        self._ear.settimeout(timeout)
        with suppress(TimeoutError, BlockingIOError):
            self._ear.recv(4096)

    def close(self) -> None:
        self._ear.close()
        self._rope.close()


class Collected(NamedTuple):
    """What has arrived. `unsent`: what was asked ahead and is not sent now, because not all went `as_expected`."""

    arrivals: list[Arrival]
    unsent: list[Request]
    as_expected: bool


class Sending:
    """Up to `most` threads; the loop's thread calls everything, and a signal handler `wake`."""

    def __init__(self, ask: Callable[[Question], Page], gate: Gate, most: int) -> None:
        self._ask = ask
        self._gate = gate
        self._most = most
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._bell: Bell | None = None  # there is none before it begins
        self._threads: list[threading.Thread] = []
        # The following belongs to the lock.
        self._claimed: deque[Request] = deque()
        self._ahead: deque[Request] = deque()
        self._arrived: list[Arrival] = []
        self._rows = 0
        self._idle = 0
        self._halted = self._rung = self._over = False

    def __enter__(self) -> Self:
        self._bell = Bell()
        with self._lock:
            self._start_one()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._over = True
            self._work.notify_all()
        for thread in self._threads:
            thread.join()
        if self._bell:
            self._bell.close()

    def send(self, request: Request) -> None:
        """Send a request that was claimed at the gate."""
        with self._lock:
            self._claimed.append(request)
            self._call_one()

    def ask_ahead(self, requests: list[Request]) -> None:
        """Send these one after the other, as soon as threads are free, as long as all goes as expected."""
        with self._lock:
            self._ahead += requests
            for _ in requests:
                self._call_one()

    def wake(self) -> None:
        """End the present or the next wait of `collect`."""
        if self._bell:
            self._bell.ring()  # takes no lock: the thread that holds it may be the one that a signal interrupts

    def collect(self, timeout: float | None) -> Collected:
        """Wait until there is something to store or to decide, at most for so many seconds."""
        with self._lock:  # no answer that has arrived rang if there was more to send: that may be sent by now
            if timeout is None and (self._ahead or self._arrived):
                timeout = GATHERED
        if self._bell:
            self._bell.hear(timeout)
        with self._lock:
            arrivals, self._arrived = self._arrived, []
            self._rows, self._rung = 0, False
            as_expected, self._halted = not self._halted, False
            for _ in self._ahead if as_expected else ():
                self._call_one()
            return Collected(arrivals, [] if as_expected else self._withdrawn(), as_expected)

    def withdraw(self) -> list[Request]:
        """What was asked ahead and is not sent yet; it will not be sent."""
        with self._lock:
            return self._withdrawn()

    def _withdrawn(self) -> list[Request]:
        unsent, self._ahead = list(self._ahead), deque()
        return unsent

    # -- the threads; whoever calls these has the lock, where nothing else is said ----------------------------

    def _call_one(self) -> None:
        if not (self._claimed or self._ahead):
            return
        if self._idle:
            self._idle -= 1
            self._work.notify()
        elif len(self._threads) < self._most:
            with suppress(RuntimeError):  # the system has no thread left: those that there are do the work
                self._start_one()

    def _start_one(self) -> None:
        thread = threading.Thread(target=self._run, name=f"request_{len(self._threads)}")
        thread.start()
        self._threads.append(thread)

    def _run(self) -> None:
        """What a thread does, without the lock."""
        while (request := self._next()) is not None:
            self._gate.granted()
            result: Page | BaseException
            try:
                result = self._ask(request.question)
            except BaseException as error:  # noqa: BLE001  (raised again in the loop's thread)
                result = error
            self._arrive(Arrival(request, result))

    def _next(self) -> Request | None:
        """Wait for the next request; None: there will be no more. Without the lock."""
        with self._lock:
            while (request := self._pop()) is None and not self._over:
                self._idle += 1
                self._work.wait()
            return request

    def _pop(self) -> Request | None:
        if self._claimed:
            return self._claimed.popleft()
        if self._ahead and self._rows < MOST_ROWS and not self._halted and self._may_start():
            return self._ahead.popleft()
        return None

    def _may_start(self) -> bool:
        with suppress(RunEnded):  # the loop will raise it again
            if self._gate.claim_at_once():
                return True
        self._halted = True
        self._ring()
        return False

    def _arrive(self, arrival: Arrival) -> None:
        """Keep an answer for the loop. Without the lock."""
        expected, rows = arrival.request.expects(arrival.result), _rows(arrival.result)
        with self._lock:
            self._arrived.append(arrival)
            self._rows += rows
            self._halted = self._halted or not expected
            if self._halted or not self._ahead or self._rows >= ENOUGH_ROWS:
                self._ring()

    def _ring(self) -> None:
        if self._bell and not self._rung:
            self._rung = True
            self._bell.ring()


def _rows(result: Page | BaseException) -> int:
    """How many rows' memory an answer takes."""
    if not isinstance(result, Page):
        return 0
    return result.received + sum(len(row.payload) for row in result.rejected) // CHARACTERS
