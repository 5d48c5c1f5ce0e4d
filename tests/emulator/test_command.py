"""`numbercheck emulator` as a process of its own, and its options."""

from __future__ import annotations

import csv
import datetime as dt
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner

from etl.cli.emulator import emulator, running_from
from etl.errors import Misconfigured
from tests.another_day import PROGRAM
from tests.emulator.support import question, signed
from tests.running import HANG, ROOT
from tests.virtual import Clock

COMMAND = (sys.executable, "-m", PROGRAM, "emulator")

# The command, which says that it is about to wait for the reader of a pipe.
WAITING = """
import os, sys

def look(event, arguments):
    if event == "open" and str(arguments[0]).endswith("batches.csv"):
        os.write(1, b"waits\\n")

sys.addaudithook(look)
from etl.__main__ import start
start()
"""


@contextmanager
def running(*options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """The process, and the settings that it printed."""
    process = subprocess.Popen(
        [*COMMAND, *options], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    )
    with process:
        try:
            assert process.stdout is not None
            told = dict(process.stdout.readline().strip().split("=", 1) for _ in range(5))
            yield process, told
        finally:
            process.kill()


def ask(told: dict[str, str]) -> requests.Response:
    body = question(batchNo="260301000002", date="2026-03-01")
    key, secret = told["NUMBERCHECK_ACCESS_KEY"], told["NUMBERCHECK_ACCESS_SECRET"]
    headers = signed(body, access_key=key, secret=secret)
    return requests.post(told["NUMBERCHECK_API_URL"], data=body, headers=headers, timeout=HANG)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_told_to_end(number: signal.Signals) -> None:
    options = ("--rows", "101", "--interval", "3600", "--now", "2026-03-10T12:00:00+08:00")
    with running(*options) as (process, told):
        assert ask(told).json()["data"]["totalSize"] == 101
        assert ask(told).status_code == 429
        assert told["NUMBERCHECK_ACCOUNT"] == "emulator"
        assert told["NUMBERCHECK_REQUEST_INTERVAL"] == "3600"
        process.send_signal(number)
        assert process.wait(HANG) == 0
        assert process.stderr is not None
        note = process.stderr.read()
        assert "42 batch days" in note
        assert told["NUMBERCHECK_ACCESS_SECRET"] not in note


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_does_not_wait_for_a_reader_of_the_list_for_ever(number: signal.Signals, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "batches.csv")
    command = [sys.executable, "-c", WAITING, "emulator", "--batch-file", str(tmp_path / "batches.csv")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"waits\n"
            process.send_signal(number)
            assert process.wait(HANG) == 75
        finally:
            process.kill()


def test_the_list_of_batches_and_the_other_options(tmp_path: Path) -> None:
    batch_file = tmp_path / "my batches.csv"
    options = (
        "--batches=2",
        "--rows=7",
        "--days=3",
        "--order=hash",
        "--wording=newer",
        "--seed=4",
        "--latency=0.01",
    )
    moment = ("--now", "2026-03-09T17:00:00Z", "--fault", "status:500=1", "--batch-file", str(batch_file))
    with running(*options, *moment) as (process, told):
        assert process.stdout is not None
        assert process.stdout.readline() == f"NUMBERCHECK_BATCH_FILE='{batch_file}'\n"
        assert requests.post(told["NUMBERCHECK_API_URL"], json={}, timeout=HANG).status_code == 500
    with batch_file.open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert lines[0] == {"batch_no": "260308000001", "date": "2026-03-08", "rows": "7"}
    assert [line["date"] for line in lines] == [f"2026-03-{day:02d}" for day in (8, 8, 9, 9, 10, 10)]


def test_help_has_an_example() -> None:
    shown = CliRunner().invoke(emulator, ["--help"]).output
    assert "Example" in shown
    assert "numbercheck emulator --" in shown
    assert "duplicate_rows" in shown


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--fault", "nonsense=0.1"], "nonsense"),
        (["--fault", "html"], "html"),
        (["--fault", "html=2"], "from 0 to 1"),
        (["--fault", "html=nan"], "from 0 to 1"),
        (["--now", "yesterday"], "yesterday"),
        (["--rows", "-1"], "-1"),
    ],
)
def test_wrong_options(options: list[str], word: str) -> None:
    result = CliRunner().invoke(emulator, options)
    assert result.exit_code == 2
    assert word in result.output


def test_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Misconfigured, match=f"{port}"):
            CliRunner().invoke(emulator, ["--port", str(port)], catch_exceptions=False)


def test_a_batch_file_that_cannot_be_written(tmp_path: Path) -> None:
    path = str(tmp_path / "missing" / "batches.csv")
    with pytest.raises(Misconfigured, match="missing"):
        CliRunner().invoke(emulator, ["--batch-file", path], catch_exceptions=False)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_time_goes_on_from_now(monkeypatch: pytest.MonkeyPatch) -> None:
    time = Clock()
    monkeypatch.setattr(sys.modules[running_from.__module__], "time", time)
    start = dt.datetime(2026, 3, 10, tzinfo=dt.UTC)
    clock = running_from(start)
    assert clock() == start
    time.sleep(90)
    assert clock() == start + dt.timedelta(seconds=90)
