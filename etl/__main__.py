"""`numbercheck` and `python -m etl`: what has to be so before anything else is imported."""

from __future__ import annotations

import gc

from etl import noting


def start() -> None:
    """Run the command that this process's arguments name, and end the process with its exit status."""
    noting.note()
    # Neither what is loaded now, some 140,000 objects, nor a plan of 100,000 batch days is garbage: look for some
    # rarely.
    gc.set_threshold(200_000, 20, 100)
    from etl import streams  # noqa: PLC0415  (signals may come while anything is imported)

    streams.prepare()
    from etl.cli import process  # noqa: PLC0415  (this takes a moment)

    process.start()


if __name__ == "__main__":
    start()
