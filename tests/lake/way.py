"""A server before a storage, which passes some requests on and then does something else (see storage.py)."""

from __future__ import annotations

import http.client
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_ERROR = "<?xml version='1.0'?><Error><Code>{0}</Code><Message>{0}, AKID-TEST</Message></Error>"
ANSWERS = {"refuse": (403, "InvalidAccessKeyId"), "gone": (404, "NoSuchBucket"), "error": (500, "InternalError")}


class Way(ThreadingHTTPServer):
    """Passes requests on to a port; after so many (`after`), it does what `fault` says instead."""

    daemon_threads = True

    def __init__(self, port: int, fault: str, after: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind = port
        self.fault = fault
        self.left = after
        self.lock = threading.Lock()

    def passes(self) -> bool:
        """Whether this request is passed on."""
        with self.lock:
            self.left -= 1
            return self.left >= 0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Way

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.passes():
            self._pass_on(body)
        elif self.server.fault == "hold":
            threading.Event().wait()
        else:
            status, code = ANSWERS[self.server.fault]
            self._send(status, {}, _ERROR.format(code).encode())

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _answer  # noqa: N815

    def _pass_on(self, body: bytes) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.behind)
        connection.request(self.command, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        self._send(answer.status, dict(answer.headers), content)

    def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        dropped = ("transfer-encoding", "connection", "server", "date")
        for name, value in headers.items():
            if name.lower() not in dropped:
                self.send_header(name, value)
        if "content-length" not in {name.lower() for name in headers}:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing."""


if __name__ == "__main__":
    with Way(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])) as way:
        print(way.server_address[1], flush=True)  # noqa: T201  (its answer)
        way.serve_forever()
