"""deploy/compose/daily.py: when the next run starts, and that a signal ends both the waiting and the run."""

from __future__ import annotations

import datetime as dt
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from zoneinfo import ZoneInfo

import pytest

from tests.scripts import loaded

FILE = Path(__file__).parents[2] / "deploy" / "compose" / "daily.py"
SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")


def load() -> ModuleType:
    return loaded(FILE)


def next_start(now: str, at: str, zone: ZoneInfo) -> str:
    moment: dt.datetime = load().next_start(dt.datetime.fromisoformat(now), dt.time.fromisoformat(at), zone)
    assert moment.tzinfo is dt.UTC
    return moment.isoformat()


@pytest.mark.parametrize(
    ("now", "start"),
    [
        ("2026-03-01T04:34:59+00:00", "2026-03-01T04:35:00+00:00"),
        ("2026-03-01T04:35:00+00:00", "2026-03-02T04:35:00+00:00"),
        ("2026-03-01T17:00:00+00:00", "2026-03-02T04:35:00+00:00"),  # there, the next day has already begun
        ("2026-03-01T12:34:00+08:00", "2026-03-01T04:35:00+00:00"),
        ("2026-12-31T23:59:59+00:00", "2027-01-01T04:35:00+00:00"),
    ],
)
def test_the_next_time_that_the_clock_of_the_zone_shows_it(now: str, start: str) -> None:
    assert next_start(now, "12:35", SHANGHAI) == start


def test_the_hour_follows_the_clocks_of_the_zone() -> None:
    assert next_start("2026-03-28T12:00:00+00:00", "03:30", BERLIN) == "2026-03-29T01:30:00+00:00"
    assert next_start("2026-03-29T12:00:00+00:00", "03:30", BERLIN) == "2026-03-30T01:30:00+00:00"
    assert next_start("2026-03-27T12:00:00+00:00", "03:30", BERLIN) == "2026-03-28T02:30:00+00:00"


def test_an_hour_that_is_skipped_or_comes_twice_gives_one_run() -> None:
    assert next_start("2026-03-28T12:00:00+00:00", "02:30", BERLIN) == "2026-03-29T01:30:00+00:00"
    assert next_start("2026-10-24T12:00:00+00:00", "02:30", BERLIN) == "2026-10-25T00:30:00+00:00"
    assert next_start("2026-10-25T00:30:00+00:00", "02:30", BERLIN) == "2026-10-26T01:30:00+00:00"


def test_a_moment_that_is_over_is_not_waited_for() -> None:
    assert load().wait_until(dt.datetime(2026, 3, 1, tzinfo=dt.UTC)) is True


@contextmanager
def daily(*command: str) -> Iterator[subprocess.Popen[str]]:
    """The script at work, for a time of day that is hours away."""
    at = (dt.datetime.now(dt.UTC) + dt.timedelta(hours=5)).strftime("%H:%M")
    arguments = [sys.executable, FILE, at, "UTC", *command]
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_waiting(number: signal.Signals) -> None:
    with daily("sh", "-c", "exit 75") as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        assert "sh -c exit 75 ended with status 75; the next run starts at " in first
        process.send_signal(number)
        rest = process.stderr.read()
        assert process.wait() == 0
    assert rest.endswith("Z stopped\n")


def test_sigterm_is_handed_to_the_run_and_its_status_is_the_end() -> None:
    job = (
        "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(75)); print('up', flush=True); "
        "signal.pause()"
    )
    with daily(sys.executable, "-c", job) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 75
        assert process.stderr.read().endswith("ended with status 75; stopped\n")


def test_a_run_that_is_killed_is_told_with_its_signal_and_the_next_one_planned() -> None:
    with daily("sh", "-c", "kill -9 $$") as process:
        assert process.stderr is not None
        assert "ended with status 137; the next run starts at " in process.stderr.readline()


def test_it_needs_nothing_but_the_standard_library() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", FILE, "12:35", "UTC", "/does/not/exist"], capture_output=True, text=True
    )
    assert "FileNotFoundError" in done.stderr
