"""Who takes part in `benchmarks/throughput.py`, and how each is started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from benchmarks.peers.vendor import KEY, SECRET
from benchmarks.vendor_server import Load

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Contestant:
    """`table`: where its rows are found afterwards; empty: it stores none.

    `share`: its share of the batch days, for one that is too slow to do them all. A floor's start does not count.
    """

    name: str
    kind: str  # floor, job or peer
    command: tuple[str, ...]
    table: str = "number_check"
    share: float = 1.0


SYNC = Contestant("numbercheck sync", "job", ("-m", "etl", "sync", "--json"), "v_number_check")
FETCHING = tuple(
    Contestant(f"floor: fetch and discard, {threads}", "floor", ("-m", "benchmarks.floors", f"fetch-{number}"), "")
    for number, threads in ((1, "1 thread"), (8, "8 threads"))
)


def _peer(name: str, module: str, *options: str, table: str = "number_check", share: float = 1.0) -> Contestant:
    return Contestant(name, "peer", ("-m", f"benchmarks.peers.{module}", *options), table, share)


COPY_FLOOR = Contestant("floor: COPY, INSERT … ON CONFLICT", "floor", ("-m", "benchmarks.floors", "copy"))
MANY_FLOOR = Contestant("floor: executemany upsert", "floor", ("-m", "benchmarks.floors", "executemany"))
PANDAS = _peer("pandas, to_sql staging", "pandas_script")
PANDAS_COPY = _peer("pandas, COPY staging", "pandas_script", "copy")
DLT = _peer("dlt, CSV, upsert", "dlt_pipeline", "items,csv,upsert", table="vendor.number_check")
DLT_ARROW = _peer(
    "dlt, Arrow, parquet, upsert", "dlt_pipeline", "arrow,parquet,upsert", table="vendor.number_check"
)
MERGE = _peer("ORM merge by row", "orm_merge", share=0.1)
LINES = {
    "sqlite": (*FETCHING, MANY_FLOOR, SYNC, PANDAS, MERGE),
    "postgresql": (*FETCHING, COPY_FLOOR, SYNC, PANDAS, PANDAS_COPY, DLT, DLT_ARROW, MERGE),
    "mariadb": (SYNC,),
}


@dataclass(frozen=True, slots=True)
class Job:
    """Where the work is: the vendor's URL, the list of batches, a directory for leftovers."""

    url: str
    load: Load
    directory: Path
    peers: Path | None

    def listing(self, share: float) -> Path:
        """A file with this share of the list, from its first batch on."""
        batches = self.load.listed()
        kept = batches[: max(1, round(len(batches) * share))]
        file = self.directory / f"batches-{len(kept)}.csv"
        file.write_text("batch_no,date\n" + "".join(f"{batch},{date}\n" for batch, date in kept))
        return file


@dataclass(frozen=True, slots=True)
class Took:
    """One run of one contestant: seconds of the whole process, of its own clock, of CPU time; peak MiB."""

    whole: float
    work: float
    cpu: float
    memory: float
    said: dict[str, object]


def run(who: Contestant, job: Job, database: sa.URL, *, again: bool) -> Took:
    """Let it do the work; `again`: for the second time. Raises SystemExit with its last output if it fails."""
    url = database.render_as_string(hide_password=False)
    listing = str(job.listing(who.share))
    if who.kind == "job":
        return _process(
            [sys.executable, *who.command, *(["--full"] if again else [])], job, settings(job, url, listing)
        )
    module, name, *options = who.command
    python = str(job.peers) if who.kind == "peer" else sys.executable
    if who.kind == "floor":
        command = [python, module, name, *options, job.url, listing, url]
    else:
        command = [python, module, name, job.url, listing, url, *options]
    return _process(command, job, {})


def prepare(job: Job, database: sa.URL) -> None:
    """Create the schema for the job, as an operator does once."""
    url = database.render_as_string(hide_password=False)
    _process([sys.executable, "-m", "etl", "db", "upgrade"], job, settings(job, url, ""))


def settings(job: Job, database: str, listing: str) -> dict[str, str]:
    given = {
        "API_URL": job.url,
        "ACCESS_KEY": KEY,
        "ACCESS_SECRET": SECRET,
        "REQUEST_INTERVAL": "0",
        "MAX_IN_FLIGHT": "32",
    }
    given |= {"DATABASE_URL": database, "BATCH_FILE": listing}
    return {f"NUMBERCHECK_{name}": value for name, value in given.items() if value}


def _process(command: list[str], job: Job, given: dict[str, str]) -> Took:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBERCHECK_")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # the peers were compiled when they were installed
    environment |= {"PYTHONPATH": str(ROOT), "BENCHMARK_DIRECTORY": str(job.directory)} | given
    with (job.directory / "out").open("w+b") as out, (job.directory / "err").open("w+b") as err:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=job.directory, env=environment, stdout=out, stderr=err)
        _, status, used = os.wait4(process.pid, 0)
        whole = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode:
            raise SystemExit(
                f"{' '.join(command[1:4])} ended with {process.returncode}: {err.read()[-2000:].decode()}"
            )
        lines = out.read().decode().splitlines()
    said = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {"seconds": whole}
    return Took(whole, float(said["seconds"]), used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, said)
