"""The emulated vendor as one object: a book of rows behind an endpoint, with a record of all requests."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from etl.emulator.behaviour import Behaviour
from etl.emulator.book import Book
from etl.emulator.decide import Asked, Instant, answer, parse_leniently
from etl.emulator.order import Wanted, list_rows
from etl.emulator.replies import PATH, Reply, page_of_status, reply, throttled
from etl.emulator.server import Incoming, Server
from etl.emulator.wording import shown


def utcnow() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@dataclass(slots=True)
class Received:
    """A request that was received, and how it was answered.

    `started` and `finished` are seconds on the monotonic clock, `at` is the wall clock in UTC. `fault` is
    the kind of fault that was drawn for it, or `pace` for a request that came too early.
    """

    started: float
    at: dt.datetime
    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)  # names in lower case
    body: dict[str, Any] = field(repr=False)
    status: int | None = None  # None: no HTTP answer at all
    code: int | None = None
    fault: str | None = None
    finished: float | None = None


class Emulator:
    """Serves `book` on 127.0.0.1 as long as the `with` block lasts.

    With `port` 0 it takes a free port. `now` returns virtual time (aware), which decides the window, and which
    rows are listed and resolved. Timestamps of requests are checked against the real clock plus `clock_skew`.
    """

    def __init__(
        self,
        book: Book,
        *,
        port: int = 0,
        behaviour: Behaviour | None = None,
        now: Callable[[], dt.datetime] = utcnow,
    ) -> None:
        self.book = book
        self.behaviour = Behaviour() if behaviour is None else behaviour
        self.now = now
        self.port = port
        self.requests: list[Received] = []
        self._lock = threading.Lock()
        self._turn = 0
        self._last_start: dict[str, float] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{PATH}"

    def __enter__(self) -> Self:
        self._server = Server(self.port, self._respond, self._clock)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.run, name="emulator", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()
        self._thread.join()

    def clear(self) -> None:
        """Forget the requests received so far."""
        self.requests.clear()

    def held(
        self, batch_no: str, date: dt.date, at: dt.datetime | None = None, *, access_key: str | None = None
    ) -> list[dict[str, Any]]:
        """The rows of a batch day that are listed at that moment (default: now), in the order of listing.

        Each row is as the current wording and masking show it, with prices as `Decimal`. If several replicas
        answer, the order is that of the first.
        """
        now = self.now() if at is None else at
        account = self.book.account(access_key)
        listing = list_rows(account, Wanted(date, batch_no), now, self.behaviour.order)
        return [shown(row.at(now), self.behaviour.wording, self.behaviour.masked) for row in listing.rows()]

    def _clock(self) -> float:
        return time.time() + self.behaviour.clock_skew

    def _respond(self, incoming: Incoming) -> tuple[Reply, Callable[[], None]]:
        received = self._receive(incoming)
        made = self._reply(incoming, received)
        received.code = made.code
        received.status = None if made.manner == "reset" else made.status

        def sent() -> None:
            received.finished = time.monotonic()

        return made, sent

    def _receive(self, incoming: Incoming) -> Received:
        body = parse_leniently(incoming.body or b"")
        received = Received(incoming.started, utcnow(), incoming.method, incoming.path, incoming.headers, body)
        self.requests.append(received)
        return received

    def _reply(self, incoming: Incoming, received: Received) -> Reply:
        status = _refused_status(incoming)
        if status is not None:
            return page_of_status(status)
        turn = self._next_turn()
        if self._comes_too_early(incoming):
            received.fault = "pace"
            return throttled(self.behaviour)
        fault = self.behaviour.faults.draw(received.body.get("batchNo"), received.body.get("page"))
        received.fault = None if fault is None else fault.kind
        asked = Asked(incoming.headers, incoming.body or b"")
        moment = Instant(self.now(), self._clock(), turn)
        return reply(answer(asked, self.book, self.behaviour, moment, fault), self.behaviour, fault)

    def _next_turn(self) -> int:
        with self._lock:
            self._turn += 1
            return self._turn - 1

    def _comes_too_early(self, incoming: Incoming) -> bool:
        """Whether the pace check refuses a request. A refused request does not delay the next one."""
        key = incoming.headers.get("accesskey", "")
        least = self.behaviour.interval - self.behaviour.tolerance
        if self.behaviour.interval <= 0 or key not in self.book.accounts:
            return False
        with self._lock:
            last = self._last_start.get(key)
            if last is not None and incoming.started - last < least:
                return True
            self._last_start[key] = incoming.started
            return False


def _refused_status(incoming: Incoming) -> int | None:
    """The HTTP status that refuses a request which is not meant for this endpoint; None if it is."""
    if incoming.path.partition("?")[0] != PATH:
        return 404
    if incoming.method != "POST":
        return 405
    if incoming.body is None:
        return 411 if "content-length" not in incoming.headers else 413
    media_type = incoming.headers.get("content-type", "").partition(";")[0].strip().lower()
    return None if media_type == "application/json" else 415
