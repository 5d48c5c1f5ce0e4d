"""Pings to a monitor of scheduled jobs, as healthchecks.io and compatible services understand them."""

from __future__ import annotations

from urllib.parse import urlsplit

from tenacity import retry, retry_if_exception, stop_after_attempt, wait_fixed

from etl.report.send import send
from etl.report.unsent import Unsent

PING_SECONDS = 5.0
TRIES = 3
PAUSE = 1.0


def start(url: str) -> None:
    """Report that the run has begun. There is only one try, because the run waits for it. Raises Unsent."""
    send("GET", ending(url, "start"), PING_SECONDS)


def end(url: str, exit_status: int) -> None:
    """Report that the run has ended: 0 as success, everything else as failure. Raises Unsent."""
    address = ending(url, str(exit_status)) if exit_status else url
    attempts = retry(
        stop=stop_after_attempt(TRIES),
        wait=wait_fixed(PAUSE),
        retry=retry_if_exception(lambda error: isinstance(error, Unsent) and error.again),
        reraise=True,
    )
    attempts(send)("GET", address, PING_SECONDS)


def ending(url: str, word: str) -> str:
    """The URL with one more part at the end of its path."""
    parts = urlsplit(url)
    return parts._replace(path=f"{parts.path.rstrip('/')}/{word}").geturl()
