"""What only `make test-all` has: Spark and a stand-in for S3, in an environment of their own, and DuckDB."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Any

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


def duckdb() -> tuple[Any, Path]:
    """The module, and the directory where it and its extensions are; skips the test where there is none."""
    spec = importlib.util.find_spec("duckdb")
    if spec is None or spec.origin is None:
        absent("DuckDB is not on this machine: make .venv/.installed-full")
    return importlib.import_module("duckdb"), Path(spec.origin).parents[1]
