"""A server on loopback that answers what a test tells it to, and what the client needs around it."""

from __future__ import annotations

import datetime as dt
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import simplejson

from etl.api.client import Client, Question
from etl.api.signing import Signature
from etl.api.transport import Answer, Transport
from etl.errors import EtlError, RunEnded
from etl.settings import Settings, load

CERTIFICATE = Path(__file__).with_name("loopback.pem")
DAY = dt.date(2026, 11, 20)
QUESTION = Question("101713775788", DAY)
KEY, SECRET = "fme2na3kdi3ki", "abciiiko2k3"


def row(number: int = 1, /, **fields: Any) -> dict[str, Any]:
    """A row as the vendor's page documents it; a field given as None is left out."""
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


@dataclass(frozen=True)
class Reply:
    """`raw` writes the whole answer itself and ends the connection."""

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
    arrived: float


class Vendor(ThreadingHTTPServer):
    """Answers `replies` one after the other, the last one for ever."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, *replies: Reply | bytes, tls: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies = [Reply(reply) if isinstance(reply, bytes) else reply for reply in replies]
        self.requests: list[Request] = []
        self.connections = 0
        self.ended = threading.Event()
        self.lock = threading.Lock()
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE)
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.server_port}/api/number/query"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are what these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Vendor

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            arrived = dt.datetime.now(dt.UTC).timestamp()
            self.server.requests.append(Request(self.path, dict(self.headers), body, arrived))
            replies = self.server.replies
            reply = replies.pop(0) if len(replies) > 1 else replies[0]
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
        """Say nothing."""


def trickle(text: bytes, at_once: int = 0, seconds: float = 0.02) -> Callable[[Any], None]:
    """Writes `text` byte by byte, the first `at_once` bytes together, until the test is over."""

    def write(handler: _Handler) -> None:
        handler.wfile.write(text[:at_once])
        for byte in text[at_once:]:
            if handler.server.ended.wait(seconds):
                return
            handler.wfile.write(bytes([byte]))

    return write


@dataclass
class Gate:
    """Lets every request through and waits for nothing."""

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
    """Settings for a client of this URL; further ones by their names in lower case."""
    given = {"access_key": KEY, "access_secret": SECRET, "api_url": url, "timeout": 5} | more
    return load({f"NUMBERCHECK_{name.upper()}": str(value) for name, value in given.items()}, dotenv=None)


def client(url: str, gate: Gate | None = None, **more: object) -> Client:
    return Client(settings(url, **more), gate or Gate())


def post(url: str, seconds: float = 5) -> Answer:
    """What one request brings."""
    transport = Transport(url, 2)
    try:
        return transport.post(b'{"page":1}', Signature(KEY, SECRET), seconds)
    finally:
        transport.close()


def ask(*replies: Reply | bytes, gate: Gate | None = None, question: Question = QUESTION, **more: object) -> Any:
    """The page or the error, and the vendor that was asked."""
    with Vendor(*replies) as vendor, client(vendor.url, gate, **more) as asking:
        try:
            return asking.ask(question), vendor
        except EtlError as error:
            return error, vendor
