"""The lock files: complete, hashed, free of any package index; docs/dependencies.md gives every reason."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = [
    *("requirements.lock", "requirements-runtime.lock", "requirements-build.lock"),
    *("requirements-lake.lock", "requirements-full.lock", "requirements-engines.lock"),
]
PIN = re.compile(
    r"^(?P<name>[a-z0-9-]+)==(?P<version>[0-9][0-9a-z.]*)(?: ; [^\\\n]+)?"
    r"(?P<hashes>(?: \\\n {4}--hash=sha256:[0-9a-f]{64})+)\n",
    re.MULTILINE,
)
COMMENT = re.compile(r"^ +#.*\n", re.MULTILINE)


def text(lock: str) -> str:
    return (ROOT / lock).read_text(encoding="utf-8")


def pins(lock: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Name → version and hashes."""
    found = PIN.finditer(text(lock))
    return {m["name"]: (m["version"], frozenset(re.findall(r"[0-9a-f]{64}", m["hashes"]))) for m in found}


def requirements(*extras: str) -> list[Requirement]:
    project = PYPROJECT["project"]
    lists = [project["dependencies"], *(project["optional-dependencies"][extra] for extra in extras)]
    return [Requirement(line) for lines in lists for line in lines]


EXTRAS = PYPROJECT["project"]["optional-dependencies"]
LARGE = {"lake", "full"}  # what a newcomer does not have to fetch
EVERYDAY = requirements(*(extra for extra in EXTRAS if extra not in LARGE))
ALL = requirements(*EXTRAS)
ENGINES = [Requirement(line) for line in PYPROJECT["dependency-groups"]["engines"]]
RUNTIME = requirements("postgresql", "mysql")
BUILD = [Requirement(line) for line in PYPROJECT["build-system"]["requires"]]


@pytest.mark.parametrize("lock", LOCKS)
def test_holds_hashed_pins_and_nothing_else(lock: str) -> None:
    """This rules out options, hosts, paths and direct addresses, too."""
    assert PIN.sub("", COMMENT.sub("", text(lock))) == ""
    assert pins(lock)


@pytest.mark.parametrize("lock", LOCKS)
def test_names_no_host(lock: str) -> None:
    assert not re.search(r"https?:|//|--[a-z-]*(index|links|host)|\bfile:", text(lock))


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        ("requirements.lock", EVERYDAY),
        ("requirements-runtime.lock", RUNTIME),
        ("requirements-build.lock", BUILD),
        ("requirements-lake.lock", requirements("postgresql", "mysql", "lake")),
        ("requirements-full.lock", ALL),
        ("requirements-engines.lock", ENGINES),
    ],
)
def test_pins_every_direct_dependency_within_its_bounds(lock: str, wanted: list[Requirement]) -> None:
    locked = pins(lock)
    for requirement in wanted:
        version, _ = locked[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version, prereleases=True), f"{requirement}: {version}; make lock"


@pytest.mark.parametrize("lock", LOCKS[1:3])
def test_the_image_gets_what_the_tests_have_seen(lock: str) -> None:
    everything = pins("requirements.lock")
    assert {name: everything[name] for name in pins(lock)} == pins(lock)


def test_all_tests_see_the_same_packages_as_the_everyday_ones() -> None:
    assert pins("requirements.lock").items() <= pins("requirements-full.lock").items()


def test_the_image_of_the_lake_gets_the_job_as_it_is_and_what_all_tests_have_seen() -> None:
    lake = pins("requirements-lake.lock")
    assert pins("requirements-runtime.lock").items() <= lake.items() <= pins("requirements-full.lock").items()


def test_the_image_gets_nothing_of_the_development_tools() -> None:
    development = {
        canonicalize_name(requirement.name) for requirement in requirements("dev", "docs")[len(requirements()) :]
    }
    assert not development & pins("requirements-runtime.lock").keys()


def test_every_bound_is_two_sided_or_exact() -> None:
    """A package of data whose versions are dates has no upper bound."""
    for requirement in [*ALL, *BUILD, *ENGINES]:
        operators = {specifier.operator for specifier in requirement.specifier}
        assert operators in [{"=="}, {">=", "<"}] or requirement.name == "tzdata", str(requirement)


def test_no_other_lock_file_which_would_name_a_host() -> None:
    assert not [
        name for name in ["uv.lock", "pylock.toml", "poetry.lock", "Pipfile.lock"] if (ROOT / name).exists()
    ]


def test_a_reason_is_given_for_every_direct_dependency_and_for_nothing_else() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:`[a-z0-9-]+`(?:, )?)+) \|.*\S.* \|$", page, re.MULTILINE)
    explained = {name for row in rows for name in re.findall(r"`([a-z0-9-]+)`", row)}
    assert explained == {canonicalize_name(requirement.name) for requirement in [*ALL, *BUILD, *ENGINES]}
