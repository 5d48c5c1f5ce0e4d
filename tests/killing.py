"""Runs syncs that kill themselves, kill -9, at a chosen point. A process of its own, so that it may fork.

Reads a JSON object a line: `point` (None: do not die), `environment`, `moment`; answers with the exit status of
that run (-9: it died) and how many points it passed. A point lies before each statement, before and after each
commit, and before and after each request.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from etl import settings, sync
from etl.api.transport import Transport
from etl.clock import Clock
from etl.plan import Rules
from etl.store.engine import connect


class Points:
    """Counts the points that were passed, and kills the process at the chosen one."""

    def __init__(self, point: int | None) -> None:
        self.passed = 0
        self._point = point

    def pass_one(self, *_: Any, **__: Any) -> None:
        if self.passed == self._point:
            os.kill(os.getpid(), signal.SIGKILL)
        self.passed += 1

    def watch(self, engine: sa.Engine) -> None:
        """Put points around everything that touches the database or the network."""
        sa.event.listen(engine, "before_cursor_execute", self.pass_one)
        sa.event.listen(engine, "commit", self.pass_one)
        commit = engine.dialect.do_commit
        engine.dialect.do_commit = self._after(commit)  # type: ignore[method-assign]
        post = Transport.post

        def watched(transport: Transport, *args: Any) -> Any:
            self.pass_one()
            answer = post(transport, *args)
            self.pass_one()
            return answer

        Transport.post = watched  # type: ignore[method-assign]

    def _after(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any) -> None:
            function(*args)
            self.pass_one()

        return wrapped


def run(order: dict[str, Any], report: int) -> int:
    """One sync in this process; its points are written to the descriptor `report` at the end."""
    found = settings.load(order["environment"], None)
    engine = connect(found.database_url)
    points = Points(order["point"])
    points.watch(engine)
    rules = Rules(found.spill_days, found.last_look)
    clock = Clock(dt.datetime.fromisoformat(order["moment"]))
    result = sync.sync(found, engine, clock, rules, lambda *_: None)
    os.write(report, json.dumps({"points": points.passed, "requests": result.requests}).encode())
    return result.exit_code


def fork(order: dict[str, Any]) -> dict[str, Any]:
    """One sync in a child; what became of it."""
    receive, report = os.pipe()
    child = os.fork()
    if child == 0:
        status = 70
        try:
            status = run(order, report)
        finally:
            os._exit(status)
    os.close(report)
    _, ended = os.waitpid(child, 0)
    with os.fdopen(receive) as stream:
        told = json.loads(stream.read() or "{}")
    return {"status": os.waitstatus_to_exitcode(ended), **told}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(fork(json.loads(line))), flush=True)
