"""Tries in a row that are of no use: the endpoint may be wrong as a whole, so further tries are few."""

from __future__ import annotations

import threading

from etl.errors import Cause

PATIENCE = 5
"""So many equal answers in a row are worth a further try, whichever requests got them."""


class Streak:
    """The tries of one run that were of no use, with no other answer between. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cause: Cause | None = None
        self._alike = 0
        self._useless = 0
        self._hopeless = False

    def add(self, cause: Cause | None) -> int:
        """Take the next try in; None: nothing against the endpoint. Returns how many in a row are alike."""
        with self._lock:
            self._alike = 0 if cause is None else self._alike + 1 if cause == self._cause else 1
            self._useless = 0 if cause is None else self._useless + 1
            self._hopeless = self._hopeless and cause is not None
            self._cause = cause
            return self._alike

    def give_up(self) -> None:
        """One request has had all its tries."""
        with self._lock:
            self._hopeless = self._useless >= PATIENCE

    @property
    def hopeless(self) -> bool:
        """Whether one request has had all its tries, and no other was of use since: a further one is enough."""
        return self._hopeless
