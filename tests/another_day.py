"""The tests under `faketime`: waits that time out.

libfaketime moves the monotonic clock too, but does not know the call with which Python waits for a lock for a
limited time (sem_clockwait): such a wait never times out. Here the lock is polled instead. Where time is real,
nothing is changed. `python -m tests.another_day COMMAND ...` is the command with such waits.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from etl.__main__ import start
from etl.run import fetch

FAKED = "faketime" in os.environ.get("LD_PRELOAD", "")
PROGRAM = "tests.another_day" if FAKED else "etl"
"""The module that is the command."""
LOOK = 0.002

_event_wait, _future_result = threading.Event.wait, Future.result


def install() -> None:
    """Let the waits of this process time out, if its time is faked."""
    if FAKED:
        threading.Event.wait = _wait  # type: ignore[method-assign]
        Future.result = _result  # type: ignore[method-assign]
        fetch.SimpleQueue = _Queue  # type: ignore[misc]


def _look(found: Callable[[], object], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not found() and time.monotonic() < until:
        time.sleep(LOOK)


def _wait(event: threading.Event, timeout: float | None = None) -> bool:
    if timeout is None:
        return _event_wait(event)
    _look(event.is_set, timeout)
    return event.is_set()


def _result(future: Future[Any], timeout: float | None = None) -> Any:
    if timeout is None:
        return _future_result(future)
    _look(future.done, timeout)
    if not future.done():
        raise TimeoutError
    return _future_result(future)


class _Queue(queue.SimpleQueue[Any]):
    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        if block and timeout is not None:
            _look(lambda: not self.empty(), timeout)
            block = False
        return super().get(block)


if __name__ == "__main__":
    install()
    start()
