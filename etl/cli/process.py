"""Runs a command as a process of its own, as a shell starts it. Importing this does nothing."""

from __future__ import annotations

import atexit
import gc
import sys

from etl.cli import main
from etl.cli.output import give_up


def start() -> None:
    """Run the command that this process's arguments name, and end the process with its exit status."""
    prepare()
    main(prog_name="numbercheck")


def prepare() -> None:
    """Prepare this process for a large plan, and for a log that can no longer be written."""
    # A plan may hold 100,000 batch days, none of them garbage: collect rarely, and leave the modules out.
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
    atexit.register(_end_complaints)


def _end_complaints() -> None:
    """Do not let a log without room or reader end the process with Python's own status 120."""
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        give_up(sys.stderr)
