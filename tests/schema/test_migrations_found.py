"""The migrations are beside the package in a checkout, and inside it if it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from etl.errors import Misconfigured
from etl.schema import migrate

ROOT = Path(migrate.__file__).resolve().parents[2]
FIND = """
import pathlib, sqlalchemy
from etl.database import engine
from etl.schema import migrate
database = engine.connect(sqlalchemy.make_url("sqlite:///found.db"))
migrate.upgrade(database)
print(migrate.script_directory(), migrate.check(database))
"""


@pytest.mark.parametrize("inside", [True, False], ids=["installed", "checkout"])
def test_migrations_are_found(tmp_path: Path, inside: bool) -> None:
    site = tmp_path / "a 100% odd path"
    no_cache = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "etl", site / "etl", ignore=no_cache)
    migrations = site / "etl" / "migrations" if inside else site / "migrations"
    shutil.copytree(ROOT / "migrations", migrations, ignore=no_cache)
    environment = os.environ | {"PYTHONPATH": str(site)}
    done = subprocess.run(
        [sys.executable, "-c", FIND], capture_output=True, text=True, cwd=tmp_path, env=environment
    )
    assert (done.stdout, done.stderr) == (f"{migrations} []\n", "")


def test_missing_migrations_are_reported(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"migrations are missing.*install"):
        migrate.script_directory(tmp_path / "etl")


def test_the_alembic_command_works_for_developers(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "alembic", "-c", str(ROOT / "migrations" / "alembic.ini")]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = [
        subprocess.run([*command, *task], capture_output=True, text=True, cwd=tmp_path, env=environment)
        for task in (["upgrade", "head"], ["check"])
    ]
    assert [result.returncode for result in done] == [0, 0], done
    assert "No new upgrade operations detected" in done[1].stdout
    assert (tmp_path / "numbercheck.db").is_file()
