"""Programs that only `make test-all` starts: Spark, and a stand-in for S3. They live in an environment of their own."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.absent import absent

ENVIRONMENT = Path(__file__).parents[1] / ".venv" / "engines"


def program(name: str) -> Path:
    """The path of `moto_server` or the like; skips the test where there is none."""
    found = ENVIRONMENT / "bin" / name
    return found if found.exists() else absent(f"{name} is not on this machine: make .venv/.installed-full")


def java() -> str:
    """The path of Java, which Spark runs on; skips the test where there is none."""
    return shutil.which("java") or absent("Java is not on this machine: apt-get install openjdk-17-jre-headless")


def packages() -> Path:
    """The directory of the environment's packages; skips the test where there is none."""
    found = next(ENVIRONMENT.glob("lib/python3*/site-packages"), None)
    return found or absent("The engines are not on this machine: make .venv/.installed-full")
