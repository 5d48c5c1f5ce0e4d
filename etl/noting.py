"""Notes SIGTERM, SIGINT and SIGHUP before anything else is loaded; etl/stopping.py heeds them.

On a slow machine a process spends most of its first moments loading modules, and a signal then would end it in the
middle. So this loads nothing: `_signal`, what `signal` is made of, is a part of the interpreter.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]

noted: list[int] = []
"""The numbers of the signals that have come while nothing else was to be done about them."""


def note() -> None:
    """From now on, only remember these signals. A SIGHUP that `nohup` has told this process to ignore stays so."""
    for number in (_signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP):
        if number != _signal.SIGHUP or _signal.getsignal(number) != _signal.SIG_IGN:
            _signal.signal(number, lambda number, _frame: noted.append(number))
