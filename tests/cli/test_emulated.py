"""The emulator's own example, in a directory whose `.env` belongs to the real job."""

from __future__ import annotations

import subprocess
import sys

import pytest

from etl.cli.emulator import DATABASE, NOT_FOR_EMULATED
from etl.settings.settings import SETTINGS
from tests.cli.support import Command, ended
from tests.running import HANG

DOTENV = """
NUMBERCHECK_DATABASE_URL=sqlite:///real.db
NUMBERCHECK_AUTO_MIGRATE=false
NUMBERCHECK_ACCESS_KEY_FILE=nowhere
NUMBERCHECK_BATCH_TEMPLATE={date:%Y%m%d}
NUMBERCHECK_MAX_REQUESTS=1
NUMBERCHECK_WINDOW_DAYS=1
NUMBERCHECK_TIMEZONE=America/Los_Angeles
NUMBERCHECK_METRICS_FILE=real.prom
NUMBERCHECK_PING_URL=http://127.0.0.1:9/ping
"""
EXAMPLE = 'set -a; . ./emulator.env; "$0" -m etl sync'


@pytest.mark.parametrize("listed", [True, False])
def test_the_example_leaves_what_is_real_alone(command: Command, listed: bool) -> None:
    (command.directory / ".env").write_text(DOTENV, encoding="utf-8")
    for name in [name for name in command.environment if name.startswith("NUMBERCHECK_")]:
        del command.environment[name]
    options = ["--batch-file", "some batches.csv"] if listed else []
    lines = 7 + len(NOT_FOR_EMULATED)
    with ended(command.start("emulator", "--days", "2", "--rows", "3", *options)) as emulator:
        assert emulator.stdout is not None
        told = b"".join(emulator.stdout.readline() for _ in range(lines))
        (command.directory / "emulator.env").write_bytes(told)
        done = subprocess.run(
            ["sh", "-c", EXAMPLE, sys.executable],
            cwd=command.directory,
            env=command.changed(),
            capture_output=True,
            text=True,
            timeout=HANG,
        )
    assert done.returncode == (0 if listed else 78), done.stderr
    assert ("No batch source is set" in done.stderr) is not listed
    assert "ping" not in done.stderr
    assert not {"real.db", "real.prom"} & command.files()
    if listed:
        assert command.query("SELECT count(*) FROM v_number_check", DATABASE) == [(2 * 3 * 3,)]


def test_the_example_in_the_help_overwrites_no_list(command: Command) -> None:
    """`batches.csv` is what the README calls the real one."""
    words = command("emulator", "--help").out
    assert "--batch-file emulator.csv" in words
    assert "batches.csv" not in words


def test_what_is_unset_are_settings() -> None:
    assert set(NOT_FOR_EMULATED) <= {setting.name for setting in SETTINGS}
