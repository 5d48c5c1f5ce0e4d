"""Rows a second of `numbercheck sync`, compared with what no job can beat and with the usual tools.

    python -m benchmarks.throughput [--rows 100000] [--rounds 3] [--peers-python PATH] [--postgresql URL]

Pacing is off, and the vendor is `benchmarks/vendor_server.py`, one process that answers all contestants from memory.
In each round every contestant gets an empty database on the same server with the same settings, and runs twice, each
time as a process of its own: the second time every row is stored already (`numbercheck sync --full`, so that it reads
everything again). The order of the contestants is reversed after each round. After every run the stored rows, their
distinct keys and the sum of their prices are compared with what the vendor serves.

Floors (benchmarks/floors.py; only their own clock counts, with connections, rows and tables ready):
    fetch and discard           sign, send, receive every page with requests over kept-alive connections; no JSON
    COPY, INSERT … ON CONFLICT  PostgreSQL; rows in memory into one flat table, in one transaction
    executemany upsert          SQLite; the same
Peers (benchmarks/peers/; they fetch every page of every batch day in sequence or as the tool does, and upsert by
message id and phone into one flat table):
    pandas, to_sql staging      a frame for each batch day, to_sql with its defaults, INSERT … ON CONFLICT
    pandas, COPY staging        the same, with the COPY callable of pandas' documentation
    dlt, CSV, upsert            rows as they are; the fastest way found of passing rows to dlt
    dlt, Arrow, parquet, upsert an Arrow table for each batch day, which dlt's normalizing step passes through, loaded
                                by ADBC; more work for its user, less for the processor
    ORM merge by row            SQLAlchemy's Session.merge, on a tenth of the batches: it is slow

Peers live in an environment of their own:
    python -m venv peers && peers/bin/pip install --no-deps --require-hashes \\
        -r benchmarks/peers/requirements.lock
    python -m benchmarks.throughput --peers-python peers/bin/python

`seconds` and `rows/s` are those of the whole process, including its start; `own clock` leaves the imports out.
`sync is` shows how many times as many rows a second the first run of `numbercheck sync` stores in the same round.
Figures are medians, with the minimum and the maximum in brackets.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import signal
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import sqlalchemy as sa

from benchmarks import contestants
from benchmarks.contestants import LINES, SYNC, Contestant, Job, Took
from benchmarks.peers.vendor import pages, session
from benchmarks.vendor_server import Load, running, speed
from tests import servers

NO_PEERS = (
    "Without --peers-python the usual tools do not take part. To include them: "
    "python -m venv peers && peers/bin/pip install --no-deps --require-hashes -r benchmarks/peers/requirements.lock; "
    "--peers-python peers/bin/python"
)
Truth = tuple[int, int, Decimal]  # rows, distinct keys, sum of the prices
Runs = dict[tuple[str, Contestant, bool], list[Took]]


@dataclass(slots=True)
class Results:
    """By database, contestant and whether it was the second run; one entry for each round."""

    runs: Runs = field(default_factory=lambda: defaultdict(list))
    wrong: dict[tuple[str, Contestant, bool], str] = field(default_factory=dict)


# -- databases --------------------------------------------------------------------------------------------


class Given:
    """Databases on a PostgreSQL server that was given."""

    def __init__(self, url: str) -> None:
        self._admin = sa.create_engine(
            sa.make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
        )
        self._number = 0

    def create(self) -> sa.URL:
        self._number += 1
        name = f"numbercheck_throughput_{self._number}"
        with self._admin.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        return self._admin.url.set(database=name)

    def drop(self, url: sa.URL) -> None:
        with self._admin.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {url.database} WITH (FORCE)")


@contextlib.contextmanager
def databases(kinds: list[str], postgresql: str) -> Iterator[dict[str, servers.Server | Given]]:
    """A server of each kind; one that is not on this machine is left out."""
    started: dict[str, Callable[[], contextlib.AbstractContextManager[servers.Server]]] = {
        "sqlite": servers.sqlite,
        "postgresql": servers.postgresql,
        "mariadb": servers.mariadb,
    }
    with contextlib.ExitStack() as stack:
        found: dict[str, servers.Server | Given] = {}
        for kind in kinds:
            try:
                given = kind == "postgresql" and postgresql
                found[kind] = Given(postgresql) if given else stack.enter_context(started[kind]())
            except servers.NotHere as error:
                print(f"{kind} is left out. {error}")
        yield found


def settle(url: sa.URL) -> None:
    """Have the previous contestant's pending writes done before the next one starts."""
    if url.get_backend_name() == "postgresql":
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        with contextlib.suppress(sa.exc.DBAPIError), engine.connect() as connection:
            connection.exec_driver_sql("CHECKPOINT")
        engine.dispose()


# -- what is right ----------------------------------------------------------------------------------------


@functools.cache
def truth(job: Job, share: float) -> Truth:
    """What the vendor serves for this share of the batches."""
    count, total = 0, Decimal()
    keys: set[tuple[str, str]] = set()
    lines = job.listing(share).read_text().splitlines()[1:]
    with session() as vendor:
        for line in lines:
            batch, date = line.split(",")
            for rows in pages(vendor, job.url, batch, date):
                count += len(rows)
                keys.update((row["messageId"], row["phone"]) for row in rows)
                total += sum(Decimal(str(row["price"])) for row in rows)
    return count, len(keys), total


