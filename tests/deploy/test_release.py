"""What has to fit together in a release: version, changelog, the tags of images, the procedure."""

from __future__ import annotations

import datetime as dt
import itertools
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VERSION = str(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
HEADING = re.compile(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)")
TAG = re.compile(r"numbercheck-(?:etl|superset):([\w.-]+)|newTag: (.+)|image\.version=\"(.+?)\"")


def changelog() -> str:
    return (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def released(text: str) -> list[tuple[tuple[int, ...], dt.date]]:
    """Versions and their dates, as the headings have them. Each one has a date, and each entry a kind."""
    first, *others = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert first == "[Unreleased]", "what comes next stands above everything else"
    assert set(re.findall(r"^### (.+)$", text, re.MULTILINE)) <= KINDS
    found = [HEADING.fullmatch(heading) for heading in others]
    assert all(found), f"a heading is not `## [X.Y.Z] - YYYY-MM-DD`: {others}"
    return [(tuple(map(int, match[1].split("."))), dt.date.fromisoformat(match[2])) for match in found if match]


def current(text: str, version: str) -> bool:
    """Whether the version of the code is the newest one that was released, or the one that comes next."""
    versions = [".".join(map(str, number)) for number, _ in released(text)]
    coming = re.search(r"^Will be (\S+),", text, re.MULTILINE)
    return version == (coming[1] if coming else versions[0])


def test_the_changelog_has_the_form_that_it_promises() -> None:
    for newer, older in itertools.pairwise(released(changelog())):
        assert newer[0] > older[0]
        assert newer[1] >= older[1]


def test_the_version_is_the_one_that_the_changelog_speaks_of() -> None:
    assert current(changelog(), VERSION)


OF_ONE = "## [Unreleased]\n\n## [1.0.0] - 2027-01-31\n\n### Added\n\n- All.\n"


def test_a_released_version_and_the_next_one() -> None:
    assert released(OF_ONE) == [((1, 0, 0), dt.date(2027, 1, 31))]
    assert current(OF_ONE, "1.0.0")
    assert not current(OF_ONE, "1.0.1")
    assert current(OF_ONE.replace("d]\n", "d]\n\nWill be 1.0.1, soon.\n", 1), "1.0.1")


@pytest.mark.parametrize(
    ("words", "instead"),
    [
        (" - 2027-01-31", ""),
        ("2027-01-31", "31.01.2027"),
        ("[1.0.0]", "1.0.0"),
        ("Added", "New"),
        ("Unreleased", "1.0.1"),
    ],
)
def test_a_changelog_of_another_form_is_noticed(words: str, instead: str) -> None:
    with pytest.raises(AssertionError):
        released(OF_ONE.replace(words, instead))


def test_every_tag_of_an_image_is_the_version() -> None:
    places = [ROOT / "Dockerfile", ROOT / "docker-compose.yml", *(ROOT / "deploy").rglob("*.yaml")]
    found = [(path.name, "".join(tag)) for path in places for tag in TAG.findall(path.read_text(encoding="utf-8"))]
    assert {"Dockerfile", "docker-compose.yml", "cronjob.yaml", "job.yaml", "rendered.yaml"} <= {
        n for n, _ in found
    }
    assert [one for one in found if one[1] != VERSION] == []


def test_the_procedure_calls_what_there_is() -> None:
    text = (ROOT / "docs" / "release.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {"dist", "docs"} <= set(re.findall(r"make ([a-z]+)", text)) <= targets
    for link in re.findall(r"\]\(([^)#]+)", text):
        assert (ROOT / "docs" / link).exists(), link
