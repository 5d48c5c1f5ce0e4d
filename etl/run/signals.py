"""SIGTERM and SIGINT end a run in an orderly way."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from etl.run.gate import Gate


@contextmanager
def ending_on_signals(gate: Gate, wake: Callable[[], None]) -> Iterator[None]:
    """Inside this context, a signal stops further requests from starting; the pages under way are kept.

    `wake` is called to wake a loop that is waiting for something. Only the main thread receives signals.
    """

    def stop(number: int, _frame: object) -> None:
        gate.stop(f"{signal.Signals(number).name} was received")
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