def stored(url: sa.URL, table: str) -> Truth:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        number, total = connection.exec_driver_sql(f"SELECT count(*), sum(price) FROM {table}").one()
        distinct = connection.exec_driver_sql(
            f"SELECT count(*) FROM (SELECT DISTINCT message_id, phone FROM {table}) AS found"
        ).scalar_one()
    engine.dispose()
    return number, distinct, Decimal(str(total))


def judge(found: Truth, true: Truth) -> str:
    """What is wrong, in words; empty if all is right."""
    if found[:2] != (true[1], true[1]):
        return f"WRONG: {found[0]:,} rows, {found[1]:,} keys of {true[1]:,}"
    # A price that went through a float is accepted.
    return "" if abs(found[2] - true[2]) < 1 else f"WRONG: prices come to {found[2]}, not {true[2]}"


# -- measuring --------------------------------------------------------------------------------------------


def one_round(results: Results, job: Job, servers_: dict[str, servers.Server | Given], backward: bool) -> None:
    for kind, server in servers_.items():
        taking_part = [who for who in LINES[kind] if job.peers is not None or who.kind != "peer"]
        for who in reversed(taking_part) if backward else taking_part:
            url = server.create()
            if who == SYNC:
                contestants.prepare(job, url)
            for again in (False, True) if who.table else (False,):
                settle(url)
                took = contestants.run(who, job, url, again=again)
                results.runs[kind, who, again].append(took)
                print(f"{kind}, {who.name}, run {1 + again}: {took.whole:.1f} s", file=sys.stderr)
                what = judge(stored(url, who.table), truth(job, who.share)) if who.table else ""
                if what:
                    results.wrong[kind, who, again] = what
            server.drop(url)


def shown(values: list[float], digits: int) -> str:
    middle = statistics.median(values)
    return f"{middle:,.{digits}f} ({min(values):,.{digits}f}–{max(values):,.{digits}f})"


HEAD = (
    f"{'':<36} {'run':>3} {'rows':>9} {'seconds':>20} {'rows/s':>8} {'sync is, times':>20} "
    f"{'own clock':>10} {'sync is':>8} {'CPU s':>6} {'MiB':>5}  right"
)


def rates(took: list[Took], who: Contestant, rows: int, own: bool) -> list[float]:
    """Rows a second of each round."""
    return [rows / (run.work if own or who.kind == "floor" else run.whole) for run in took]


def used(took: list[Took], who: Contestant) -> str:
    """CPU seconds and MiB; a floor uses most of them to get ready."""
    if who.kind == "floor":
        return f"{'–':>6} {'–':>5}"
    return (
        f"{statistics.median(run.cpu for run in took):>6.1f} {statistics.median(run.memory for run in took):>5.0f}"
    )


def table(results: Results, kind: str, rows: Callable[[float], int]) -> Iterator[str]:
    yield f"{kind}\n{HEAD}"
    base = results.runs.get((kind, SYNC, False), [])
    if not base:
        return
    for (where, who, again), took in results.runs.items():
        if where != kind:
            continue
        count = rows(who.share)
        whole, own = rates(took, who, count, own=False), rates(took, who, count, own=True)
        times = [a / b for a, b in zip(rates(base, SYNC, rows(1.0), own=False), whole, strict=False)]
        own_times = [a / b for a, b in zip(rates(base, SYNC, rows(1.0), own=True), own, strict=False)]
        verdict = results.wrong.get((where, who, again), "yes" if who.table else "–")
        yield (
            f"{who.name:<36} {1 + again:>3} {count:>9,} {shown([count / rate for rate in whole], 2):>20} "
            f"{statistics.median(whole):>8,.0f} {shown(times, 2):>20} {count / statistics.median(own):>10.2f} "
            f"{statistics.median(own_times):>8.2f} {used(took, who)}  {verdict}"
        )


def versions(peers: Path | None) -> str:
    if peers is None:
        return NO_PEERS
    code = (
        "import importlib.metadata as m, sys; "
        "print('peers:', ', '.join(n + ' ' + m.version(n) for n in ('dlt', 'pandas', 'SQLAlchemy')), 'on Python', sys.version.split()[0])"
    )
    return subprocess.run([peers, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--batches", type=int, default=50)
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--databases", default="sqlite,postgresql,mariadb", help="some of them")
    parser.add_argument("--postgresql", default="", help="SQLAlchemy URL of a role that may create databases")
    parser.add_argument("--peers-python", type=lambda path: Path(path).absolute(), help="see above")
    parser.add_argument("--json", type=Path, help="write every single run there")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped too
    load, results = Load(given.rows, given.batches, given.days), Results()
    print(versions(given.peers_python), flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="numbercheck-") as directory,
        running(load) as url,
        databases(given.databases.split(","), given.postgresql) as found,
    ):
        job = Job(url, load, Path(directory), given.peers_python)
        print(f"the vendor's server: {speed(url, load):,.0f} pages/s to one client that only receives", flush=True)
        try:
            for number in range(given.rounds):
                one_round(results, job, found, backward=number % 2 == 1)
        finally:  # also print what an interrupted round has measured
            for kind in found:
                print("\n".join(table(results, kind, lambda share: truth(job, share)[0])), flush=True)
    if given.json:
        singles = [
            {
                "database": kind,
                "who": who.name,
                "run": 1 + again,
                "seconds": [run.whole for run in took],
                "own": [run.work for run in took],
            }
            for (kind, who, again), took in results.runs.items()
        ]
        given.json.write_text(json.dumps(singles, indent=1))


if __name__ == "__main__":
    main()
