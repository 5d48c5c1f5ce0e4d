"""What `sync` shows on a terminal: a bar, what is going on, how long it takes, what the vendor last refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from etl.cli.output import duration
from etl.escape import escaped
from etl.run import job
from etl.run.standing import Standing


class Picture:
    """What the terminal shows of a run: made anew several times a second, from where the run stands then."""

    def __init__(self) -> None:
        self._standing: Standing | None = None
        self._bar = Progress(
            TextColumn("batch days"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[requests]:,} requests"),
            TimeElapsedColumn(),
        )
        self._task = self._bar.add_task("sync", total=None, requests=0)

    def follow(self, standing: Standing) -> None:
        """Show this from now on."""
        self._standing = standing

    def __rich__(self) -> Group:
        now = self._standing
        if now is not None:
            self._bar.update(self._task, completed=now.done, total=now.planned, requests=now.requests)
        lines = (Text(escaped(line), no_wrap=True, overflow="ellipsis") for line in words(now))
        return Group(self._bar, *lines)


def words(standing: Standing | None) -> list[str]:
    """Where a run stands, in lines; None: it has no plan yet."""
    if standing is None:
        return ["now            lists and ledger are read, and the plan is made"]
    requests, seconds = standing.ahead
    pace = f", {duration(seconds)} at the agreed pace" if seconds else ""
    lines = [f"now            {_now(standing)}", f"requests left  about {requests:,}{pace}"]
    return [*lines, f"last refused   {standing.refused}"] if standing.refused else lines


def _now(standing: Standing) -> str:
    if standing.ending:
        return "the end of the run is recorded"
    if pause := standing.pause:
        return f"no request for {duration(pause)}: the vendor gets too many"
    if (day := standing.last) is None:
        return "the first answer is awaited"
    reported = "?" if day.reported is None else f"{day.reported:,}"
    return f"{day.batch_no} on {day.date}: {day.stored:,} of {reported} rows are here"


@contextmanager
def shown() -> Iterator[job.Progress]:
    """The picture, on standard error while this context lasts, and what makes it follow a run."""
    picture = Picture()
    with Live(picture, console=Console(stderr=True, soft_wrap=True), transient=True, refresh_per_second=4):
        yield picture.follow
