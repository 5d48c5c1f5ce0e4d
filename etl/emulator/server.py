"""The HTTP side: a threaded HTTP/1.1 server on 127.0.0.1 that keeps connections open."""

from __future__ import annotations

import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import TCPServer, ThreadingMixIn

from etl.emulator.replies import Reply

LARGEST_BODY = 1_000_000  # bytes
_LINGER_AND_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as it was received; `started` is on the monotonic clock, header names are in lower case."""

    started: float
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None  # None: its length is missing, invalid or too large


Respond = Callable[[Incoming], tuple[Reply, Callable[[], None]]]


class Server(ThreadingMixIn, HTTPServer):
    """`respond` returns the reply to a request, and a function to call once the reply has been sent."""

    daemon_threads = False  # so that server_close waits for them
    request_queue_size = 128

    def __init__(self, port: int, respond: Respond, clock: Callable[[], float]) -> None:
        self.respond, self.clock = respond, clock
        self.closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._to_reset: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def server_bind(self) -> None:
        # HTTPServer would ask the resolver for the name of this address.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def run(self) -> None:
        self.serve_forever(poll_interval=0.02)

    def stop(self) -> None:
        """End every connection, and wait for the threads that served them."""
        self.closing.set()
        self.shutdown()
        for connection in list(self._open):
            with suppress(OSError):  # the client may have closed it first
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def wait(self, seconds: float) -> bool:
        """Wait for `seconds`; True if the server ends before they have passed."""
        return self.closing.wait(seconds)

    def process_request(self, request, client_address) -> None:  # type: ignore[no-untyped-def]
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request) -> None:  # type: ignore[no-untyped-def]
        self._open.discard(request)
        if request in self._to_reset:
            self._to_reset.discard(request)
            request.close()  # without a shutdown first, so that the client sees a reset
        else:
            super().shutdown_request(request)

    def handle_error(self, request, client_address) -> None:  # type: ignore[no-untyped-def]
        if not isinstance(sys.exception(), OSError):  # a client that disconnects is not worth reporting
            super().handle_error(request, client_address)

    def reset(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_AND_RESET)
        self._to_reset.add(connection)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body leave in one piece
    server: Server

    def parse_request(self) -> bool:
        self._started = time.monotonic()
        return super().parse_request()

    def _handle(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        incoming = Incoming(self._started, self.command, self.path, headers, self._read_body())
        if incoming.body is None:
            self.close_connection = True
        reply, sent = self.server.respond(incoming)
        try:
            if reply.delay > 0:
                self.server.wait(reply.delay)
            self._send(reply)
        finally:
            sent()

    do_POST = do_GET = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _handle  # noqa: N815  # as http.server looks for them

    def _read_body(self) -> bytes | None:
        length = self.headers.get("Content-Length")
        if length is None and self.command != "POST":
            return b""
        if length is None or not re.fullmatch("[0-9]{1,9}", length) or int(length) > LARGEST_BODY:
            return None
        return self.rfile.read(int(length))

    def _send(self, reply: Reply) -> None:
        if reply.manner == "reset":
            self.close_connection = True
            self.server.reset(self.connection)
            return
        self._send_head(reply)
        if reply.manner == "trickle":
            self._trickle(reply)
        elif reply.manner == "cut_short":
            self.wfile.write(reply.body[: len(reply.body) // 2])
            self.close_connection = True
        elif self.command != "HEAD":
            self.wfile.write(reply.body)
        self.wfile.flush()

    def _send_head(self, reply: Reply) -> None:
        self.send_response_only(reply.status)
        self.send_header("Date", self.date_time_string(self.server.clock()))
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def _trickle(self, reply: Reply) -> None:
        for position in range(len(reply.body)):
            self.wfile.write(reply.body[position : position + 1])
            self.wfile.flush()
            if self.server.wait(reply.pause):
                self.close_connection = True
                return

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing: requests are recorded in `Emulator.requests`."""
