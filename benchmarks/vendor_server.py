"""The vendor's endpoint with every page generated before the first request: a server that slows down no client.

It reads only the body of a request (batchNo, date, page, pageSize), not the headers, and answers from memory;
`etl.emulator` is the one that checks everything. A batch day that it does not know has no rows. As a process of
its own, it prints its URL when it is ready, and ends when its standard input is closed:

    python -m benchmarks.vendor_server [--rows 100000] [--batches 50] [--days 14]
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import re
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import simplejson

from etl.emulator import Behaviour
from etl.emulator.decide import SUCCESS_WORDS
from etl.emulator.generator import GeneratedDay

PAGE_SIZE = 100
LENGTH = re.compile(rb"(?i)\r\ncontent-length: *([0-9]+)")


class Load(NamedTuple):
    """How many rows, in how many batches, on how many days up to today (the vendor's)."""

    rows: int = 100_000
    batches: int = 50
    days: int = 14

    def batch_days(self) -> Iterator[GeneratedDay]:
        """The batch days: within one day, always the same ones with the same rows."""
        today = dt.datetime.now(Behaviour().timezone).date()
        for number in range(self.batches):
            count = self.rows // self.batches + (number < self.rows % self.batches)
            yield GeneratedDay(f"T{number:04d}", today - dt.timedelta(days=number % self.days), count)

    def listed(self) -> list[tuple[str, dt.date]]:
        """Batch numbers and dates."""
        return [(day.batch_no, day.date) for day in self.batch_days()]


def envelope(rows: list[dict[str, Any]], total: int, page: int, size: int) -> bytes:
    data = {"result": rows, "totalSize": total, "totalPage": -(-total // size), "pageSize": size, "page": page}
    return simplejson.dumps(
        {"msg": SUCCESS_WORDS, "code": 0, "data": data}, ensure_ascii=False, use_decimal=True
    ).encode()


class Pages:
    """Answers by what is asked for. From the second time on, an answer is found by the bytes of its request."""

    def __init__(self, load: Load) -> None:
        self._answers: dict[tuple[str, str, int], bytes] = {}
        self._totals: dict[tuple[str, str], int] = {}
        self._by_body: dict[bytes, bytes] = {}
        for day in load.batch_days():
            rows = [day.row(index).fields for index in range(len(day))]
            self._totals[day.batch_no, str(day.date)] = len(rows)
            for start in range(0, len(rows), PAGE_SIZE):
                page = start // PAGE_SIZE + 1
                answer = envelope(rows[start : start + PAGE_SIZE], len(rows), page, PAGE_SIZE)
                self._answers[day.batch_no, str(day.date), page] = answer

    def answer(self, body: bytes) -> bytes:
        """The head (except the date) and the content of the response."""
        if body not in self._by_body:
            self._by_body[body] = self._make(json.loads(body))
        return self._by_body[body]

    def _make(self, asked: dict[str, Any]) -> bytes:
        if asked["pageSize"] != PAGE_SIZE:
            raise SystemExit(f"this server has pages of {PAGE_SIZE} rows only, not of {asked['pageSize']}")
        content = self._answers.get((asked["batchNo"], asked["date"], asked["page"]))
        if content is None:
            total = self._totals.get((asked["batchNo"], asked["date"]), 0)
            content = envelope([], total, asked["page"], PAGE_SIZE)
        head = f"Content-Type: application/json;charset=UTF-8\r\nContent-Length: {len(content)}\r\n\r\n"
        return head.encode() + content


class Connections:
    """Every connection in one thread: reads requests, writes answers, keeps connections open."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._selector = selectors.DefaultSelector()
        self._received: dict[socket.socket, bytes] = {}
        self._head = b""
        self._next_second = 0.0

    def run(self, listener: socket.socket) -> None:
        """Serve until standard input is closed."""
        self._selector.register(listener, selectors.EVENT_READ, self._accept)
        self._selector.register(sys.stdin, selectors.EVENT_READ, None)
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return
                key.data(key.fileobj)

    def _accept(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**20)  # a page leaves in one piece
        self._received[connection] = b""
        self._selector.register(connection, selectors.EVENT_READ, self._read)

    def _read(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(2**16)
            if data:
                self._received[connection] = self._reply(connection, self._received[connection] + data)
                return
        except ConnectionError:
            pass
        self._selector.unregister(connection)
        del self._received[connection]
        connection.close()

    def _reply(self, connection: socket.socket, received: bytes) -> bytes:
        """Answer the complete requests that were received. Returns the remaining bytes."""
        while (end := received.find(b"\r\n\r\n") + 4) > 3:
            length = LENGTH.search(received, 0, end)
            stop = end + (int(length[1]) if length else 0)
            if len(received) < stop:
                break
            parts = [self._date(), self._pages.answer(received[end:stop])]
            sent = connection.sendmsg(parts)
            if sent < sum(map(len, parts)):
                connection.sendall(b"".join(parts)[sent:])
            received = received[stop:]
        return received

    def _date(self) -> bytes:
        now = time.time()
        if now >= self._next_second:
            self._head = f"HTTP/1.1 200 OK\r\nDate: {formatdate(now, usegmt=True)}\r\n".encode()
            self._next_second = int(now) + 1
        return self._head


@contextlib.contextmanager
def running(load: Load) -> Iterator[str]:
    """Run the server as a process of its own. Yields its URL."""
    options = [f"--{name}={value}" for name, value in load._asdict().items()]
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.vendor_server", *options],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(20)


def speed(url: str, load: Load, requests: int = 10_000) -> float:
    """Pages a second to one client that does almost nothing itself: the most that the server can deliver."""
    batch, date = load.listed()[0]
    asked = json.dumps({"batchNo": batch, "date": str(date), "page": 1, "pageSize": PAGE_SIZE}).encode()
    request = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(asked), asked)
    received = bytearray(2**20)
    with socket.create_connection((urlsplit(url).hostname, urlsplit(url).port)) as connection:
        began = time.perf_counter()
        for _ in range(requests):
            connection.sendall(request)
            got = connection.recv_into(received)
            end = received.index(b"\r\n\r\n") + 4
            length = LENGTH.search(received, 0, end)
            left = end + (int(length[1]) if length else 0) - got
            while left > 0:
                left -= connection.recv_into(received)
        return requests / (time.perf_counter() - began)


def main() -> None:
    """Generate the pages and serve them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in Load()._asdict().items():
        parser.add_argument(f"--{name}", type=int, default=default)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the benchmark ends it
    pages = Pages(Load(**vars(parser.parse_args())))
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}/api/number/query", flush=True)
        Connections(pages).run(listener)


if __name__ == "__main__":
    main()
