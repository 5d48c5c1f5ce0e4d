"""The Makefile and .ci/run: what a person without a suitable Python reads, and that the scripts are sound."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A directory with the Makefile and what it depends on, but no environment."""
    for name in ["Makefile", "pyproject.toml", "requirements.lock"]:
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """make as a person calls it: nothing of a make that may be running these tests gets in."""
    environment = {k: v for k, v in os.environ.items() if k not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "ARGS"}}
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_without_a_suitable_python_a_sentence_says_what_to_do(bare: Path) -> None:
    result = make(bare, "demo", "PYTHONS=python-that-does-not-exist false")
    assert result.returncode == 2
    assert "There is no Python 3.11 or newer" in result.stderr
    assert "make PYTHONS=" in result.stderr
    assert not (bare / ".venv").exists()


def test_make_alone_lists_the_targets(bare: Path) -> None:
    targets = re.findall(r"^  make (\w+)", make(bare).stdout, re.MULTILINE)
    assert {"help", "demo", "test", "lint", "hooks", "lock", "tables", "docs", "dist", "clean"} <= set(targets)


@pytest.fixture
def stamp(bare: Path) -> Path:
    """What says that the environment is complete, beside a Python that seems to work."""
    stamp, python = bare / ".venv" / ".installed", bare / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to("/bin/true")
    stamp.touch()
    return stamp


def is_up_to_date(bare: Path) -> bool:
    return make(bare, "--question", ".venv/.installed").returncode == 0


def test_the_environment_is_made_once(bare: Path, stamp: Path) -> None:
    assert is_up_to_date(bare)


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_the_environment_follows_the_lock_and_the_project(bare: Path, stamp: Path, name: str) -> None:
    os.utime(stamp, (0, 0))
    os.utime(bare / name, (1, 1))
    for other in {"requirements.lock", "pyproject.toml"} - {name}:
        os.utime(bare / other, (0, 0))
    assert not is_up_to_date(bare)


def test_the_environment_is_made_anew_when_its_python_is_gone(bare: Path, stamp: Path) -> None:
    (bare / ".venv" / "bin" / "python").unlink()
    (bare / ".venv" / "bin" / "python").symlink_to("python-that-was-here")
    assert not is_up_to_date(bare)


def test_clean_keeps_what_make_did_not_make(bare: Path) -> None:
    for name in [
        ".venv/bin/python",
        "dist/a.whl",
        "etl/__pycache__/a.pyc",
        "numbercheck.db",
        "etl/a.py",
        ".env",
    ]:
        (bare / name).parent.mkdir(parents=True, exist_ok=True)
        (bare / name).touch()
    assert make(bare, "clean").returncode == 0
    left = {str(path.relative_to(bare)) for path in bare.rglob("*") if path.is_file()}
    assert left == {"Makefile", "pyproject.toml", "requirements.lock", "numbercheck.db", "etl/a.py", ".env"}


def test_ci_runs_both_tiers_and_lint_and_stops_at_the_first_failure() -> None:
    for script in [ROOT / ".ci" / name for name in ("run", "elsewhere", "dist")]:
        assert script.stat().st_mode & stat.S_IXUSR
        assert subprocess.run(["bash", "-n", script]).returncode == 0
        lines = script.read_text(encoding="utf-8").splitlines()
        assert lines[0] == "#!/usr/bin/env bash"
        assert "set -euo pipefail" in lines
    steps = re.findall(r"^limit \d+ (.*)$", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE)
    made = [step for step in steps if step.startswith("make")]
    assert made == ["make lint", "make docs", "make dist", "make test-all"]
    assert steps[0].startswith("python3 .ci/newcomer.py --pip"), "which runs `make test` as the README says"


def test_everything_is_every_test_and_nothing_is_skipped() -> None:
    everything = make(ROOT, "--dry-run", "test-all").stdout
    assert "NUMBERCHECK_TEST_SKIP_NOTHING=1" in everything
    assert "--cov" in everything
    assert "not full" not in everything
    assert " -m 'not full' " in make(ROOT, "--dry-run", "test").stdout
