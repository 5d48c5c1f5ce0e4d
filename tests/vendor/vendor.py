"""A server on loopback that answers as a test tells it to, and what else the client needs."""

from __future__ import annotations

import datetime as dt
import itertools
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import simplejson

from etl.errors import EtlError, RunEnded
from etl.settings import Settings, load
from etl.vendor.client import Client, Question
from etl.vendor.signing import Signature
from etl.vendor.transport import Answer, Transport
from tests.running import HANG

CERTIFICATE = Path(__file__).with_name("loopback.pem")
DAY = dt.date(2026, 11, 20)
QUESTION = Question("101713775788", DAY)
KEY, SECRET = "fme2na3kdi3ki", "abciiiko2k3"
PAUSE = 0.02
"""Seconds between two bytes of an answer that trickles in."""


def row(number: int = 1, /, **fields: Any) -> dict[str, Any]:
    """A row as the vendor's page documents it; a field that is passed as None is left out."""
    documented = {
        "messageId": f"33f7c158a4194abe9ccdf3eac34a8422-{number:06d}",
        "batchNo": "101713775788",
        "phone": f"8498{number:07d}",
        "checkLevel": 1,
        "preCheck": "YES",
        "regionCode": "VN",
        "countryCode": "84",
        "nationalNumber": f"98{number:07d}",
        "standNumber": f"+8498{number:07d}",
        "numberType": 2,
        "carrier": "Viettel",
        "price": Decimal("0.0012"),
        "currency": "VND",
    }
    return {name: value for name, value in (documented | fields).items() if value is not None}


def page(*rows: object, total: object = None, **more: Any) -> bytes:
    """A successful answer with these rows."""
    size = len(rows) if total is None else total
    data = {"result": rows, "totalSize": size, "totalPage": 1, "pageSize": 100, "page": 1}
    return as_bytes({"msg": "Request successful", "code": 0, "data": data | more})


def refusal(code: object, words: str = "", **more: Any) -> bytes:
    """An answer with another result code."""
    return as_bytes({"msg": words, "code": code, "data": {}} | more)


def as_bytes(value: object) -> bytes:
    """JSON as UTF-8."""
    return simplejson.dumps(value, use_decimal=True, ensure_ascii=False).encode()


GOOD = page(row(1), row(2))

Now = Callable[[], float]


@dataclass(frozen=True)
class Reply:
    """An answer. `raw`, if given, writes all of it, and then the connection ends."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: Callable[[Any], None] | None = None
    date: str | None = "now"


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: bytes


class Vendor(ThreadingHTTPServer):
    """Sends `replies` one after the other, and repeats the last one for ever."""

    daemon_threads = False  # so that server_close waits for them

    def __init__(self, *replies: Reply | bytes, tls: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies = [Reply(reply) if isinstance(reply, bytes) else reply for reply in replies]
        self.requests: list[Request] = []
        self.connections = 0
        self.ended = threading.Event()
        self.lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE)
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.server_port}/api/number/query"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.shutdown()
        for connection in list(self._open):
            with suppress(OSError):  # the client may have closed it first
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()
        self._thread.join()

    def reply(self) -> Reply:
        """The reply to the next request."""
        with self.lock:
            return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report nothing: these tests are about clients that disconnect."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Vendor

    def setup(self) -> None:
        super().setup()
        with self.server.lock:
            self.server.connections += 1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append(Request(self.path, dict(self.headers), body))
        reply = self.server.reply()
        if reply.raw is not None:
            self.close_connection = True
            reply.raw(self)
            return
        self.send_response_only(reply.status)
        if reply.date is not None:
            self.send_header("Date", self.date_time_string() if reply.date == "now" else reply.date)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(reply.body))}
        for name, value in (headers | reply.headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


def trickle(text: bytes, at_once: int = 0) -> Callable[[Any], None]:
    """Writes the first `at_once` bytes of `text` together, and the rest byte by byte."""
    return _bytewise(text[:at_once], text[at_once:])


def endless(start: bytes, again: bytes = b"x", each: Callable[[], None] = lambda: None) -> Callable[[Any], None]:
    """Writes `start`, then repeats `again` byte by byte until the test is over; calls `each` before every byte."""
    return _bytewise(start, itertools.cycle(again), each)


def _bytewise(start: bytes, rest: Iterable[int], each: Callable[[], None] = lambda: None) -> Callable[[Any], None]:
    def write(handler: _Handler) -> None:
        handler.wfile.write(start)
        for byte in rest:
            if handler.server.ended.wait(PAUSE):
                return
            each()
            handler.wfile.write(bytes([byte]))

    return write


def silent(handler: Any) -> None:
    """Writes nothing until the test is over."""
    handler.server.ended.wait()


@dataclass
class Gate:
    """A gate that lets every request through and never waits."""

    left: float | None = None
    most: int | None = None
    pause_ends_run: bool = False
    taken: int = 0
    pauses: list[float] = field(default_factory=list)
    slowed: list[float] = field(default_factory=list)

    def take(self) -> None:
        if self.most is not None and self.taken >= self.most:
            raise RunEnded("The bound is reached.")
        self.taken += 1

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if self.pause_ends_run:
            raise RunEnded("A signal came.")

    def slow_down(self, seconds: float) -> None:
        self.slowed.append(seconds)

    def seconds_left(self) -> float | None:
        return self.left


def settings(url: str, **more: object) -> Settings:
    """Settings for a client of this URL. Other settings are passed by their names in lower case."""
    given = {"access_key": KEY, "access_secret": SECRET, "api_url": url, "timeout": HANG} | more
    return load({f"NUMBERCHECK_{name.upper()}": str(value) for name, value in given.items()}, dotenv=None)


def client(url: str, gate: Gate | None = None, now: Now = time.time, **more: object) -> Client:
    return Client(settings(url, **more), gate or Gate(), now)


@contextmanager
def transport(url: str, connections: int = 2, now: Now = time.time) -> Iterator[Transport]:
    made = Transport(url, connections, now)
    try:
        yield made
    finally:
        made.close()


def post(url: str, seconds: float = HANG, now: Now = time.time) -> Answer:
    """The answer to one request."""
    with transport(url, now=now) as sending:
        return sending.post(b'{"page":1}', Signature(KEY, SECRET), seconds)


def ask(
    *replies: Reply | bytes,
    gate: Gate | None = None,
    question: Question = QUESTION,
    now: Now = time.time,
    **more: object,
) -> Any:
    """The resulting page or error, and the vendor that was asked."""
    with Vendor(*replies) as vendor, client(vendor.url, gate, now, **more) as asking:
        try:
            return asking.ask(question), vendor
        except EtlError as error:
            return error, vendor
