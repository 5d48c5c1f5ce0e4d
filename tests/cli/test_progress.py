from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tests.cli.support import NOW, Command, ended, holding
from tests.running import HANG


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    """The two sides of a terminal: the user's and the program's."""
    sides = pty.openpty()
    try:
        yield sides
    finally:
        for side in sides:
            with suppress(OSError):  # it is already closed
                os.close(side)


def on_a_terminal(
    command: Command, *arguments: str, shown: Callable[[str], None] = lambda _: None
) -> tuple[str, str]:
    """What the command writes when standard error is a terminal: standard output, and what the terminal shows.

    `shown` is called repeatedly with what the terminal shows so far.
    """
    environment = command.changed() | {"TERM": "xterm", "COLUMNS": "100"}
    with terminal() as (master, slave):
        process = subprocess.Popen(
            [sys.executable, "-m", command.module, *arguments],
            cwd=command.directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=slave,
        )
        os.close(slave)
        with ended(process):
            drawn = b""
            with suppress(OSError):  # Linux: the other side is closed
                while piece := os.read(master, 65536):
                    drawn += piece
                    shown(drawn.decode(errors="replace"))
            out, _ = process.communicate(timeout=HANG)
    assert process.returncode == 0, drawn
    command.look_at(out.decode() + drawn.decode())
    return out.decode(), drawn.decode()


def test_progress_on_a_terminal_and_none_without(command: Command) -> None:
    with holding(command.vendor, 2) as release:
        command.vendor.behaviour.faults.order("html")

        def until_requests_are_shown(drawn: str) -> None:
            if re.search("[1-9] requests", drawn):
                release.set()

        out, drawn = on_a_terminal(command, "sync", "--now", NOW.isoformat(), shown=until_requests_are_shown)
    assert out.startswith("complete: ")
    assert "\x1b" not in out
    assert "\x1b[" in drawn
    assert "batch days" in drawn
    assert re.search("requests left  about [0-9]+", drawn)
    assert "last refused   something other than the vendor's API answers" in drawn
    assert "INFO Sync of the account default begins" in drawn  # a log for people
    assert '{"time"' not in drawn
    command.processes = False
    done = command.at(NOW, "sync")
    assert "\x1b" not in done.out + done.err
