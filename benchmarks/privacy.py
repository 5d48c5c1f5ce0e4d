"""What erasing, expiring and pseudonyms cost among many rows. Fills an empty database by SQL alone, as plans.py does.

    python -m benchmarks.privacy URL [--millions 5] [--phones 1000]

It finds and erases so many phones, takes their codes out and erases by them (every phone is looked at), lets a month
expire, and then replaces what is left by pseudonyms. Seconds of each, and the largest resident memory of the process
so far. On SQLite, erasing and expiring include writing the file anew.
"""

from __future__ import annotations

import argparse
import datetime as dt
import resource
import time
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from benchmarks.plans import DAY_ROWS, FIRST_DATE, MILLION, fill, seed, tidy
from etl.admin import finding
from etl.admin.erasing import ErasureOrder, erase, order_of
from etl.admin.expiring import ExpiryOrder, expire
from etl.admin.pseudonymising import pseudonymise
from etl.database.engine import connect, reading
from etl.privacy.macs import Macs
from etl.schema import migrate

MACS = Macs("a key for this benchmark, of more than 32 bytes")
NOW = dt.datetime.now(dt.UTC)
MONTH = dt.timedelta(days=31)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="an empty database")
    parser.add_argument("--millions", type=float, default=5, help="rows")
    parser.add_argument("--phones", type=int, default=1000, help="how many are erased")
    given = parser.parse_args()
    engine = connect(sa.make_url(given.url), patient=True)
    days = filled(engine, given.millions)
    print(f"{days * DAY_ROWS:,} rows, {engine.dialect.name}", flush=True)
    measure(engine, some_phones(engine, given.phones), FIRST_DATE + min(MONTH, dt.timedelta(days=days // 2)))


def filled(engine: sa.Engine, millions: float) -> int:
    """Fill the database; how many dates it has then."""
    migrate.upgrade(engine)
    days = max(2, round(millions * MILLION / DAY_ROWS))
    seed(engine)
    fill(engine, 0, days)
    tidy(engine)
    return days


def some_phones(engine: sa.Engine, count: int) -> tuple[str, ...]:
    with reading(engine).connect() as connection:
        query = sa.text("SELECT DISTINCT phone FROM number_check ORDER BY phone LIMIT :count")
        return tuple(connection.execute(query, {"count": count}).scalars())


def measure(engine: sa.Engine, phones: tuple[str, ...], before: dt.date) -> None:
    forms = order_of(MACS, phones, None)
    by_number = ErasureOrder(MACS, forms, phones, len(phones), "erase", "benchmark", NOW)
    by_code = ErasureOrder(MACS, forms, (), len(phones), "import", "benchmark", NOW)
    with reading(engine).connect() as connection:
        account = connection.execute(sa.text("SELECT account_id FROM account")).scalar_one()
        lines = dict(enumerate(phones, 1))
        timed("find", lambda: len(finding.find(connection, MACS, lines, [])))
    timed("erase", lambda: sum(erase(engine, by_number).values()))
    timed("import", lambda: sum(erase(engine, by_code).values()))
    timed(
        "expire",
        lambda: expire(engine, ExpiryOrder(account, before, "benchmark", lambda: NOW), lambda _: True).rows,
    )
    timed("pseudonymise", lambda: pseudonymise(engine, MACS, "default", "benchmark", NOW, lambda _: None))


def timed(what: str, work: Callable[[], Any]) -> None:
    began = time.perf_counter()
    rows = work()
    seconds = time.perf_counter() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{what:<13} {rows:>10,} rows {seconds:>8.1f} s {memory:>6.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
