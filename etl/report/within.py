"""Work that may hang, in bounded time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

_T = TypeVar("_T")
THREAD = "report"


def within(seconds: float, work: Callable[[], _T]) -> _T:
    """What `work` returns or raises; TimeoutError if that takes longer than `seconds`.

    No library's timeout covers everything (looking up a name, a file on a network that is gone), so the work has
    a thread of its own. After `seconds` nothing waits for that thread, not even the end of the process.
    """
    future: Future[_T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001  (raised again in the thread that waits)
            future.set_exception(error)

    Thread(target=run, name=THREAD, daemon=True).start()
    return future.result(seconds)
