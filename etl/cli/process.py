"""The process of a command of its own, as the shell starts it. Nothing here happens on import."""

from __future__ import annotations

import atexit
import gc
import sys

from etl.cli import main
from etl.cli.output import give_up


def start() -> None:
    """Run the command of this process's arguments, and end the process with its exit status."""
    prepare()
    main(prog_name="numbercheck")


def prepare() -> None:
    """Make this process fit for a large plan and for a log without room."""
    # A plan may hold 100,000 batch days, and none of them is garbage: look for some rarely, not among modules.
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
    atexit.register(_end_complaints)


def _end_complaints() -> None:
    """A log that finds no room or no reader is no reason to end with Python's own status 120."""
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        give_up(sys.stderr)
