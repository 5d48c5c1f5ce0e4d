"""Claims slots from several threads.

It can also run as a process of its own: python -m tests.store.claimer URL ACCOUNT_ID INTERVAL
It prints a line for each grant, and ends when its standard input does.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa

from etl.database.engine import connect
from etl.store.slots import Slots

THREADS = 3


def claim_until(
    enough: Callable[[int], bool],
    engine: sa.Engine,
    account_id: int,
    interval: float,
    tell: Callable[[str], object] = lambda _: None,
) -> int:
    """How many slots were granted until there were `enough`."""
    granted: list[None] = []

    def work() -> None:
        while not enough(len(granted)):
            while wait := slots.claim(interval):
                time.sleep(wait)
            granted.append(tell("granted\n"))  # type: ignore[arg-type]

    slots = Slots(engine, account_id)
    with ThreadPoolExecutor(THREADS) as pool:
        for done in [pool.submit(work) for _ in range(THREADS)]:
            done.result()
    return len(granted)


def _tell(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()


def _main(url: str, account_id: str, interval: str) -> None:
    ended = threading.Event()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    engine = connect(sa.make_url(url))
    claim_until(lambda _: ended.is_set(), engine, int(account_id), float(interval), _tell)
    engine.dispose()


if __name__ == "__main__":
    _main(*sys.argv[1:])
