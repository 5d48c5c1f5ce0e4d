"""How long the product waits for a silent database, by a clock of the test: a wait never ends too early."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pymysql.connections

from etl.database import silence

SPEED = 300.0
LOOK = 0.02

Clock = Callable[[], float]


class Timelapse:
    """A clock that stands still except while `runs` is true; then a minute is over soon."""

    def __init__(self, runs: Callable[[], object]) -> None:
        self._runs = runs
        self._now = 0.0
        self._seen = time.monotonic()

    def __call__(self) -> float:
        before, self._seen = self._seen, time.monotonic()
        if self._runs():
            self._now += SPEED * (self._seen - before)
        return self._now


def count_by(clock: Clock, patch: Callable[[Any, str, Any], object] = setattr) -> None:
    """Make this process count with `clock` how long a database has been silent."""
    patch(silence, "time", SimpleNamespace(monotonic=clock))
    patch(pymysql.connections, "socket", _sockets(clock))


def _sockets(clock: Clock) -> ModuleType:
    """A copy of the module `socket` whose connections count their time limit with `clock`."""

    class Socket(socket.socket):
        def recv_into(self, *args: Any) -> int:
            limit, began = self.gettimeout(), clock()
            while not select.select([self], [], [], LOOK)[0]:
                if limit is not None and clock() - began > limit:
                    raise TimeoutError("timed out")
            return super().recv_into(*args)

    def create_connection(*args: Any) -> socket.socket:
        return Socket(fileno=socket.create_connection(*args).detach())

    made = ModuleType("socket")
    vars(made).update(vars(socket))
    vars(made)["create_connection"] = create_connection
    return made
