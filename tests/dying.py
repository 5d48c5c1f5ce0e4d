"""A process whose children run orders, and die of `kill -9` where an order says so. Of its own, so that it may fork.

`Orders` is the tests' side. The module that it starts calls `serve`, which answers each order with the exit status of
the child (-9: it died) and with what the child told of itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO, cast

ROOT = Path(__file__).parents[1]

Order = dict[str, Any]
Work = Callable[[Order], tuple[int, Order]]
"""Carries an order out in this process: its exit status, and what it has to tell."""


class Orders:
    """The process of a module that serves."""

    def __init__(self, module: str) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def give(self, order: Order) -> Order:
        """What became of an order."""
        stdin, stdout = cast(TextIO, self._process.stdin), cast(TextIO, self._process.stdout)
        stdin.write(json.dumps(order) + "\n")
        stdin.flush()
        return dict(json.loads(stdout.readline()))

    def close(self) -> None:
        """Let it end."""
        self._process.communicate(timeout=30)


def serve(work: Work) -> None:
    """Carry out the orders on standard input, a JSON object a line, each in a child."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_fork(work, json.loads(line))) + "\n")
        sys.stdout.flush()


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
