"""SIGTERM and SIGINT end a run in good order."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from etl.run.gate import Gate


@contextmanager
def ending_on_signals(gate: Gate, wake: Callable[[], None]) -> Iterator[None]:
    """While in here, a signal lets no further request start; the pages under way are kept.

    `wake` is called so that a loop which waits for something looks around. Only the main thread gets signals.
    """

    def stop(number: int, _frame: object) -> None:
        gate.stop(f"{signal.Signals(number).name} came")
        wake()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
