"""Runs syncs that kill themselves, kill -9, at a chosen point (see dying.py).

An order holds `point` (None: do not die), `requests_only`, `environment` and `moment`; its report says how many
points the run passed. There is a point before and after each request and, unless `requests_only` is set, before
each statement, and before and after each commit.
"""

from __future__ import annotations

import datetime as dt
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from etl import settings
from etl.clock import Clock
from etl.core.planning import Rules
from etl.database.engine import connect
from etl.run import job
from etl.vendor.transport import Transport
from tests.dying import Order, serve


class Points:
    """Counts the points that were passed, and kills the process at the chosen one."""

    def __init__(self, point: int | None) -> None:
        self.passed = 0
        self._point = point
        self._lock = threading.Lock()

    def pass_one(self, *_: Any, **__: Any) -> None:
        with self._lock:  # otherwise two threads at once could pass a point unseen
            if self.passed == self._point:
                os.kill(os.getpid(), signal.SIGKILL)
            self.passed += 1

    def watch_database(self, engine: sa.Engine) -> None:
        """Put points around everything that touches the database."""
        sa.event.listen(engine, "before_cursor_execute", self.pass_one)
        sa.event.listen(engine, "commit", self.pass_one)
        commit = engine.dialect.do_commit
        engine.dialect.do_commit = self._after(commit)  # type: ignore[method-assign]

    @contextmanager
    def around_requests(self) -> Iterator[None]:
        """Put points around everything that touches the network."""
        post = Transport.post

        def watched(transport: Transport, *args: Any, **given: Any) -> Any:
            self.pass_one()
            answer = post(transport, *args, **given)
            self.pass_one()
            return answer

        Transport.post = watched  # type: ignore[method-assign]
        try:
            yield
        finally:
            Transport.post = post  # type: ignore[method-assign]

    def _after(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any) -> None:
            function(*args)
            self.pass_one()

        return wrapped


def run(order: Order) -> tuple[int, Order]:
    """One sync in this process."""
    found = settings.load(order["environment"], None)
    engine, points = connect(found.database_url), Points(order["point"])
    if not order["requests_only"]:
        points.watch_database(engine)
    rules = Rules(found.spill_days, found.last_look)
    clock = Clock(dt.datetime.fromisoformat(order["moment"]))
    with points.around_requests():
        result = job.sync(found, engine, clock, rules, lambda *_: None)
    engine.dispose()
    return result.exit_code, {"points": points.passed}


if __name__ == "__main__":
    serve(run)
