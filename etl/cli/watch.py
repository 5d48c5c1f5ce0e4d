"""`numbercheck status --watch`: the same picture again and again, for a person who waits."""

from __future__ import annotations

import errno
import os
import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from etl.cli.output import count, duration, give_up
from etl.errors import TryLater
from etl.escape import escaped
from etl.run.outlook import Outlook

EVERY = 5.0
"""Seconds between two looks at the database."""
AT_MOST = 0.1
"""The share of the time in which the database may be kept busy: after a slow look, the next one comes later."""
KEYS = f"Every {EVERY:g} s, from the database alone. q ends it; no sync is stopped by that."

Wait = Callable[[float], bool]
"""Waits for so many seconds; True: the person has seen enough."""


def require_terminal(as_json: bool) -> None:
    """Raise UsageError where there is nobody who watches."""
    if as_json or not sys.stdout.isatty():
        raise click.UsageError("--watch is for a terminal. To print the status once, leave it out.")


def watch(picture: Callable[[], str]) -> None:
    """Show the picture on the terminal, made again every few seconds, until q.

    Raises TryLater when the terminal is gone, and SIGHUP has not ended the process, as under `nohup`.
    """
    try:
        _watch(picture)
    except (OSError, termios.error) as error:
        if error.args[0] != errno.EIO:
            raise
        give_up(sys.stdout)
        raise TryLater("The terminal is gone.") from None


def _watch(picture: Callable[[], str]) -> None:
    screen = Live(console=Console(), auto_refresh=False)
    with _keys() as wait, screen:
        repeat(picture, lambda text: screen.update(Text(escaped(text)), refresh=True), wait)


def repeat(
    picture: Callable[[], str],
    draw: Callable[[str], None],
    wait: Wait,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Draw the picture until `wait` says that it is enough."""
    while True:
        began = clock()
        draw(picture())
        if wait(max(EVERY, (clock() - began) / AT_MOST)):
            return


def words(outlook: Outlook) -> list[str]:
    """What is going on, in lines that stand above the status."""
    whose, lines = "the next one", ["No sync is at work."]
    if run := outlook.run:
        retries = f", {run['retries']:,} of them retries" if run["retries"] else ""
        since = f"{run['started_at']:%Y-%m-%d %H:%M:%S} UTC"
        whose, lines = (
            "it",
            [f"A sync is at work since {since}: {count(run['requests'], 'request')} sent{retries}."],
        )
    pace = f", {duration(outlook.seconds)} at the agreed pace" if outlook.seconds else ""
    left = f"Left for {whose}: about {count(outlook.requests, 'request')}{pace}."
    lines.append(left if outlook.requests else "Nothing is left to ask for now.")
    if day := outlook.trouble:
        # The words of most failures begin with what they are about.
        about = "" if day["batch_no"] in day["note"] else f"{day['batch_no']} on {day['check_date']}: "
        lines.append(f"Last refused: {about}{day['note']}")
    return [*lines, ""]


@contextmanager
def _keys() -> Iterator[Wait]:
    """A wait that the key q ends, without Enter; where standard input is no terminal, it only waits."""
    if not sys.stdin.isatty():
        yield _sleep
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield _pressed
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _sleep(seconds: float) -> bool:
    time.sleep(seconds)
    return False


def _pressed(seconds: float) -> bool:
    """Whether q is pressed within that time; any other key only makes the next look come at once."""
    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    return bool(ready) and os.read(sys.stdin.fileno(), 1) in (b"q", b"Q", b"")
