"""A request as a whole ends in time, wherever the other side is slow.

No answer here ends by itself: if `post` returns, the limit has ended it. Where answers trickle in, the limit is
counted by a clock that the other side moves on, to the end of the limit and not beyond.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from etl.vendor.outcomes import Trouble
from etl.vendor.signing import Signature
from etl.web.processor import PROCESSOR
from tests.clocks import HandSet
from tests.vendor.vendor import CERTIFICATE, PAUSE, Reply, Vendor, endless, post, silent, transport, trickle

SOON = 0.3
"""Seconds: the limit of requests for which no clock can be moved, because no byte arrives."""
LIMIT = 3000.0
"""Seconds: the limit of the others, by a clock that is moved on by quarters; the real one never gets that far."""

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500000\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def passing(clock: HandSet) -> Callable[[], None]:
    """Lets the limit pass while an answer trickles in."""

    def move() -> None:
        clock.now = min(clock.now + LIMIT / 4, LIMIT)

    return move


@pytest.mark.parametrize(
    ("start", "again"),
    [
        (b"", b"HTTP/1.1 200 OK"),
        (HEAD, b"x"),
        (HEAD + b"x" * 70_000, b"x"),
        (CHUNKED, b"1\r\nx\r\n"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["status line", "body", "later in the body", "chunks", "interim answers"],
)
def test_an_answer_that_trickles_in_ends_in_time(clock: HandSet, start: bytes, again: bytes) -> None:
    with Vendor(Reply(raw=endless(start, again, passing(clock)))) as vendor:
        answer = post(vendor.url, LIMIT)
    assert (answer.trouble, clock.now) == (Trouble.TIMED_OUT, LIMIT)


def test_an_answer_that_trickles_in_over_tls_ends_in_time(clock: HandSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATE))
    with Vendor(Reply(raw=endless(HEAD, each=passing(clock))), tls=True) as vendor:
        answer = post(vendor.url, LIMIT)
    assert (answer.trouble, clock.now) == (Trouble.TIMED_OUT, LIMIT)


def test_a_vendor_that_takes_a_request_and_says_nothing() -> None:
    with Vendor(Reply(raw=silent)) as vendor:
        assert post(vendor.url, SOON).trouble is Trouble.TIMED_OUT


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_that_accepts_and_says_nothing(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        answer = post(f"{scheme}://127.0.0.1:{server.getsockname()[1]}/", SOON)
    assert (answer.status, answer.trouble) == (None, Trouble.TIMED_OUT)


def test_the_processor_is_free_while_anything_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def look_up(*given: Any) -> Any:
        seen.append(PROCESSOR.locked())
        return looked_up(*given)

    def answer(handler: Any) -> None:
        seen.append(PROCESSOR.locked())
        trickle(HEAD.replace(b"500000", b"5") + b"xxxxx")(handler)

    looked_up = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with Vendor(Reply(raw=answer)) as vendor:
        assert post(vendor.url).body == b"xxxxx"
    assert (len(seen) >= 2, any(seen), PROCESSOR.locked()) == (True, False, False)


def test_a_slow_answer_within_the_limit_is_read() -> None:
    head = HEAD.replace(b"500000", b"5")
    with Vendor(Reply(raw=trickle(head + b"xxxxx", at_once=len(head)))) as vendor:
        assert post(vendor.url).body == b"xxxxx"


def test_a_connection_that_timed_out_is_not_used_again(clock: HandSet) -> None:
    given_up = threading.Event()

    def late(handler: Any) -> None:
        clock.now = LIMIT
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-")
        while not (given_up.is_set() or handler.server.ended.wait(PAUSE)):
            pass
        handler.wfile.write(b"Length: 4\r\n\r\nlate")

    with Vendor(Reply(raw=late), b"next") as vendor, transport(vendor.url, 1) as sending:
        assert sending.post(b"{}", Signature("key", "secret"), LIMIT).trouble is Trouble.TIMED_OUT
        given_up.set()
        assert sending.post(b"{}", Signature("key", "secret"), LIMIT).body == b"next"


@contextmanager
def trickling(each: Callable[[], None]) -> Iterator[int]:
    """The port of a server whose answer to the first client never ends; it calls `each` before every byte."""
    ended = threading.Event()

    def serve() -> None:
        with suppress(OSError), server.accept()[0] as connection:
            while not ended.wait(PAUSE):
                each()
                connection.sendall(b"H")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            ended.set()
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_a_proxy_that_trickles(clock: HandSet, monkeypatch: pytest.MonkeyPatch) -> None:
    with trickling(passing(clock)) as port:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        answer = post("https://vendor.invalid/path", LIMIT)
    assert answer.trouble in (Trouble.TIMED_OUT, Trouble.PROXY)
    assert clock.now == LIMIT
