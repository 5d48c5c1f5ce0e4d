"""Several accounts at once in one PostgreSQL: a process each, one of them killed, and the server restarted.

Runs the real command once for each account, at the same time, against the emulator and a server of its own:

    python -m benchmarks.accounts [--accounts 5] [--rows 6000] [--interval 0.1]

In round 1 all of them run. Part way through, one is killed (SIGKILL); a little later the server is shut down as
`pg_ctl restart -m fast` does, and started again in its directory. Round 2 is what a scheduler does next: all of them
run again, undisturbed. The first two accounts bring thousands of new codes (carriers, currencies, regions, …), the
same ones in a different order. All accounts have a batch with the same number, each with rows of its own. `least` and
`middle` are the smallest and the median gap between the requests of one account, in seconds, as the vendor saw them:
if all accounts shared one pace, the median gap would be as many intervals as there are accounts.

    python -m benchmarks.accounts --rounds 20 [--database mariadb]

only provokes deadlocks: in every round, 4 accounts bring the same new codes in 4 orders to a fresh database.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from etl.emulator import Book, Emulator
from tests import customers, restarting, servers
from tests.job import Job
from tests.running import wait_until

ROOT = Path(__file__).parents[1]
DEADLOCKS = {
    "postgresql": "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()",
    "mariadb": "SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'innodb_deadlocks'",
}


@dataclass
class Told:
    """What a process left when it ended: its exit status and its complaints."""

    status: int
    complaints: list[str]


def start(job: Job) -> subprocess.Popen[str]:
    """`numbercheck sync --json` as a scheduler would start it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBERCHECK_")}
    return subprocess.Popen(
        [sys.executable, "-m", "etl", "sync", "--json"],
        cwd=job.batch_file.parent,
        env=environment | job.environment | {"PYTHONPATH": str(ROOT), "NUMBERCHECK_LOG_FORMAT": "json"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> Told:
    _, err = process.communicate(timeout=300)
    lines = [json.loads(line) for line in err.splitlines()]
    complaints = [line["message"] for line in lines if line["level"].lower() in ("error", "critical")]
    return Told(process.returncode, complaints)


@contextlib.contextmanager
def no_process_left(processes: list[subprocess.Popen[str]]) -> Iterator[None]:
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def deadlocks(url: sa.URL) -> int:
    """The deadlocks that the server counted: PostgreSQL in this database, MariaDB in all of them."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        counted = connection.exec_driver_sql(DEADLOCKS[url.get_backend_name()]).scalar_one()
    engine.dispose()
    return int(counted)


def missing(job: Job) -> str:
    """Empty if the account's rows equal the vendor's, field by field; otherwise what differs."""
    try:
        job.assert_equals_vendor()
    except AssertionError as error:
        return f"WRONG: {error}"[:80]
    return "the same"


# -- the trial --------------------------------------------------------------------------------------------


def fill(book: Book, accounts: list[str], rows: int, vendor: Emulator) -> None:
    """Fill the book: new codes in the first two accounts, usual rows in the others, a batch `SHARED` in all."""
    date = customers.settled_day(vendor)
    customers.register(book, accounts)
    for seed, name in enumerate(accounts):
        key = customers.key_of(name)
        book.add_generated("SHARED", date, rows // 4, seed, access_key=key)
        if seed < 2:
            book.add(f"NEW-{seed}", date, customers.rows_with_new_codes(name, rows * 3 // 4), access_key=key)
        else:
            book.add_generated(f"B-{seed}", date, rows * 3 // 4, seed, access_key=key)


def disturbed(
    jobs: dict[str, Job], vendor: Emulator, server: restarting.Restarting, url: sa.URL, pages: int
) -> tuple[list[Told], int]:
    """Round 1: all at once; the last but one is killed at a third of its pages, the server restarted at two thirds."""
    processes = [start(job) for job in jobs.values()]
    accounts = list(jobs)
    victim = len(accounts) - 2
    with no_process_left(processes):
        wait_until(lambda: len(customers.requests_of(vendor, accounts[victim])) >= pages // 3, 120)
        processes[victim].kill()
        # Even the slowest account is far enough, so that all are in the middle of their work.
        others = [name for name in accounts if name != accounts[victim]]
        wait_until(lambda: min(len(customers.requests_of(vendor, name)) for name in others) >= pages // 2, 120)
        counted = deadlocks(url)
        running = sum(process.poll() is None for process in processes)
        server.stop()
        server.start()
        print(f"killed: {accounts[victim]}; running when the server was shut down: {running}")
        return [finish(process) for process in processes], counted


def undisturbed(jobs: dict[str, Job]) -> list[Told]:
    processes = [start(job) for job in jobs.values()]
    with no_process_left(processes):
        return [finish(process) for process in processes]


def trial(count: int, rows: int, interval: float) -> None:
    """Both rounds, and the table."""
    accounts = customers.names(count)
    with (
        tempfile.TemporaryDirectory() as directory,
        restarting.postgresql() as (server, again),
        Emulator(Book()) as vendor,
    ):
        fill(vendor.book, accounts, rows, vendor)
        url = server.create(at_head=True)
        given = {"request_interval": str(interval)}
        jobs = {name: customers.job(url, vendor, name, Path(directory), **given) for name in accounts}
        first, before = disturbed(jobs, vendor, again, url, rows // 100)
        asked = [len(customers.requests_of(vendor, name)) for name in accounts]
        second = undisturbed(jobs)
        print(table(jobs, vendor, first, second, asked))
        for told, times in Counter(text for run in first + second for text in run.complaints).items():
            print(f"read {times} x: {told}")
        print(f"deadlocks counted by PostgreSQL: {before} before the restart, {deadlocks(url)} at the end")
        print(f"runs that found another account's lock: {locked(first + second)}; interval: {interval:g} s")
        for job in jobs.values():
            job.engine.dispose()


def locked(runs: list[Told]) -> int:
    return sum("Another sync" in text for run in runs for text in run.complaints)


def table(jobs: dict[str, Job], vendor: Emulator, first: list[Told], second: list[Told], asked: list[int]) -> str:
    lines = [
        f"{'account':<12} {'round 1':>8} {'requests':>9} {'round 2':>8} {'requests':>9} {'rows':>7} {'held':>7} "
        f"{'least':>6} {'middle':>7}  fields"
    ]
    for number, (name, job) in enumerate(jobs.items()):
        found = list(customers.gaps(vendor, name))
        there = sum(len(day) for _, _, day in vendor.book.batch_days(customers.key_of(name)))
        query = "SELECT count(*) AS held FROM v_number_check WHERE account = :account"
        held = job.query(query, account=name)[0]["held"]
        later = len(customers.requests_of(vendor, name)) - asked[number]
        lines.append(
            f"{name:<12} {first[number].status:>8} {asked[number]:>9,} {second[number].status:>8} {later:>9,} "
            f"{there:>7,} {held:>7,} {min(found):>6.3f} {statistics.median(found):>7.3f}  {missing(job)}"
        )
    return "\n".join(lines)


# -- deadlocks --------------------------------------------------------------------------------------------


def ask_for_deadlocks(kind: str, rounds: int, rows: int, interval: float) -> None:
    """The same new codes in 4 orders, `rounds` times, with little pacing or none."""
    accounts = customers.names(4)
    statuses: Counter[int] = Counter()
    found, told, wrong = 0, Counter[str](), 0
    with (
        {"postgresql": servers.postgresql, "mariadb": servers.mariadb}[kind]() as server,
        Emulator(Book()) as vendor,
    ):
        customers.register(vendor.book, accounts)
        for name in accounts:
            made = customers.rows_with_new_codes(name, rows)
            vendor.book.add("NEW", customers.settled_day(vendor), made, access_key=customers.key_of(name))
        for _ in range(rounds):
            url = server.create(at_head=True)
            before = deadlocks(url)
            with tempfile.TemporaryDirectory() as directory:
                given = {"request_interval": str(interval)}
                jobs = {name: customers.job(url, vendor, name, Path(directory), **given) for name in accounts}
                runs = undisturbed(jobs)
                wrong += sum(missing(job) != "the same" for job in jobs.values())
                for job in jobs.values():
                    job.engine.dispose()
            statuses.update(run.status for run in runs)
            told.update(text for run in runs for text in run.complaints)
            found += deadlocks(url) - before
            server.drop(url)
    ended = ", ".join(f"{times} with {status}" for status, times in sorted(statuses.items()))
    print(f"{kind}: {rounds} rounds of 4 accounts, {rows:,} rows and {rows:,} new codes of 6 kinds each")
    print(f"runs ended: {ended}; deadlocks counted by the server: {found}; accounts with missing rows: {wrong}")
    for text, times in told.items():
        print(f"read {times} x: {text}")


def main() -> None:
    """Run the trial, or only the part about deadlocks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=5, help="at least 3")
    parser.add_argument("--rows", type=int, default=6_000, help="of each account")
    parser.add_argument("--interval", type=float, default=0.1, help="seconds between an account's requests")
    parser.add_argument("--rounds", type=int, default=0, help="fresh databases for the part about deadlocks")
    parser.add_argument("--database", choices=sorted(DEADLOCKS), default="postgresql", help="for --rounds")
    given = parser.parse_args()
    if given.rounds:
        ask_for_deadlocks(given.database, given.rounds, 1_200, 0.0)
    else:
        trial(given.accounts, given.rows, given.interval)


if __name__ == "__main__":
    main()
