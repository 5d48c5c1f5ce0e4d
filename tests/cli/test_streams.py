"""Standard streams that are closed, full, of the wrong kind or no longer read: no defect, whatever the command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.support import NOW, Command, Done
from tests.running import HANG

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
