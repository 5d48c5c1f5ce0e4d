"""Where `numbercheck sync` spends its time when neither the vendor nor the pace limits it.

    python -m benchmarks.profile_sync [--rows 50000] [--database sqlite|postgresql|mariadb] [--second]

Runs the command twice within this process, each time against the server of `benchmarks/vendor_server.py` and a new
database; `--second`: on rows that are stored already, with `--full`. The first run is sampled every 2 ms from
outside: which part of the program each thread is in, where a library's work counts as the library's. That costs the
run little, so these shares are the ones to quote. The second run is profiled by cProfile, thread by thread. That
makes small Python functions look more expensive than they are, but it names the functions.

When the thread called main limits the run, it converts nothing and waits for nothing. All threads share one
interpreter lock: `CPU` near 1.0 a second means that Python itself is the limit, and a thread that waits for the
lock is counted under what it was about to do.
"""

from __future__ import annotations

import argparse
import contextlib
import cProfile
import io
import os
import pstats
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import sqlalchemy as sa

from benchmarks.contestants import Job, prepare, settings
from benchmarks.throughput import databases
from benchmarks.vendor_server import Load, running
from etl.cli import main as numbercheck

EVERY = 0.002  # seconds
MAIN, REQUESTS = "main thread", "request threads"
# The innermost frame that matches one of these decides; a commit counts as one wherever it happens.
PARTS = (
    ("waiting for answers", ("etl/run/sending.py:collect", "etl/run/sending.py:_next")),
    ("waiting for the pace", ("etl/run/gate.py:", "etl/store/slots.py:")),
    (
        "JSON",
        (
            "/json/",
            "/simplejson/",
            "etl/vendor/jsontext.py:",
            "etl/vendor/answers.py:parse",
            "etl/vendor/answers.py:loads",
            "etl/vendor/answers.py:as_decimal",
            "etl/vendor/plain.py:__init__",
        ),
    ),
    (
        "HTTP, TLS, signing",
        (
            "/requests/",
            "/urllib3/",
            "/http/",
            "/email/",
            "/socket.py:",
            "/ssl.py:",
            "/tenacity/",
            "etl/vendor/transport.py:",
            "etl/web/bounded.py:",
            "etl/vendor/signing.py:",
        ),
    ),
    ("rows to typed rows", ("etl/vendor/",)),
    ("driver and database", ("/psycopg/", "/psycopg_", "/pymysql/", "sqlalchemy/engine/default.py:do_")),
    ("SQLAlchemy", ("/sqlalchemy/",)),
    ("our store", ("etl/store/", "etl/database/", "etl/schema/", "etl/run/record.py:")),
    ("plan, ledger, the rest", ("etl/",)),
)
COMMIT = "commit"


def part_of(frame: FrameType | None) -> str:
    """The part of the program that a stack is in."""
    found = ""
    while frame is not None:
        code = frame.f_code
        if code.co_name == "do_commit":
            return COMMIT
        where = f"{code.co_filename}:{code.co_name}"
        found = found or next((part for part, marks in PARTS if any(mark in where for mark in marks)), "")
        frame = frame.f_back
    return found or "interpreter"


class Sampler(threading.Thread):
    """Samples all other threads until it is stopped."""

    def __init__(self) -> None:
        super().__init__(name="sampler", daemon=True)
        self.seen: dict[str, Counter[str]] = {MAIN: Counter(), REQUESTS: Counter()}
        self.looks = 0
        self._over = threading.Event()

    def run(self) -> None:
        main = threading.main_thread().ident
        while not self._over.wait(EVERY):
            self.looks += 1
            for thread, frame in sys._current_frames().items():
                if thread != self.ident:
                    self.seen[MAIN if thread == main else REQUESTS][part_of(frame)] += 1

    def stop(self) -> None:
        self._over.set()
        self.join()


