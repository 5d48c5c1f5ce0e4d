"""`numbercheck` as a separate process with the settings of a `Job`, with as little patience as a test has."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
HANG = 300.0
"""Seconds after which what a test waits for counts as never happening; only there to end a hang."""

# What a separate process inherits from the one that runs the tests: its day, zone and language, not its settings.
# Not what processes under libfaketime share: it takes a closed standard stream's place, and is written over.
INHERITED = re.compile(r"PATH|TMPDIR|TZ|LANG|LC_\w+|LD_PRELOAD|FAKETIME(?!_SHARED)\w*|PYTHONPYCACHEPREFIX")


def inherited() -> dict[str, str]:
    """The environment that every process gets."""
    return {name: value for name, value in os.environ.items() if INHERITED.fullmatch(name)}


@dataclass(frozen=True)
class Ended:
    """A process that ended: its exit status, the messages of its log, the object on its last line of output."""

    status: int
    messages: str
    result: dict[str, Any]


def start(
    environment: dict[str, str],
    *arguments: str,
    before: Callable[[], None] | None = None,
    **settings: str,
) -> subprocess.Popen[str]:
    """Start the command; `before` runs in the new process, before anything else."""
    given = {f"NUMBERCHECK_{name.upper()}": value for name, value in settings.items()}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.hasty", *arguments],
        cwd=ROOT,
        env=inherited() | environment | given,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=before,  # noqa: PLW1509  (no other thread holds anything that it needs)
    )


def finish(process: subprocess.Popen[str], longest: float = HANG) -> Ended:
    """Wait for its end; fails where that does not come in time, or where a traceback was logged."""
    try:
        out, err = process.communicate(timeout=longest)
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in err, err
    messages = "\n".join(str(json.loads(line)["message"]) for line in err.splitlines())
    last = (out.splitlines() or [""])[-1]
    return Ended(process.returncode, messages, json.loads(last) if last.startswith("{") else {})


def wait_until(condition: Callable[[], object], seconds: float = HANG) -> None:
    """Wait until something that another process does has become true."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)
