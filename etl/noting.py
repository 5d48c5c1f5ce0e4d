"""Notes SIGTERM, SIGINT and SIGHUP before anything else is loaded; etl/stopping.py heeds them.

On a slow machine a process spends most of its first moments loading modules, and a signal then would end it in the
middle. So this loads nothing: `_signal`, what `signal` is made of, is a part of the interpreter.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]

noted: list[int] = []
"""The numbers of the signals that have come while nothing else was to be done about them."""


def heeded() -> list[int]:
    """The numbers of the three; without SIGHUP if `nohup` has told this process to ignore that."""
    numbers = [_signal.SIGTERM, _signal.SIGINT]
    return numbers if _signal.getsignal(_signal.SIGHUP) == _signal.SIG_IGN else [*numbers, _signal.SIGHUP]


def note() -> None:
    """From now on, only remember these signals."""
    for number in heeded():
        _signal.signal(number, lambda number, _frame: noted.append(number))
