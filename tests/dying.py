"""A separate process, which can fork: its children run orders, and die of `kill -9` where an order says so.

`Orders` is the tests' side. The module that it starts calls `serve`, which answers each order with the exit
status of the child (-9: it died) and with what the child reported.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TextIO, cast

ROOT = Path(__file__).parents[1]

Order = dict[str, Any]
Work = Callable[[Order], tuple[int, Order]]
"""Carries out an order in this process; returns its exit status and its report."""


class Orders:
    """The process of a module that serves; it ends with the `with` block. After a failure, the next is started."""

    module: str

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def give(self, order: Order) -> Order:
        """Give an order, and return its result."""
        self._process = self._process or self._start()
        try:
            return self._ask(self._process, order)
        except BaseException:  # perhaps it is still at work
            self._end()
            raise

    def _start(self) -> subprocess.Popen[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
        return subprocess.Popen(
            [sys.executable, "-m", self.module],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def _ask(self, process: subprocess.Popen[str], order: Order) -> Order:
        stdin, stdout = cast(TextIO, process.stdin), cast(TextIO, process.stdout)
        stdin.write(json.dumps(order) + "\n")
        stdin.flush()
        return dict(json.loads(stdout.readline()))

    def _end(self) -> None:
        """Kill the process and its child, whatever they are doing."""
        if self._process is not None:
            with self._process:
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process = None


def serve(work: Work) -> None:
    """Carry out the orders on standard input, one JSON object per line, each in a child process.

    An order with `here` is carried out in this process instead: later children then start with all that it loaded.
    """
    for line in sys.stdin:
        order = json.loads(line)
        told = (_stay if order.get("here") else _fork)(work, order)
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


def _stay(work: Work, order: Order) -> Order:
    status, told = work(order)
    return {"status": status, **told}


def _fork(work: Work, order: Order) -> Order:
    receive, report = os.pipe()
    child = os.fork()
    if child == 0:
        status = 70
        try:
            status, told = work(order)
            os.write(report, json.dumps(told).encode())
        finally:
            os._exit(status)
    os.close(report)
    _, ended = os.waitpid(child, 0)
    with os.fdopen(receive) as stream:
        told = json.loads(stream.read() or "{}")
    return {"status": os.waitstatus_to_exitcode(ended), **told}
