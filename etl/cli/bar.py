"""The progress bar of `sync`, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from etl.run import job


@contextmanager
def shown() -> Iterator[job.Progress]:
    """The bar, on standard error while this context lasts; what it yields moves it on."""
    columns = (
        TextColumn("batch days"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[requests]:,} requests"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True, soft_wrap=True), transient=True) as bar:
        task = bar.add_task("sync", total=None, requests=0)
        yield lambda done, planned, requests: bar.update(task, completed=done, total=planned, requests=requests)
