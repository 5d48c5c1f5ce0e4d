"""Runs a command in a process of its own, as etl/__main__.py has prepared it. Importing this does nothing."""

from __future__ import annotations

import gc
import sys

from etl import stopping
from etl.cli import main
from etl.cli.group import explained
from etl.cli.output import tell


def start() -> None:
    """Run the command that this process's arguments name, and end the process with its exit status."""
    try:
        main(prog_name="numbercheck")
    except Exception as error:  # what ends before a command has begun: the output of --help on a full disk
        known = explained(error)
        if known is None:
            raise
        tell(known)
        sys.exit(known.exit_status)
    finally:
        stopping.ignore()
        gc.freeze()  # the interpreter would look through all modules once more, which takes a fifth of a short run
