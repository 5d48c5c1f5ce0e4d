"""What an export into a lake costs, beside COPY of the same view to a file, in the same run.

    python -m benchmarks.lake URL [--millions 2] [--lake DIRECTORY] [--rounds 3]

Fills an empty database by SQL alone, as plans.py does. Rows a second of both, bytes of a row in the lake, and the
largest resident memory of the process that exports. On PostgreSQL, the goal is half the speed of COPY; elsewhere, the
view is read row by row and written as CSV. `--lake` may be a place such as s3://bucket/path.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import multiprocessing
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.plans import DAY_ROWS
from benchmarks.privacy import filled
from etl.database.engine import connect, snapshot
from etl.lake import exporting, verifying
from etl.lake.lakes import Lake
from etl.lake.standings import account_here

_ORDERED = "SELECT * FROM v_number_check ORDER BY check_date, message_id, phone"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="an empty database, or one that this benchmark has filled")
    parser.add_argument("--millions", type=float, default=2, help="rows; 0: the database is filled already")
    parser.add_argument("--lake", help="where; without it, in a directory that is removed")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    engine = connect(sa.make_url(given.url), patient=True)
    if given.millions:
        print(f"{filled(engine, given.millions) * DAY_ROWS:,} rows, {engine.dialect.name}", flush=True)
    engine.dispose()  # before processes are forked
    with tempfile.TemporaryDirectory() as directory:
        for number in range(given.rounds):
            place = given.lake or f"{directory}/lake"
            timed("COPY", given.url, copied, f"{directory}/view.csv")
            timed("COPY, sorted", given.url, copied, f"{directory}/view.csv", _ORDERED)
            timed("lake export", given.url, exported, place)
            timed("again", given.url, exported, place)
            timed("lake verify", given.url, verified, place)
            if given.lake is None and number < given.rounds - 1:
                shutil.rmtree(place)


def timed(what: str, url: str, work: Callable[..., tuple[int, int]], *given: Any) -> None:
    """Do it in a process of its own, whose memory is its own too."""
    receive, send = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=_timed, args=(send, url, work, *given))
    process.start()
    rows, size, seconds, memory = receive.recv()
    process.join()
    each = f"{size / rows:>6.1f} bytes a row" if size and rows else ""
    print(f"{what:<13} {seconds:>7.1f} s {rows / seconds:>9,.0f} rows/s {memory:>5.0f} MiB {each}", flush=True)


def _timed(send: Any, url: str, work: Callable[..., tuple[int, int]], *given: Any) -> None:
    engine = connect(sa.make_url(url), patient=True)
    began = time.perf_counter()
    rows, size = work(engine, *given)
    seconds = time.perf_counter() - began
    send.send((rows, size, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
    engine.dispose()


def copied(engine: sa.Engine, path: str, query: str = "SELECT * FROM v_number_check") -> tuple[int, int]:
    """The view as CSV in a file; how many rows, and bytes."""
    with snapshot(engine) as connection, Path(path).open("w", newline="", encoding="utf-8") as file:
        if engine.dialect.name != "postgresql":
            rows = 0
            writer = csv.writer(file)
            for part in connection.execute(sa.text(query), execution_options={"yield_per": 10_000}).partitions(
                10_000
            ):
                writer.writerows(part)
                rows += len(part)
            return rows, 0
        connection.execute(sa.text("SELECT 1"))
        driver: Any = connection.connection.driver_connection
        with driver.cursor() as cursor:
            with cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv)") as copy:
                for line in copy:
                    file.buffer.write(line)
            return int(cursor.rowcount), 0


def exported(engine: sa.Engine, place: str) -> tuple[int, int]:
    """The lake, brought up to date; how many rows it has, and bytes."""
    lake = Lake.at(place, masked=False)
    order = exporting.ExportOrder(1, "default", False, frozenset(), None, lambda: dt.datetime.now(dt.UTC))
    exporting.export(engine, lake, order, lambda *_: None)
    files = lake.rows.standing()
    return sum(file.rows for file in files), sum(file.size for file in files)


def verified(engine: sa.Engine, place: str) -> tuple[int, int]:
    """Both compared; how many rows the lake has."""
    lake = Lake.at(place, masked=False)
    lake.require()
    with snapshot(engine) as connection:
        here = account_here(connection, lake, 1, "default")
        found = list(verifying.verify(connection, lake, here, here.dates))
    wrong = [each for each in found if not each.equal]
    if wrong:
        print(f"{len(wrong)} dates differ, such as {wrong[0]}")
    return sum(each.rows for each in found), 0


if __name__ == "__main__":
    main()
