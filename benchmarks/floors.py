"""What no job can beat, for `benchmarks/throughput.py`: fetching alone, and storing alone.

`python -m benchmarks.floors WHAT API-URL BATCHES.CSV DATABASE-URL`, where WHAT is `fetch-1` or `fetch-8` (sign,
send, receive, discard, over kept-alive connections, by 1 or 8 threads), `copy` (PostgreSQL: COPY into a temporary
table and one INSERT … ON CONFLICT) or `executemany` (SQLite: an upsert by executemany in one transaction). The last
two have the rows in memory as tuples before their clock starts, and write one flat table.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import requests
import sqlalchemy as sa

from benchmarks.peers import flat
from benchmarks.peers.vendor import Given, body, given, pages, session

Row = tuple[object, ...]


def fetch(told: Given, threads: int) -> float:
    with session() as vendor:
        asked = [
            body(batch, date, page)
            for batch, date in told.listing
            for page in range(1, last_page(vendor, told.url, batch, date) + 1)
        ]

    def some(mine: list[dict[str, object]]) -> None:
        with session() as own:
            for question in mine:
                own.post(told.url, json=question, timeout=30).raise_for_status()

    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(some, [asked[number::threads] for number in range(threads)]))
    return time.perf_counter() - began


def last_page(vendor: requests.Session, url: str, batch: str, date: str) -> int:
    return int(vendor.post(url, json=body(batch, date, 1), timeout=30).json()["data"]["totalPage"])


def rows(told: Given) -> list[Row]:
    with session() as vendor:
        return [
            tuple(row.get(name) for name in flat.COLUMNS.values())
            for batch, date in told.listing
            for page in pages(vendor, told.url, batch, date)
            for row in page
        ]


def copy(told: Given) -> float:
    ready = rows(told)
    url = sa.make_url(told.database).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url) as connection:
        connection.execute(flat.create())
        connection.commit()
        began = time.perf_counter()
        connection.execute("CREATE TEMPORARY TABLE staging (LIKE number_check) ON COMMIT DROP")
        with connection.cursor().copy(f"COPY staging ({flat.NAMES}) FROM STDIN") as into:
            for row in ready:
                into.write_row(row)
        connection.execute(flat.upsert_from("staging"))
        connection.commit()
        return time.perf_counter() - began


def executemany(told: Given) -> float:
    ready = rows(told)
    with closing(sqlite3.connect(str(sa.make_url(told.database).database))) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(flat.create())
        values = ", ".join("?" for _ in flat.COLUMNS)
        began = time.perf_counter()
        connection.executemany(
            f"INSERT INTO number_check ({flat.NAMES}) VALUES ({values}) {flat.ON_CONFLICT}", ready
        )
        connection.commit()
        return time.perf_counter() - began


FLOORS: dict[str, Callable[[Given], float]] = {
    "fetch-1": lambda told: fetch(told, 1),
    "fetch-8": lambda told: fetch(told, 8),
    "copy": copy,
    "executemany": executemany,
}

if __name__ == "__main__":
    print(json.dumps({"seconds": FLOORS[sys.argv.pop(1)](given())}))
