"""What a release holds: sdist and wheel are built and inspected, and a schema is made from the installed wheel."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.absent import absent

ROOT = Path(__file__).parents[1]
ALLOWED = {".py", ".sql", ".csv", ".ini", ".mako"}
# What leads a child process back to the checkout or to the settings of the machine.
FOREIGN = re.compile(r"NUMBERCHECK_|PYTHON|COVERAGE|COV_|PIP_|VIRTUAL_ENV")


@dataclass(frozen=True, slots=True)
class Built:
    sdist: Path
    wheel: Path  # built from the sdist, as installers do
    wheel_of_checkout: Path


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not FOREIGN.match(name)}


def run(*command: str | Path, cwd: Path) -> str:
    """Standard output of a command that has to succeed."""
    result = subprocess.run(command, cwd=cwd, env=environment(), capture_output=True, text=True)
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def build(into: Path, *options: str) -> None:
    run(sys.executable, "-m", "build", "--no-isolation", *options, "--outdir", into, ROOT, cwd=into.parent)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    release, direct = tmp_path_factory.mktemp("release"), tmp_path_factory.mktemp("direct")
    build(release)
    build(direct, "--wheel")
    [sdist], [wheel], [other] = release.glob("*.tar.gz"), release.glob("*.whl"), direct.glob("*.whl")
    return Built(sdist, wheel, other)


def content(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def tracked(folder: str) -> set[str]:
    """The files of a folder of the checkout that the wheel must contain."""
    found = (path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(ROOT).as_posix() for path in found if folder == "etl" or path.suffix in ALLOWED}


def test_the_wheel_holds_the_package_and_the_migrations_inside_it(built: Built) -> None:
    names = {name for name in content(built.wheel) if ".dist-info/" not in name}
    assert tracked("migrations")
    assert names == tracked("etl") | {f"etl/{name}" for name in tracked("migrations")}


def test_nothing_of_a_cache_or_a_database_is_in_the_wheel(built: Built) -> None:
    assert not [name for name in content(built.wheel) if re.search(r"__pycache__|\.pyc$|\.db|\.env", name)]


def test_the_wheel_brings_licence_command_and_extras(built: Built) -> None:
    files = content(built.wheel)
    [entry_points] = [text for name, text in files.items() if name.endswith("entry_points.txt")]
    [metadata] = [text.decode() for name, text in files.items() if name.endswith(".dist-info/METADATA")]
    assert b"numbercheck = etl.__main__:start" in entry_points
    assert [name for name in files if name.endswith("licenses/LICENSE")]
    assert "\nName: numbercheck-etl\n" in metadata
    assert set(re.findall(r"^Provides-Extra: (\w+)$", metadata, re.MULTILINE)) >= {"postgresql", "mysql"}


def test_the_sdist_builds_the_same_wheel_as_the_checkout(built: Built) -> None:
    assert content(built.wheel) == content(built.wheel_of_checkout)


def in_sdist(built: Built) -> set[str]:
    with tarfile.open(built.sdist) as archive:
        return {member.name.split("/", 1)[1] for member in archive if member.isfile()}


def known_to_git(*options: str) -> set[str]:
    """Files that exist and that git tracks, or would track (`--others`)."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        absent("git says what a release must contain: run this in a clone, with git")
    command = ["git", "ls-files", "-z", "--exclude-standard", "--cached", *options]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return {name for name in listed if name and (ROOT / name).is_file()}


def test_the_sdist_holds_sources_and_tests_but_nothing_private(built: Built) -> None:
    names = in_sdist(built)
    assert {"pyproject.toml", "README.md", "LICENSE", "requirements.lock", "tests/test_wheel.py"} <= names
    assert {"CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "docs/release.md", ".ci/run", "Makefile"} <= names
    assert tracked("etl") | tracked("migrations") <= names
    assert not [name for name in names if re.match(r"\.venv|\.env$|secrets|.*\.db$", name)]


def test_the_sdist_holds_every_file_that_git_tracks(built: Built) -> None:
    """So a test finds all files that it reads, and the archive serves as well as a checkout."""
    assert known_to_git() - in_sdist(built) == set()


def test_the_sdist_holds_nothing_that_git_ignores(built: Built) -> None:
    assert in_sdist(built) - known_to_git("--others") == {"PKG-INFO"}


@pytest.mark.full  # finds all tests once more
def test_the_tests_of_the_sdist_are_found_in_it(built: Built, tmp_path: Path) -> None:
    run("tar", "-xzf", built.sdist, cwd=tmp_path)  # tarfile's filter is younger than Debian's Python
    [folder] = tmp_path.iterdir()
    probe = "import etl, pytest, sys; print(etl.__file__); sys.exit(pytest.main(sys.argv[1:]))"
    said = run(sys.executable, "-c", probe, "--collect-only", "-q", "-p", "no:randomly", "tests", cwd=folder)
    assert Path(said.splitlines()[0]).is_relative_to(folder)
    found = {line.split("::")[0] for line in said.splitlines() if "::" in line}
    assert found == {name for name in in_sdist(built) if re.fullmatch(r"tests/(.*/)?test_\w+\.py", name)}


@pytest.fixture(scope="module")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin directory of an environment with the wheel and the dependencies of the one that runs this.

    A .pth line is not followed further, so an editable install of the checkout cannot be reached from it.
    """
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    run(
        *(sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", "install", "-q"),
        *("--no-deps", "--no-index", built.wheel),
        cwd=folder,
    )
    [site] = (folder / "lib").glob("python3*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return python.parent


def test_the_installed_package_is_not_the_checkout(installed: Path, tmp_path: Path) -> None:
    place = run(installed / "python", "-c", "import etl; print(etl.__file__)", cwd=tmp_path)
    assert Path(place.strip()).is_relative_to(installed.parent)
    probe = "import importlib.util; print(importlib.util.find_spec('migrations'))"
    assert run(installed / "python", "-c", probe, cwd=tmp_path).strip() == "None"


def test_a_schema_is_made_and_checked_from_the_installed_wheel(installed: Path, tmp_path: Path) -> None:
    """There, tables and views come from files inside the package."""
    for command in ("upgrade", "check"):
        said = run(installed / "python", "-m", "etl", "db", command, cwd=tmp_path)
    assert said.startswith("The schema is as it should be")
    assert {path.name for path in tmp_path.iterdir()} == {"numbercheck.db"}


def test_the_command_is_installed(installed: Path, tmp_path: Path) -> None:
    assert run(installed / "numbercheck", "--help", cwd=tmp_path).startswith("Usage: numbercheck")
