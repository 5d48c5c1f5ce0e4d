"""Large answers take turns, so that there is never more than one of them in memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType

_ONE = threading.Lock()
ASKED_EVERY = 0.1
"""Seconds of waiting after which it is asked again whether the run goes on."""


class Turn:
    """The turn of one request, for as long as its answer is read; most answers never need one."""

    def __init__(self, go_on: Callable[[], None] = lambda: None) -> None:
        """`go_on` raises if the run is to end."""
        self.go_on = go_on
        self._mine = False

    def wait(self) -> None:
        """Wait until no other large answer is read; returns at once where this was done before."""
        while not self._mine:
            self._mine = _ONE.acquire(blocking=False)
            self.go_on()
            if not self._mine:
                time.sleep(ASKED_EVERY)

    def __enter__(self) -> Turn:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._mine:
            self._mine = False
            _ONE.release()
