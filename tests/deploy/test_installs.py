"""Each lock is closed: what a locked package requires is also in the lock, on every supported Python and system.

Installs then need no resolver (`--no-deps`), and nothing that appears in an index later can change them.
"""

from __future__ import annotations

import itertools
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests import engines

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PYTHONS = ["3.11", "3.12", "3.13", "3.14", "3.15"]
SYSTEMS = [("linux", "Linux", "x86_64"), ("linux", "Linux", "aarch64"), ("darwin", "Darwin", "arm64")]
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]

Environment = dict[str, str]


def environments() -> Iterator[Environment]:
    """The environments in which markers are evaluated: each Python on each system."""
    for python, (platform, system, machine) in itertools.product(PYTHONS, SYSTEMS):
        yield {
            "python_version": python,
            "python_full_version": f"{python}.0",
            "implementation_name": "cpython",
            "implementation_version": f"{python}.0",
            "platform_python_implementation": "CPython",
            "os_name": "posix",
            "sys_platform": platform,
            "platform_system": system,
            "platform_machine": machine,
            "platform_release": "",
            "platform_version": "",
        }


def describe(environment: Environment) -> str:
    return " ".join(environment[name] for name in ("python_version", "sys_platform", "platform_machine"))


def asked_for(*extras: str) -> list[str]:
    """What pyproject.toml requires at run time, including these extras."""
    return [*PROJECT["project"]["dependencies"], *(text for extra in extras for text in EXTRAS[extra])]


# What the Makefile calls RUNTIME and EVERYDAY.
RUNTIME = ("postgresql", "mysql", "report")
EVERYDAY = (*RUNTIME, "docs", "dev")
LOCKS = {
    "requirements.lock": [*asked_for(*EVERYDAY), *PROJECT["build-system"]["requires"]],
    "requirements-runtime.lock": asked_for(*RUNTIME),
    "requirements-build.lock": PROJECT["build-system"]["requires"],
    "requirements-lake.lock": asked_for(*RUNTIME, "lake"),
    "requirements-full.lock": asked_for(*EXTRAS),
    "requirements-engines.lock": PROJECT["dependency-groups"]["engines"],
}
LARGE = ("requirements-lake.lock", "requirements-full.lock", "requirements-engines.lock")


def locked(text: str) -> list[Requirement]:
    """The lines of a lock, without their hashes."""
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [
        Requirement(line.partition(" --hash=")[0]) for line in lines if line and not line.lstrip().startswith("#")
    ]


def holds(requirement: Requirement, environment: Environment, extras: Iterable[str] = ()) -> bool:
    """Whether the requirement applies in this environment when any of these extras was asked for."""
    marker = requirement.marker
    return marker is None or any(marker.evaluate(environment | {"extra": extra}) for extra in ["", *extras])


def versions(lock: list[Requirement], environment: Environment) -> dict[str, str]:
    """What is installed from the lock in this environment: name → version."""
    there = [line for line in lock if holds(line, environment)]
    found = {canonicalize_name(line.name): str(line.specifier).removeprefix("==") for line in there}
    assert len(found) == len(there), "a package has two lines for one environment"
    return dict(found)


def required_by(name: str, version: str, places: list[str]) -> list[Requirement]:
    """Everything that the metadata of a locked package require, under any condition."""
    installed = next(iter(distributions(name=name, path=places)))
    assert installed.version == version, (
        f"{name} is installed at {installed.version}: bring the environment up to date"
    )
    return [Requirement(text) for text in installed.requires or []]


def missing(
    roots: list[str], lock: list[Requirement], environment: Environment, places: list[str] = sys.path
) -> set[str]:
    """What the roots need, directly or not, that the lock does not install, or not at a suitable version.

    `places`: where the packages are installed, as entries of sys.path.
    """
    there = versions(lock, environment)
    asked = (requirement for requirement in map(Requirement, roots) if holds(requirement, environment))
    waiting = [("pyproject.toml", requirement) for requirement in asked]
    seen: set[tuple[str, frozenset[str]]] = set()
    found: set[str] = set()
    while waiting:
        wanted_by, requirement = waiting.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if name not in there or not requirement.specifier.contains(there[name], prereleases=True):
            found.add(f"{requirement} for {wanted_by}")
        elif (name, extras) not in seen:
            seen.add((name, extras))
            required = required_by(name, there[name], places)
            waiting += [(name, each) for each in required if holds(each, environment, extras)]
    return found


def cases() -> Iterator[ParameterSet]:
    """Each lock in each environment; the large ones in those of this Python, as they may differ from one to another."""
    mine = "{}.{}".format(*sys.version_info[:2])
    for name, environment in itertools.product(LOCKS, environments()):
        if name not in LARGE or environment["python_version"] == mine:
            marks = [pytest.mark.full] if name in LARGE else []
            yield pytest.param(name, environment, marks=marks, id=f"{name} {describe(environment)}")


@pytest.mark.parametrize(("name", "environment"), list(cases()))
def test_whatever_is_needed_is_in_the_lock(name: str, environment: Environment) -> None:
    lock = locked((ROOT / name).read_text(encoding="utf-8"))
    places = [str(engines.packages())] if name == "requirements-engines.lock" else sys.path
    assert missing(LOCKS[name], lock, environment, places) == set()


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("^pluggy==", "another=="),
        ("^iniconfig==", "iniconfig==0."),
        ("^(coverage==[^ ]+)", r"\1 ; python_version < '3.12'"),
    ],
    ids=["missing", "too old", "not for every Python"],
)
def test_a_lock_that_is_not_closed_is_noticed(line: str, instead: str) -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    broken = locked(re.sub(line, instead, text, flags=re.MULTILINE))
    assert missing(LOCKS["requirements.lock"], broken, list(environments())[-1])


# -- what is documented ---------------------------------------------------------------------------------------

TOLD = ["README.md", "Makefile", "Dockerfile", ".ci/run", "docs/**/*.md", "deploy/**/*", "benchmarks/**/*"]


def installs() -> list[str]:
    """Each `pip install` and `pip wheel` that a page tells readers to type or a script runs, on one line."""
    files = sorted({path for pattern in TOLD for path in ROOT.glob(pattern) if path.is_file()})
    texts = (re.sub(r"\\\n[# ]*", " ", path.read_text(encoding="utf-8", errors="replace")) for path in files)
    pattern = r"(?:pip|PIP\)?\"?) (?:--python \S+ )?(?:install|wheel) [^&;`\n]*"
    return [call for text in texts for call in re.findall(pattern, text)]


def test_every_documented_install_takes_what_a_lock_says_and_nothing_else() -> None:
    assert len(installs()) > 10
    for call in installs():
        assert "--no-deps" in call, call
        assert re.search("--require-hashes|--no-build-isolation|--no-index", call), call
