"""The crontab line: its syntax, and what its command does when the job ends well and when it does not."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from croniter import croniter

CRONTAB = Path(__file__).parents[2] / "deploy" / "crontab"


def jobs() -> list[tuple[str, str]]:
    """The schedule and the command of each job line."""
    lines = [line for line in CRONTAB.read_text(encoding="ascii").splitlines() if line and line[0] != "#"]
    fields = [line.split(None, 5) for line in lines if not re.match(r"[A-Z_]+=", line)]
    return [(" ".join(parts[:5]), parts[5]) for parts in fields]


def test_one_job_with_a_schedule_that_cron_understands() -> None:
    [(schedule, command)] = jobs()
    assert croniter.is_valid(schedule, second_at_beginning=False)
    assert len(schedule.split()) == 5
    assert "numbercheck sync" in command


def test_ends_with_a_newline_or_cron_ignores_the_last_line() -> None:
    assert CRONTAB.read_bytes().endswith(b"\n")


def test_no_percent_sign_which_cron_takes_for_the_end_of_the_command() -> None:
    [(_, command)] = jobs()
    assert "%" not in command


def test_only_settings_that_exist() -> None:
    names = re.findall(r"^([A-Z_]+)=", CRONTAB.read_text(encoding="ascii"), re.MULTILINE)
    assert set(names) <= {"SHELL", "TZ", "MAILTO", "NUMBERCHECK_MAX_SECONDS"}


@pytest.mark.parametrize(("status", "mail"), [(0, ""), (75, "status 75"), (78, "status 78")])
def test_a_mail_only_when_the_run_was_not_complete(tmp_path: Path, status: int, mail: str) -> None:
    command = tmp_path / "numbercheck" / ".venv" / "bin" / "numbercheck"
    command.parent.mkdir(parents=True)
    command.write_text(f'#!/bin/sh\necho "out $*"\necho err >&2\nexit {status}\n', encoding="ascii")
    command.chmod(0o755)

    [(_, line)] = jobs()
    run = subprocess.run(["/bin/sh", "-c", line], cwd=tmp_path, env=dict(os.environ), capture_output=True)

    assert run.stderr == b""
    assert (mail in run.stdout.decode()) if mail else (run.stdout == b"")
    assert (tmp_path / "numbercheck" / "sync.log").read_text() == "out sync --json\nerr\n"
