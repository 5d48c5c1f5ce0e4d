"""A vendor whose answers never end: the run ends all the same, and the next one completes."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from etl.emulator import Book, Emulator, Fault, Faults
from etl.emulator.server import Server
from etl.run.gate import Gate
from etl.web import bounded
from tests.clocks import HandSet
from tests.conftest import Start
from tests.job import Job
from tests.running import HANG, finish, start

DAY = dt.date(2026, 3, 10)
LATER = dt.datetime(2026, 3, 12, 6, tzinfo=dt.UTC)
SYNC = ("sync", "--json", "--now", LATER.isoformat())
LIMIT = 3000
"""Seconds, on a clock that moves on with each byte of an answer that trickles in, up to this limit."""
TRICKLE = Fault("trickle", seconds=LIMIT / 4)


@pytest.fixture
def job(start_server: Start, tmp_path: Path) -> Iterator[Job]:
    book = Book()
    book.add_generated("A", DAY, 350)
    with Emulator(book, now=lambda: LATER) as vendor:
        url = start_server("sqlite").create(at_head=True)
        made = Job(url, vendor, [f"A,{DAY},"], tmp_path, max_in_flight="1")
        yield made
        made.engine.dispose()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> HandSet:
    """The clock that runs and requests in this process use."""
    clock = HandSet()

    def wait(server: Server, seconds: float) -> bool:
        clock.now = max(clock.now, min(clock.now + seconds, LIMIT))
        return server.closing.wait(0.02)

    monkeypatch.setattr(Server, "wait", wait)
    monkeypatch.setattr(bounded, "monotonic", clock)
    monkeypatch.setattr("etl.run.job.Gate", partial(Gate, clock=clock, sleep=clock.sleep))
    return clock


class Third(Faults):
    """Lets two requests pass; the third is answered byte by byte, after a call of `before`."""

    def __init__(self, before: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self.order(None, None, TRICKLE)
        self._before = before

    def draw(self, batch_no: object = None, page: object = None) -> Fault | None:
        """Called for each request."""
        fault = super().draw(batch_no, page)
        if fault:
            self._before()
        return fault


def assert_next_run_completes(job: Job) -> None:
    job.vendor.behaviour.faults.clear()
    assert job.sync(LATER).exit_code == 0
    job.assert_equals_vendor()
    assert set(job.states().values()) == {"settled"}


def test_one_byte_a_second_ends_each_try_in_time(job: Job) -> None:
    job.vendor.behaviour.faults = Faults({Fault("trickle", seconds=1.0): 1.0})
    ended = finish(start(job.environment, *SYNC, timeout="0.3", max_attempts="2"))
    assert (ended.status, ended.result["status"], ended.result["requests"]) == (75, "incomplete", 4)
    assert "page 1, after 2 tries: " in ended.messages
    assert_next_run_completes(job)


def test_an_answer_that_trickles_in_ends_with_the_time_of_the_run(job: Job, clock: HandSet) -> None:
    job.vendor.behaviour.faults = Third()
    result = job.sync(LATER, max_seconds=str(LIMIT), timeout="3600")
    assert (result.exit_code, result.rows.inserted, clock.now) == (75, 200, LIMIT)
    [reason] = map(str, result.reasons)
    assert reason.endswith("a request that was under way was abandoned. The next run goes on from here.")
    assert_next_run_completes(job)


@pytest.fixture
def _sigterm_ends_no_tests() -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("_sigterm_ends_no_tests")
def test_sigterm_waits_for_one_request_at_most(job: Job, clock: HandSet, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = threading.Event()

    class Hearing(Gate):
        def stop(self, reason: str) -> None:
            super().stop(reason)
            heard.set()

    def terminate() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        heard.wait(HANG)

    monkeypatch.setattr("etl.run.job.Gate", partial(Hearing, clock=clock, sleep=clock.sleep))
    job.vendor.behaviour.faults = Third(terminate)
    result = job.sync(LATER, timeout=str(LIMIT))
    assert (result.exit_code, result.rows.inserted, clock.now) == (75, 200, LIMIT)
    [reason] = map(str, result.reasons)
    assert reason == "Stopped before the end: SIGTERM was received. The next run goes on from here."
    assert len(job.vendor.requests) == 3
    assert_next_run_completes(job)


@contextlib.contextmanager
def dripping() -> Iterator[int]:
    """The port of a server that sends the head of its answer byte by byte, without an end."""
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
