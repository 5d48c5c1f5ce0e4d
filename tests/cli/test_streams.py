"""Standard streams that are closed, full, of the wrong kind or no longer read: no defect, whatever the command."""

from __future__ import annotations

import json
import os
import pty
import select
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.support import NOW, Command, Done
from tests.running import HANG, wait_until

SYNC = f"sync --json --now {NOW.isoformat()}"
FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")


def in_shell(command: Command, line: str, **settings: str) -> Done:
    """Run a line of bash in which `numbercheck` is the command; its output has been looked at."""
    program = f'numbercheck() {{ "{sys.executable}" -m etl "$@"; }}; '
    shell = subprocess.run(
        ["bash", "-c", program + line],
        cwd=command.directory,
        env=command.changed(**settings),
        capture_output=True,
        text=True,
        timeout=HANG,
    )
    command.look_at(shell.stdout + shell.stderr)
    assert "defect" not in shell.stderr
    return Done(shell.returncode, shell.stdout, shell.stderr)


@pytest.mark.parametrize(
    ("line", "status", "complaint"),
    [
        ("numbercheck batches list 2>&-", 0, ""),
        ("numbercheck plan --now 2026-03-10 <&- >&- 2>&-", 0, ""),
        ("numbercheck batches list 1</dev/null", 0, ""),  # open, but not for writing
        ("numbercheck sync --help | true; exit ${PIPESTATUS[0]}", 0, ""),
        ("numbercheck nonsense 2>&-", 2, ""),
        ("numbercheck batches import - <&-", 78, "standard input is empty"),
        ("numbercheck batches import - 0>/dev/null", 78, "standard input cannot be read"),
        pytest.param("numbercheck nonsense 2>/dev/full", 2, "", marks=FULL),
        pytest.param("numbercheck --help >/dev/full", 75, "The disk is full", marks=FULL),
        pytest.param("numbercheck --version >/dev/full", 75, "The disk is full", marks=FULL),
    ],
)
def test_a_command(command: Command, line: str, status: int, complaint: str) -> None:
    done = in_shell(command, line)
    assert done.status == status, done.err
    assert complaint in done.err


@pytest.mark.parametrize("redirected", [">&-", "2>&-", "<&- >&- 2>&-", "| true; exit ${PIPESTATUS[0]}"])
def test_a_run_ends_with_its_own_status(command: Command, redirected: str) -> None:
    done = in_shell(command, f"numbercheck {SYNC} {redirected}")
    assert done.status == 0, done.err
    assert command.query("SELECT status, exit_code, rows_inserted FROM v_sync_run") == [("complete", 0, 370)]


def test_no_stream_becomes_the_database(command: Command) -> None:
    """The number of a closed stream would go to the next file that is opened; a log would then be written into it."""
    for _ in range(2):
        assert in_shell(command, f"numbercheck {SYNC} 0<&- 1>&- 2>&-").status == 0
    assert command.query("PRAGMA integrity_check") == [("ok",)]


@FULL
def test_a_result_that_cannot_be_written_is_not_kept_quiet(command: Command) -> None:
    done = in_shell(command, f"numbercheck {SYNC} >/dev/full")
    assert done.status == 75
    assert json.loads(done.err.splitlines()[-1])["message"].startswith("The disk is full")


def test_an_output_that_does_not_block_is_waited_for(command: Command) -> None:
    """Whoever reads the other end of a pipe may have told it not to block."""
    command.write_list(f"B-{number},2026-03-0{1 + number % 9}," for number in range(4000))
    made = "import os, sys; os.set_blocking(1, False); os.execvp(sys.argv[1], sys.argv[1:])"
    line = f"'{sys.executable}' -c '{made}' '{sys.executable}' -m etl plan --json --now {NOW.isoformat()}"
    done = in_shell(command, f"{line} | {{ read -r first; sleep 0; cat; }} > rest; exit ${{PIPESTATUS[0]}}")
    assert done.status == 0, done.err


def a_vanished_terminal() -> int:
    """A descriptor for output to a terminal whose window was closed."""
    window, terminal = pty.openpty()
    os.close(window)
    return terminal


def a_reset_connection() -> int:
    """A descriptor for output to a program that has ended and reset the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        with listener.accept()[0] as theirs:
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return ours.detach()


@pytest.mark.parametrize("gone", [a_vanished_terminal, a_reset_connection])
def test_a_reader_that_has_gone_is_no_failure(command: Command, gone: Callable[[], int]) -> None:
    descriptor = gone()
    process = subprocess.Popen(
        [sys.executable, "-m", "etl", *SYNC.split()],
        cwd=command.directory,
        env=command.changed(),
        stdout=descriptor,
        stderr=subprocess.PIPE,
    )
    os.close(descriptor)
    _, complaints = process.communicate(timeout=HANG)
    command.look_at(complaints.decode())
    assert process.returncode == 0, complaints
    assert command.query("SELECT status, exit_code, rows_inserted FROM v_sync_run") == [("complete", 0, 370)]


def fed(command: Command, parts: list[bytes], *arguments: str) -> Done:
    """Run the command on an input that does not block, and write each part once the one before has been read."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    process = subprocess.Popen(
        [sys.executable, "-m", "etl", *arguments],
        cwd=command.directory,
        env=command.changed(),
        stdin=reading,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with os.fdopen(writing, "wb", buffering=0) as pipe, os.fdopen(reading):
        for part in parts:
            pipe.write(part)
            wait_until(lambda: process.poll() is not None or not _unread(reading))
    return command.finish(process)


def _unread(pipe: int) -> bool:
    return bool(select.select([pipe], [], [], 0)[0])


def test_an_input_that_does_not_block_is_read_to_its_end(command: Command) -> None:
    """The first lines would pass for the whole list."""
    parts = [b"batch_no,", b"date\nB-901,2026-03-09\n", b"B-902,2026-03-09\n"]
    assert "2 batches and dates are on the list" in fed(command, parts, "batches", "import", "-").out


def test_an_answer_from_an_input_that_does_not_block(command: Command) -> None:
    command.at(NOW, "sync")
    assert "every table was dropped" in fed(command, [b"y", b"es\n"], "db", "downgrade", "base").out
