"""SIGTERM, SIGINT and SIGHUP end a run in an orderly way."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import AbstractContextManager

from etl import stopping
from etl.run.gate import Gate


def ending_on_signals(gate: Gate, wake: Callable[[], None]) -> AbstractContextManager[None]:
    """Inside this context, a signal stops further requests from starting; the pages under way are kept.

    `wake` is called to wake a loop that is waiting for something. Only the main thread receives signals.
    """

    def stop(number: int, _frame: object) -> None:
        stopping.hear()
        gate.stop(f"{signal.Signals(number).name} was received")
        wake()

    return stopping.handled(stop)
