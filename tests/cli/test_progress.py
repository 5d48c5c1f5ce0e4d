from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

from tests.cli.support import NOW, SECONDS, Command


def on_a_terminal(command: Command, *arguments: str) -> tuple[str, str]:
    """What comes out of the command where standard error is a terminal: standard output, the terminal."""
    master, slave = pty.openpty()
    environment = command.changed() | {"TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(
        [sys.executable, "-m", "etl", *arguments],
        cwd=command.directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=slave,
    ) as process:
        os.close(slave)
        drawn = b""
        try:
            while piece := os.read(master, 65536):
                drawn += piece
        except OSError:  # Linux: the other side is closed
            pass
        os.close(master)
        out, _ = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, drawn
    command.look_at(out.decode() + drawn.decode())
    return out.decode(), drawn.decode()


def test_progress_on_a_terminal_and_none_without(command: Command) -> None:
    command.vendor.behaviour.latency = 0.2
    command.vendor.behaviour.faults.order("html")
    out, drawn = on_a_terminal(command, "sync", "--now", NOW.isoformat())
    assert out.startswith("complete: ")
    assert "\x1b" not in out
    assert "\x1b[" in drawn
    assert "batch days" in drawn
    assert re.search("[1-9] requests", drawn)
    assert "INFO Sync of the account default begins" in drawn  # a log for people
    assert '{"time"' not in drawn
    done = command.at(NOW, "sync")
    assert "\x1b" not in done.out + done.err
