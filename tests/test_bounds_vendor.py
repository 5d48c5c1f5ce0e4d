"""A vendor that does not come to an end: the run does, and the next one completes."""

from __future__ import annotations

import contextlib
import datetime as dt
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.emulator import Book, Emulator, Fault, Faults
from tests.conftest import Start
from tests.job import Job
from tests.running import finish, start, wait_until

DAY = dt.date(2026, 3, 10)
LATER = dt.datetime(2026, 3, 12, 6, tzinfo=dt.UTC)
SYNC = ("sync", "--json", "--now", LATER.isoformat())
ONE_BYTE_A_SECOND = Fault("trickle", seconds=1.0)


@pytest.fixture
def job(start_server: Start, tmp_path: Path) -> Iterator[Job]:
    book = Book()
    book.add_generated("A", DAY, 350)
    with Emulator(book, now=lambda: LATER) as vendor:
        url = start_server("sqlite").create(at_head=True)
        made = Job(url, vendor, [f"A,{DAY},"], tmp_path)
        yield made
        made.engine.dispose()


def assert_next_run_completes(job: Job) -> None:
    job.vendor.behaviour.faults.clear()
    assert job.sync(LATER).exit_code == 0
    job.assert_equals_vendor()
    assert set(job.states().values()) == {"settled"}


def test_one_byte_a_second_ends_each_try_in_time(job: Job) -> None:
    job.vendor.behaviour.faults = Faults({ONE_BYTE_A_SECOND: 1.0})
    ended = finish(start(job.environment, *SYNC, timeout="0.3", max_attempts="2"))
    assert (ended.status, ended.result["status"], ended.result["requests"]) == (75, "incomplete", 4)
    assert "page 1, after 2 tries: " in ended.messages
    assert_next_run_completes(job)


def test_one_byte_a_second_ends_with_the_time_of_the_run(job: Job) -> None:
    job.vendor.behaviour.faults.order(None, None, *[ONE_BYTE_A_SECOND] * 9)
    ended = finish(start(job.environment, *SYNC, max_seconds="1", max_in_flight="1"))
    assert (ended.status, ended.result["rows"]["inserted"]) == (75, 200)
    assert "a request that was under way has been given up. The next run goes on from here." in ended.messages
    assert_next_run_completes(job)


def test_sigterm_waits_for_one_request_at_most(job: Job) -> None:
    job.vendor.behaviour.faults.order(None, None, *[ONE_BYTE_A_SECOND] * 9)
    process = start(job.environment, *SYNC, timeout="1", max_in_flight="1")
    wait_until(lambda: len(job.vendor.requests) >= 3)
    process.send_signal(signal.SIGTERM)
    ended = finish(process)
    assert (ended.status, ended.result["rows"]["inserted"]) == (75, 200)
    assert "Stopped before the end: SIGTERM came." in ended.messages
    assert_next_run_completes(job)


@contextlib.contextmanager
def dripping() -> Iterator[int]:
    """The port of a server whose head of an answer comes byte by byte and never ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.ExitStack() as threads:
        closing = threading.Event()

        def drip(client: socket.socket) -> None:
            with client, contextlib.suppress(OSError):
                client.sendall(b"HTTP/1.1 200 OK\r\nX-Never-Ends: ")
                while not closing.wait(0.05):
                    client.sendall(b".")

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    thread = threading.Thread(target=drip, args=(client,))
                    thread.start()
                    threads.callback(thread.join)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            closing.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_a_head_that_never_ends(job: Job) -> None:
    with dripping() as port:
        url = f"http://127.0.0.1:{port}/"
        ended = finish(start(job.environment, *SYNC, api_url=url, timeout="0.3", max_attempts="1"))
    assert (ended.status, ended.result["requests"]) == (75, 2)
    assert_next_run_completes(job)
