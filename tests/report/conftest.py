"""The command as in tests/cli, and somebody to report to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.conftest import book, bytecode, command, inside, vendor
from tests.cli.support import Command
from tests.report.receiver import PATH, Receiver

__all__ = ["book", "bytecode", "command", "inside", "vendor"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().running() as receiver:
        yield receiver


@pytest.fixture
def watched(command: Command, receiver: Receiver) -> Command:
    """The command, which reports everything: to `receiver`, and into the file `numbercheck.prom`."""
    login = receiver.url.replace("://", "://pusher:p%40ss-w0rd@")
    command.environment |= {
        "NUMBERCHECK_PING_URL": receiver.ping_url,
        "NUMBERCHECK_PUSHGATEWAY_URL": login,
        "NUMBERCHECK_METRICS_FILE": str(command.directory / "numbercheck.prom"),
    }
    command.secrets += [PATH.rpartition("/")[2], "p%40ss-w0rd", "p@ss-w0rd"]
    command.processes = False
    return command
