"""Claims slots from several threads, and tells by the database's clock when each was granted.

Runs as a process of its own, too: python -m tests.store.claimer URL ACCOUNT_ID INTERVAL COUNT
"""

from __future__ import annotations

import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa

from etl.store.engine import connect
from etl.store.schema import request_slot
from etl.store.slots import Slots

THREADS = 3


def claim_all(url: sa.URL, account_id: int, interval: float, count: int) -> list[float]:
    """The moments of `count` grants, epoch seconds."""
    engine, seen, left = connect(url), threading.local(), iter(range(count))
    row = sa.select(request_slot.c.next_at).where(request_slot.c.account_id == account_id)

    @sa.event.listens_for(engine, "commit")
    def look(connection: sa.Connection) -> None:
        seen.next_at = connection.execute(row).scalar_one()

    def work() -> list[float]:
        granted = []
        for _ in left:
            while wait := slots.claim(interval):
                time.sleep(wait)
            granted.append(seen.next_at - interval)
        return granted

    slots = Slots(engine, account_id)
    with ThreadPoolExecutor(THREADS) as pool:
        found = [pool.submit(work) for _ in range(THREADS)]
        grants = [grant for each in found for grant in each.result()]
    engine.dispose()
    return grants


if __name__ == "__main__":
    url, account_id, interval, count = sys.argv[1:]
    print(json.dumps(claim_all(sa.make_url(url), int(account_id), float(interval), int(count))))  # noqa: T201
