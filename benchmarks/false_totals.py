"""What one false `totalSize` costs: memory of the process, requests, and what the next run finds.

Four batch days are listed. One answer about the first of them says a total that is false: the first, a middle or the
last one that an honest vendor would need. The run may send 400 requests. Then the vendor is honest again, and the
job runs once more. Whole processes, each measured from outside. From the project's root:

    python -m benchmarks.false_totals [--rows 2700] [--total 2147483647 --total 1000000 --total 100000]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import sqlalchemy as sa

from etl.emulator import Book, Emulator, Fault, Faults
from tests.job import Job
from tests.whole.test_bounds_vendor import DAY, LATER

ROOT = Path(__file__).parents[1]
OTHERS = {"B": 250, "C": 40, "D": 100}
BOUND = 400
MOST_MEMORY = 4 * 2**30
"""Bytes of address space that a run gets."""
TOTALS = (2**31 - 1, 10**6, 10**5)


class OneFalse(Faults):
    """The answer with this number (from 1) about batch A says another total; 0: none does."""

    def __init__(self, total: int, number: int) -> None:
        super().__init__()
        self._fault = Fault("data", data={"totalSize": total})
        self._left = number

    def draw(self, batch_no: object = None, page: object = None) -> Fault | None:
        if batch_no != "A":
            return None
        self._left -= 1
        return self._fault if self._left == 0 else None


def run(job: Job) -> str:
    """One run of the command: what it did, in a few columns."""
    job.vendor.clear()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("NUMBERCHECK_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "etl", "sync", "--json", "--now", LATER.isoformat(), "--max-requests", str(BOUND)],
        cwd=job.batch_file.parent,
        env=inherited | job.environment | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY)),  # noqa: PLW1509
    )
    out = process.stdout.read() if process.stdout else ""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    exit_code = json.loads(out.splitlines()[-1])["exit_code"] if out.strip() else process.returncode
    mine = sum((request.body or {}).get("batchNo") == "A" for request in job.vendor.requests)
    rest = len(job.vendor.requests) - mine
    found = job.coverage()
    reported = (found.get(("A", str(DAY))) or {}).get("reported_rows")
    whole = sum(row["state"] == "settled" for row in found.values())
    memory = used.ru_maxrss / 1024
    return (
        f"{exit_code:>4} {memory:>6.0f} {mine:>5} {rest:>6} {whole:>7} {'-' if reported is None else reported:>13}"
    )


def measure(total: int, number: int, rows: int) -> tuple[str, str]:
    """A run with a false total, and the next one."""
    book = Book()
    for name, count in {"A": rows, **OTHERS}.items():
        book.add_generated(name, DAY, count)
    with tempfile.TemporaryDirectory() as directory, Emulator(book, now=lambda: LATER) as vendor:
        vendor.behaviour.faults = OneFalse(total, number)
        url = sa.make_url(f"sqlite:///{directory}/bench.db")
        lines = [f"{name},{DAY}," for name in ("A", *OTHERS)]
        job = Job(url, vendor, lines, Path(directory), spill_days="0")
        first = run(job)
        vendor.behaviour.faults = Faults()
        second = run(job)
        job.engine.dispose()
    return first, second


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_700, help="rows of the batch day that is lied about")
    parser.add_argument("--total", type=int, action="append", help="a false total; repeatable")
    given = parser.parse_args()
    pages = -(-given.rows // 100)
    columns = "exit    MiB     A others settled reported rows"
    print(f"{given.rows:,} rows, {pages} pages. {'':<17} {'with the false total':<48} the next run")
    print(f"{'false total':<14} {'answer':<8} {columns} {columns}")
    honest = measure(0, 0, given.rows)
    print(f"{'none':<14} {'':<8} {honest[0]} {honest[1]}", flush=True)
    for total in given.total or TOTALS:
        for name, number in (("first", 1), ("middle", (pages + 1) // 2), ("last", pages)):
            first, second = measure(total, number, given.rows)
            print(f"{total:<14,} {name:<8} {first} {second}", flush=True)


if __name__ == "__main__":
    main()
