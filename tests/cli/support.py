"""`numbercheck` as seen by someone who knows only CONTRACT.md: as a process of its own where that matters.

Whatever it writes is checked: it holds no traceback, no secret and no whole phone number, and its log is JSON unless
it is written to a terminal.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from click.testing import CliRunner

from etl.cli import main
from etl.database.engine import connect, reading
from etl.emulator import Emulator, Fault, Faults, utcnow
from tests.another_day import PROGRAM
from tests.running import HANG, inherited, wait_until
from tests.servers import PASSWORD

ROOT = Path(__file__).parents[2]  # so that `etl` does not have to be installed
NOW = dt.datetime(2026, 3, 10, 4, 0, tzinfo=dt.UTC)  # noon in Shanghai
TODAY = dt.date(2026, 3, 10)
FIRST = dt.date(2026, 2, 25)  # of the window of 14 days
DAY = dt.timedelta(days=1)
THIS_HOUR = f"{NOW:%Y-%m-%dT%H}:"
"""How a moment recorded by a run at NOW begins: the run's clock goes on from NOW."""

RESULT = {
    "run_id", "status", "exit_code", "window", "batch_days", "requests", "retries", "rows", "at_risk", "seconds", "doubts"
}  # fmt: skip
BATCH_DAYS = {"planned", "settled", "open", "incomplete", "lost"}
ROWS = {"received", "inserted", "updated", "unchanged", "rejected"}


@dataclass(frozen=True)
class Done:
    """A process that ended, and what it wrote."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The object on the last line of standard output."""
        found = json.loads(self.out.splitlines()[-1])
        assert isinstance(found, dict)
        return found

    @property
    def result(self) -> dict[str, Any]:
        """The result of `sync --json`, which has the keys of the contract and no others."""
        found = self.json
        assert (set(found), set(found["batch_days"]), set(found["rows"])) == (RESULT, BATCH_DAYS, ROWS)
        assert found["window"].keys() == {"first", "last"}
        assert found["exit_code"] == self.status
        for entry in found["at_risk"]:
            assert entry.keys() == {"batch_no", "date", "deadline", "missing_rows"}
        for entry in found["doubts"]:
            assert entry.keys() == {"batch_no", "date", "kind", "reported_rows", "submitted_rows"}
        return found

    @property
    def log(self) -> list[dict[str, Any]]:
        """The records of the log."""
        return [json.loads(line) for line in self.err.splitlines()]

    @property
    def messages(self) -> str:
        """The messages of the log, one on each line."""
        return "\n".join(record["message"] for record in self.log)