@contextlib.contextmanager
def profiling(found: dict[str, list[cProfile.Profile]]) -> Iterator[None]:
    """Run cProfile in this thread, and in threads that are started inside the block."""
    original = threading.Thread.run

    def run(self: threading.Thread) -> None:
        profile = cProfile.Profile()
        try:
            profile.enable()
        except ValueError:  # from Python 3.12 on, a process has one profiler
            return original(self)
        try:
            return original(self)
        finally:
            profile.disable()
            found[REQUESTS].append(profile)

    threading.Thread.run = run  # type: ignore[method-assign]
    mine = cProfile.Profile()
    mine.enable()
    try:
        yield
    finally:
        mine.disable()
        threading.Thread.run = original  # type: ignore[method-assign]
        found[MAIN].append(mine)


def sync(url: sa.URL, job: Job, *, full: bool) -> None:
    """The command, in this process."""
    os.environ |= settings(job, url.render_as_string(hide_password=False), str(job.listing(1.0)))
    words = ["sync", "--json", *(["--full"] if full else [])]
    with (
        contextlib.chdir(job.directory),
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as err,
    ):
        status = numbercheck.main(words, standalone_mode=False)
    if status:
        raise SystemExit(f"numbercheck {' '.join(words)} ended with {status}: {out.getvalue()}{err.getvalue()}")


def breakdown(sampler: Sampler, wall: float, cpu: float, rows: int) -> Iterator[str]:
    yield f"{rows:,} rows in {wall:.2f} s, {rows / wall:,.0f} rows/s; CPU {cpu / wall:.2f} a second of this process"
    yield f"{'how many of them were in':<26} {MAIN:>12} {REQUESTS:>16}"
    parts = sampler.seen[MAIN] + sampler.seen[REQUESTS]
    for part, _ in parts.most_common():
        shares = [sampler.seen[group][part] / sampler.looks for group in (MAIN, REQUESTS)]
        yield f"{part:<26} {shares[0]:>12.3f} {shares[1]:>16.3f}"


def biggest(profiles: list[cProfile.Profile], count: int) -> Iterator[str]:
    """The functions in which most time was spent, callees not counted."""
    stats = pstats.Stats(profiles[0])
    for profile in profiles[1:]:
        stats.add(profile)
    entries = sorted(stats.stats.items(), key=lambda entry: -entry[1][2])  # type: ignore[attr-defined]
    yield f"{'seconds':>8} {'calls':>10}"
    for (file, line, name), (_, calls, own, *_rest) in entries[:count]:
        place = "/".join(Path(file).parts[-3:]) + f":{line} " if line else ""
        yield f"{own:>8.3f} {calls:>10,} {place}{name}"


def main() -> None:
    """Do both runs, and print what they showed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--batches", type=int, default=50)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "mariadb"), default="postgresql")
    parser.add_argument("--postgresql", default="", help="SQLAlchemy URL of a role that may create databases")
    parser.add_argument("--second", action="store_true", help="profile the second run, with --full")
    given = parser.parse_args()
    load = Load(given.rows, given.batches)
    with (
        tempfile.TemporaryDirectory(prefix="numbercheck-") as directory,
        running(load) as vendor,
        databases([given.database], given.postgresql) as found,
    ):
        job, server = Job(vendor, load, Path(directory), None), found[given.database]
        urls = [server.create(), server.create()]
        for url in urls:
            prepare(job, url)
            if given.second:
                sync(url, job, full=False)
        sys.setswitchinterval(EVERY / 4)  # otherwise a busy thread would hide for 5 ms
        sampler, began, cpu = Sampler(), time.perf_counter(), time.process_time()
        sampler.start()
        sync(urls[0], job, full=given.second)
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
        sampler.stop()
        print("\n".join(breakdown(sampler, wall, cpu, given.rows)))
        profiles: dict[str, list[cProfile.Profile]] = {MAIN: [], REQUESTS: []}
        with profiling(profiles):
            sync(urls[1], job, full=given.second)
        for group, count in ((MAIN, 25), (REQUESTS, 25)):
            if profiles[group]:
                print(f"\n{group}, under cProfile, the {count} biggest by their own time")
                print("\n".join(biggest(profiles[group], count)))


if __name__ == "__main__":
    main()
