"""A request ends in time as a whole, wherever the other side dawdles."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from etl.api.outcomes import Trouble
from etl.api.signing import Signature
from etl.api.transport import Transport
from tests.api.vendor import CERTIFICATE, Reply, Vendor, post, trickle

SOON = 0.3
LATE = 1.5
"""Seconds: the limit of a request, and what the answers here would take at least without one."""


@contextmanager
def in_time() -> Iterator[None]:
    start = time.monotonic()
    yield
    assert SOON * 0.9 <= time.monotonic() - start < LATE


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 500


@pytest.mark.parametrize(
    "raw",
    [
        trickle(HEAD + b"x" * 500),
        trickle(HEAD + b"x" * 500, at_once=len(HEAD)),
        trickle(HEAD + b"x" * 500, at_once=len(HEAD) + 400),
        trickle(CHUNKED, at_once=60),
        trickle(b"HTTP/1.1 100 Continue\r\n\r\n" * 500, at_once=25),
        trickle(b"x", seconds=60),
    ],
    ids=["status line", "body", "end of the body", "chunks", "interim answers", "nothing"],
)
def test_an_answer_that_trickles_in_ends_in_time(raw: Callable[[Any], None]) -> None:
    with Vendor(Reply(raw=raw)) as vendor, in_time():
        answer = post(vendor.url, SOON)
    assert answer.trouble is Trouble.TIMED_OUT


def test_an_answer_that_trickles_in_over_tls_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATE))
    with Vendor(Reply(raw=trickle(HEAD + b"x" * 500, at_once=len(HEAD))), tls=True) as vendor:
        with in_time():
            answer = post(vendor.url, SOON)
        assert answer.trouble is Trouble.TIMED_OUT
        assert post(vendor.url, SOON).trouble is Trouble.TIMED_OUT


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_that_accepts_and_says_nothing(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, in_time():
        answer = post(f"{scheme}://127.0.0.1:{server.getsockname()[1]}/", SOON)
    assert (answer.status, answer.trouble) == (None, Trouble.TIMED_OUT)


def test_a_slow_answer_within_the_limit_is_read() -> None:
    with Vendor(Reply(raw=trickle(HEAD.replace(b"500", b"5") + b"x" * 5, at_once=len(HEAD)))) as vendor:
        assert post(vendor.url).body == b"xxxxx"


def test_a_connection_that_timed_out_is_not_used_again() -> None:
    late = Reply(raw=trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate", seconds=0.02))
    with Vendor(late, b"next") as vendor:
        transport = Transport(vendor.url, 1)
        assert transport.post(b"{}", Signature("key", "secret"), 0.1).trouble is Trouble.TIMED_OUT
        assert transport.post(b"{}", Signature("key", "secret"), 5).body == b"next"
        transport.close()


def test_a_proxy_that_trickles(monkeypatch: pytest.MonkeyPatch) -> None:
    def serve(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, server:
            try:
                for _ in range(100):
                    connection.sendall(b"H")
                    time.sleep(0.02)
            except OSError:
                return

    server = socket.create_server(("127.0.0.1", 0))
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{server.getsockname()[1]}")
    thread = threading.Thread(target=serve, args=(server,))
    thread.start()
    with in_time():
        answer = post("https://vendor.invalid/path", SOON)
    thread.join()
    assert answer.trouble in (Trouble.TIMED_OUT, Trouble.PROXY)