class Command:
    """Runs the command in `directory`, with settings for the job against `vendor` and no others."""

    def __init__(self, directory: Path, vendor: Emulator, bytecode: Path) -> None:
        self.directory = directory
        self.vendor = vendor
        self.processes = True  # False: in this process, which is much faster and looks the same
        self.module = PROGRAM
        self.json_log = True
        self.traceback = False
        self.secrets = [vendor.book.first.secret, vendor.book.first.access_key, PASSWORD]
        self.environment = inherited() | {
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "error",
            "PYTHONFAULTHANDLER": "1",
            "NUMBERCHECK_API_URL": vendor.url,
            "NUMBERCHECK_ACCESS_KEY": vendor.book.first.access_key,
            "NUMBERCHECK_ACCESS_SECRET": vendor.book.first.secret,
            "NUMBERCHECK_REQUEST_INTERVAL": "0",
            "NUMBERCHECK_TIMEOUT": f"{HANG:g}",  # some tests let the vendor hold back answers
        }
        self.environment |= {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
        if sys.dont_write_bytecode:  # then compile once for all tests, not in every process
            self.environment["PYTHONPYCACHEPREFIX"] = str(bytecode)
        self._phones: set[str] = set()

    def __call__(self, *arguments: str, status: int = 0, stdin: bytes = b"", **settings: Any) -> Done:
        """Run it to its end. Settings are named without their prefix; None removes one."""
        if self.processes:
            return self.finish(self.start(*arguments, **settings), status=status, stdin=stdin)
        runner = CliRunner(env=self.changed(**settings))
        result = runner.invoke(main, arguments, stdin, prog_name="numbercheck")
        return self._looked_at(Done(result.exit_code, result.stdout, result.stderr), status)

    def at(self, moment: dt.datetime, *arguments: str, status: int = 0, **settings: Any) -> Done:
        """Run it as if it were that moment, for the vendor too."""
        self.vendor.now = lambda: moment
        return self(*arguments, "--now", moment.isoformat(), status=status, **settings)

    def sync(self, *arguments: str, status: int = 0, moment: dt.datetime = NOW, **settings: Any) -> Done:
        """`numbercheck sync --json` at a moment; its result has been checked."""
        done = self.at(moment, "sync", "--json", *arguments, status=status, **settings)
        assert done.result["exit_code"] == status
        return done

    def start(self, *arguments: str, **settings: Any) -> subprocess.Popen[bytes]:
        """Start it, and leave it running."""
        return subprocess.Popen(
            [sys.executable, "-m", self.module, *arguments],
            cwd=self.directory,
            env=self.changed(**settings),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def changed(self, **settings: Any) -> dict[str, str]:
        """The environment with these settings."""
        given = {f"NUMBERCHECK_{name.upper()}": value for name, value in settings.items()}
        return {name: value for name, value in (self.environment | given).items() if value is not None}

    def finish(self, process: subprocess.Popen[bytes], *, status: int = 0, stdin: bytes = b"") -> Done:
        """Wait for its end, and check what it wrote."""
        with ended(process):
            out, err = process.communicate(stdin, HANG)
        return self._looked_at(Done(process.returncode, out.decode(), err.decode()), status)

    def _looked_at(self, done: Done, status: int) -> Done:
        assert done.status == status, f"{done.status}, not {status}:\n{done.out}\n{done.err}"
        self.look_at(done.out + done.err)
        if self.json_log and status != 2:  # click has its own words on wrong options
            assert all({"time", "level", "message"} <= record.keys() for record in done.log)
        return done

    def look_at(self, text: str) -> None:
        """Check that this output holds nothing that no output may hold."""
        assert ("Traceback" in text) is self.traceback, text
        assert not [secret for secret in self.secrets if secret in text]
        assert not [phone for phone in self.phones() if phone in text]

    def phones(self) -> set[str]:
        """Every whole phone number that the vendor knows."""
        days = [day for _, _, day in self.vendor.book.batch_days()]
        if not self._phones:
            self._phones = {str(day.phone(index)) for day in days for index in range(len(day))} - {"None"}
        return {phone for phone in self._phones if "*" not in phone and len(phone) > 5}

    def write_list(self, lines: Iterable[str], head: str = "batch_no,date,rows") -> None:
        """Write a batch file with these lines."""
        path = self.directory / "batches.csv"
        path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
        self.environment["NUMBERCHECK_BATCH_FILE"] = str(path)

    def query(self, text: str, database: str = "numbercheck.db") -> list[tuple[Any, ...]]:
        """Rows of a query on the SQLite database, read through another connection."""
        with closing(sqlite3.connect(self.directory / database, timeout=HANG)) as connection, connection:
            return connection.execute(text).fetchall()

    def files(self) -> set[str]:
        """The names of the files in the directory."""
        return {path.name for path in self.directory.iterdir()}


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Make sure that the process is gone in the end. If the test fails, it says what the process was doing."""
    with process:
        try:
            yield process
        except BaseException as error:
            error.add_note(_last_words(process))
            raise
        finally:
            process.kill()


def _last_words(process: subprocess.Popen[bytes]) -> str:
    """How it ended and what it wrote that nobody has read; where it is still at work, also where its threads are."""
    status = process.poll()
    if status is None:
        process.send_signal(signal.SIGABRT)  # faulthandler tells the threads
    try:
        out, err = process.communicate(timeout=HANG)
    except (ValueError, subprocess.TimeoutExpired) as error:  # a pipe is closed; it is stopped
        return f"The process: status {status}, {error!r}"
    return f"The process: status {status}\n{(out or b'').decode()}\n{(err or b'').decode()}"


class Holding(Faults):
    """Lets so many requests be answered, and holds back later ones until they are released."""

    def __init__(self, answered: int) -> None:
        super().__init__()
        self._numbers = itertools.count()
        self._answered = answered
        self.release = threading.Event()

    def draw(self, batch_no: object = None, page: object = None) -> Fault | None:
        """Called for each request, in a thread of its own."""
        if next(self._numbers) >= self._answered:
            self.release.wait()
        return super().draw(batch_no, page)


@contextmanager
def holding(vendor: Emulator, answered: int = 1) -> Iterator[threading.Event]:
    """Keep a run at work: the vendor answers so many requests, then none until the event is set or this ends."""
    faults = vendor.behaviour.faults
    held = vendor.behaviour.faults = Holding(answered)
    try:
        yield held.release
    finally:
        held.release.set()
        vendor.behaviour.faults = faults


@contextmanager
def being_read(fifo: Path) -> Iterator[None]:
    """Begins once this pipe has a reader, which gets nothing inside the block, and reaches its end afterwards."""
    writers: list[int] = []
    wait_until(lambda: writers or _opened(fifo, writers))
    try:
        yield
    finally:
        os.close(writers[0])


def _opened(fifo: Path, writers: list[int]) -> None:
    with suppress(OSError):  # ENXIO: nobody reads from it yet
        writers.append(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))


@contextmanager
def connected(url: sa.URL, patient: bool = True) -> Iterator[sa.Engine]:
    """Another engine for this database."""
    engine = connect(url, patient=patient)
    try:
        yield engine
    finally:
        engine.dispose()


def rows(url: sa.URL, query: str) -> list[tuple[object, ...]]:
    """Rows of a query on any database."""
    with connected(url) as engine, reading(engine).connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def real_time(vendor: Emulator) -> None:
    """Let the vendor use the real time from now on, as `doctor` does."""
    vendor.now = utcnow


def terminate(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
