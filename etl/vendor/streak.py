"""Equal answers in a row that are of no use: the endpoint may be wrong as a whole, so further tries are few."""

from __future__ import annotations

import threading

from etl.errors import Cause

PATIENCE = 5
"""So many equal answers in a row are worth a further try, whichever requests got them."""


class Streak:
    """The answers of one run that were of no use for the same cause, with no other answer between. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cause: Cause | None = None
        self._length = 0

    def add(self, cause: Cause | None) -> int:
        """Take the next answer in; None: it does not speak against the endpoint. Returns how many are in a row."""
        with self._lock:
            self._length = 0 if cause is None else self._length + 1 if cause == self._cause else 1
            self._cause = cause
            return self._length
