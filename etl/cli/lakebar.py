"""The progress of the commands under `lake`, for a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def shown(account: str) -> Iterator[Callable[[int, int, int], None]]:
    """What it yields is told how many dates are done, how many there are, and the rows so far."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console  # noqa: PLC0415  (not under cron)

    from etl.escape import escaped  # noqa: PLC0415

    with Console(stderr=True).status("") as status:
        yield lambda done, dates, rows: status.update(
            f"{escaped(account)}: {done:,} of {dates:,} dates, {rows:,} rows"
        )
