"""SIGTERM, SIGINT and SIGHUP: one rule, from the first moment of a process to its last.

A signal never ends the process by itself. While the program is still being loaded it is noted (etl/noting.py); a
command ends on it in good order (KeyboardInterrupt); a run stores what is under way first (run/signals.py). All
end with 75.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from types import FrameType

from etl.noting import heeded, noted

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
SAME = 5.0
"""Seconds for which further signals count as the same one, and do not break off what the first has left to do.

`timeout` sends one to the process and another to its group. Later ones do break it off: it may hang.
"""
_heard: list[float] = []

Handler = Callable[[int, FrameType | None], object] | signal.Handlers


def ignore() -> None:
    """From now on, ignore these signals: the exit status is known, and the process is about to end."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def interrupted() -> Iterator[None]:
    """Inside this context, a signal is a KeyboardInterrupt, and so is one that was noted before."""
    _heard.clear()
    with handled(_interrupt):
        if noted:
            hear()
            raise KeyboardInterrupt
        yield


@contextmanager
def put_off() -> Iterator[None]:
    """Inside this context, a signal is only noted; at its end it has the effect that it would have had."""
    come: list[int] = []
    with handled(lambda number, _frame: come.append(number)):
        yield
    for number in come:
        signal.raise_signal(number)


@contextmanager
def handled(handler: Handler, numbers: Collection[signal.Signals] = SIGNALS) -> Iterator[None]:
    """Inside this context, these signals go to `handler`. In another thread than the main one, nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    here = [number for number in numbers if number in heeded()]
    before = [(number, signal.signal(number, handler)) for number in here]
    try:
        yield
    finally:
        for number, old in before:
            signal.signal(number, old)


def hear() -> bool:
    """Take notice of a signal; whether it is another one than the last."""
    now = time.monotonic()
    if _heard and now - _heard[-1] < SAME:
        return False
    _heard.append(now)
    return True


def heard() -> bool:
    """Whether a signal has been heard by this command."""
    return bool(_heard)


def has_led_to(error: BaseException | None) -> bool:
    """Whether a signal has led to this: a second one may break off what the first has left to be tidied up."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    if hear():
        raise KeyboardInterrupt
