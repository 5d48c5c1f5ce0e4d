"""The command as in tests/cli, and a receiver to report to."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from etl.report import ping, within
from tests.cli.conftest import book, bytecode, command, inside, vendor
from tests.cli.support import Command
from tests.ports import closed_port
from tests.report import patient
from tests.report.receiver import PATH, Receiver
from tests.running import HANG

__all__ = ["book", "bytecode", "closed_port", "command", "inside", "vendor"]


@pytest.fixture(autouse=True)
def _no_work_is_left() -> Iterator[None]:
    """Let work that was abandoned because it took too long end before the next test."""
    yield
    for thread in threading.enumerate():
        if thread.name == within.THREAD:
            thread.join(HANG)
            assert not thread.is_alive()


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in patient.LIMITS:
        monkeypatch.setattr(module, name, HANG)
    monkeypatch.setattr(ping, "PAUSE", 0.0)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().running() as receiver:
        yield receiver


@pytest.fixture
def watched(inside: Command, receiver: Receiver) -> Command:
    """The command, reporting everything to `receiver` and into the file `numbercheck.prom`."""
    command = inside
    login = receiver.url.replace("://", "://pusher:p%40ss-w0rd@")
    command.environment |= {
        "NUMBERCHECK_PING_URL": receiver.ping_url,
        "NUMBERCHECK_PUSHGATEWAY_URL": login,
        "NUMBERCHECK_METRICS_FILE": str(command.directory / "numbercheck.prom"),
    }
    command.secrets += [PATH.rpartition("/")[2], "p%40ss-w0rd", "p@ss-w0rd"]
    command.module = patient.__name__
    return command
