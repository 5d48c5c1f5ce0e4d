"""`numbercheck` and `python -m etl`: what has to be so before anything else is imported."""

from __future__ import annotations

import gc

from etl import noting


def start() -> None:
    """Run the command that this process's arguments name, and end the process with its exit status."""
    noting.note()
    # What is loaded now stays: looking for garbage in it takes a sixth of the start.
    gc.set_threshold(100_000, 20, 100)
    from etl import streams  # noqa: PLC0415  (signals may come while anything is imported)

    streams.prepare()
    from etl.cli import process  # noqa: PLC0415  (this takes a second)

    process.start()


if __name__ == "__main__":
    start()
