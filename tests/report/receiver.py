"""What reports are sent to: a tiny HTTP server that remembers what it received."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PATH = "/ping/6c1a0c5e-the-secret-part"


@dataclass(frozen=True)
class Received:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """`requests`: those received, in order. `behave` is called for each: it returns an HTTP status, or fails."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.statuses: list[int] = []  # the statuses of the next answers; then 200
        self.location: str | None = None
        self.silent = False  # takes a request and does not answer
        self.trickles = False  # sends an answer byte by byte, for ever
        self.hold: int | None = None  # the number of the request whose answer waits until `release`
        self.release = threading.Event()
        self.closing = threading.Event()
        self._server = _Server(self)
        self.port = self._server.server_port

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ping_url(self) -> str:
        """A ping URL as a monitor gives it, with its secret part."""
        return self.url + PATH

    @property
    def pings(self) -> list[str]:
        """The pings received: what followed the ping URL in each."""
        return [request.path.removeprefix(PATH) for request in self.requests if request.path.startswith(PATH)]

    @contextmanager
    def running(self) -> Iterator[Receiver]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield self
        finally:
            self.closing.set()
            self.release.set()
            self._server.shutdown()
            thread.join()
            self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that server_close waits for them

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        super().__init__(("127.0.0.1", 0), _Handler)

    def server_bind(self) -> None:
        # HTTPServer would ask the resolver for a name for this address.
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def answer(self) -> None:
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        receiver.requests.append(Received(self.command, self.path, dict(self.headers), body))
        if len(receiver.requests) == receiver.hold:
            receiver.release.wait()
        if receiver.silent:
            receiver.closing.wait()
        elif receiver.trickles:
            self.trickle(receiver.closing)
        else:
            self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
            if receiver.location:
                self.send_header("Location", receiver.location)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"OK")

    do_GET = do_POST = answer  # noqa: N815  (http.server's names)

    def trickle(self, closing: threading.Event) -> None:
        """Send an answer whose end nobody waits for."""
        with suppress(OSError):
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not closing.wait(0.05):
                self.wfile.write(b"x")

    def log_message(self, *_: object) -> None:
        pass
