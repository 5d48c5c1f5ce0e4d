"""SIGTERM, SIGINT and SIGHUP end every command with 75, from its first moment on, and no record is left open."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from etl import stopping
from etl.cli.group import explained
from tests.cli.support import NOW, Command, Done, ended, holding
from tests.running import HANG, wait_until
from tests.servers import PASSWORD

SYNC = ("sync", "--json", "--now", NOW.isoformat())
EACH = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]

# The command, which gets a signal at the moment when it begins to import a module.
STARTING = """
import os, sys

module, number = sys.argv[1:3]
del sys.argv[1:3]

class Signal:
    def find_spec(self, name, *_):
        if name == module:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), int(number))

sys.meta_path.insert(0, Signal())
from etl.__main__ import start
start()
"""


def starting(command: Command, module: str, number: int, *arguments: str) -> Done:
    """Run the command to its end; the signal comes when it imports `module`."""
    process = subprocess.run(
        [sys.executable, "-c", STARTING, module, str(int(number)), *arguments],
        cwd=command.directory,
        env=command.changed(),
        capture_output=True,
        text=True,
        timeout=HANG,
    )
    command.look_at(process.stdout + process.stderr)
    return Done(process.returncode, process.stdout, process.stderr)


@pytest.mark.parametrize("number", EACH)
@pytest.mark.parametrize("module", ["etl.streams", "etl.stopping", "sqlalchemy", "etl.cli.sync"])
def test_while_the_program_is_loaded(command: Command, module: str, number: signal.Signals) -> None:
    done = starting(command, module, number, *SYNC)
    assert (done.status, done.json) == (75, {"status": "incomplete", "exit_code": 75}), done.err
    assert "Stopped by a signal" in done.err
    assert command.vendor.requests == []


@pytest.mark.parametrize("arguments", [("db", "upgrade"), ("batches", "list"), ("doctor",)])
def test_every_command_ends_alike(command: Command, arguments: tuple[str, ...]) -> None:
    done = starting(command, "etl.cli", signal.SIGTERM, *arguments)
    assert (done.status, done.out) == (75, ""), done.err
    assert command.files() == {"batches.csv"}


@contextmanager
def silent_server() -> Iterator[socket.socket]:
    """Accepts connections and never says anything."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield listener


@pytest.mark.parametrize("number", EACH)
@pytest.mark.parametrize("arguments", [SYNC, ("db", "upgrade")])
@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_while_it_connects(
    command: Command, number: signal.Signals, arguments: tuple[str, ...], kind: str
) -> None:
    command.environment.pop("PYTHONWARNINGS")  # PyMySQL leaves the socket that is interrupted to the collector
    with silent_server() as listener:
        url = f"{kind}://me:{PASSWORD}@127.0.0.1:{listener.getsockname()[1]}/x"
        with ended(command.start(*arguments, database_url=url)) as process, closing(listener.accept()[0]):
            process.send_signal(number)
            done = command.finish(process, status=75)
    assert "Stopped by a signal" in done.messages


@pytest.mark.parametrize("number", EACH)
def test_a_run_is_recorded_as_ended(command: Command, number: signal.Signals) -> None:
    with holding(command.vendor, 2) as release, ended(command.start(*SYNC, max_in_flight="1")) as process:
        wait_until(lambda: len(command.vendor.requests) > 2)
        process.send_signal(number)
        release.set()
        done = command.finish(process, status=75)
    assert f"{number.name} was received" in done.messages
    assert command.query("SELECT status, exit_code FROM v_sync_run") == [("incomplete", 75)]


def test_a_hangup_that_nohup_ignores_stays_ignored(command: Command) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with holding(command.vendor, 2) as release, ended(command.start(*SYNC, max_in_flight="1")) as process:
            wait_until(lambda: len(command.vendor.requests) > 2)
            os.kill(process.pid, signal.SIGHUP)
            release.set()
            assert command.finish(process).result["status"] == "complete"
    finally:
        signal.signal(signal.SIGHUP, before)


def test_signals_in_quick_succession_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first is heeded in good order: nothing that it has left to be done is broken off, unless that hangs."""
    monkeypatch.setattr(stopping, "SAME", HANG)
    undisturbed = False
    with pytest.raises(KeyboardInterrupt), stopping.interrupted():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            for number in (*EACH, *EACH):
                signal.raise_signal(number)
            undisturbed = True
    assert undisturbed
    monkeypatch.setattr(stopping, "SAME", 0.0)
    with pytest.raises(KeyboardInterrupt), stopping.interrupted():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGINT)
            undisturbed = False
    assert undisturbed


def test_a_second_signal_may_break_off_what_the_first_has_left_to_be_done() -> None:
    with pytest.raises(sqlite3.ProgrammingError) as caught:
        try:
            raise KeyboardInterrupt
        finally:
            raise sqlite3.ProgrammingError("Cannot operate on a closed database.")
    known = explained(caught.value)
    assert known is not None
    assert (known.exit_status, known.problem) == (75, "Stopped by a signal. What was stored is kept.")
