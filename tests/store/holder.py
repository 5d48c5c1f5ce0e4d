"""A process that holds an account's lock until its standard input ends, or until it is killed.

python -m tests.store.holder URL ACCOUNT_ID HOLDER
"""

from __future__ import annotations

import sys

import sqlalchemy as sa

from etl.database.engine import connect
from etl.store import lock

if __name__ == "__main__":
    url, account_id, holder = sys.argv[1:]
    engine = connect(sa.make_url(url))
    with engine.connect() as connection:
        held = lock.acquire(connection, int(account_id), holder)
        print("held", flush=True)  # noqa: T201
        sys.stdin.read()
        held.release()
    engine.dispose()
