"""CONTRIBUTING.md and SECURITY.md: the links, files, targets and sections that they name exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ["CONTRIBUTING.md", "SECURITY.md"]
# What a reader fills in: a name of their own, a number, a dialect.
FILLED_IN = re.compile(r"NAME|NNNN|VIEW|DIALECT")
PLACE = re.compile(r"`((?:\.ci|benchmarks|deploy|docs|etl|migrations|tests)/[^` ]*|[\w-]+\.(?:md|toml|yml|lock))`")


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def anchors(name: str) -> set[str]:
    heads = re.findall(r"^#+ (.*)$", text(name), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere_in_this_repository(page: str) -> None:
    links = re.findall(r"\]\(([^)]*)\)", text(page))
    assert links
    for link in links:
        path, _, anchor = link.partition("#")
        assert (ROOT / path).exists(), link
        assert not anchor or anchor in anchors(path), link


@pytest.mark.parametrize("page", PAGES)
def test_the_files_that_are_named_exist(page: str) -> None:
    named = [place for place in PLACE.findall(text(page)) if not FILLED_IN.search(place)]
    assert named
    assert [place for place in named if not list(ROOT.glob(place))] == []


def test_the_targets_that_are_named_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))
    assert (
        {"hooks", "test", "test-all", "lint"}
        <= set(re.findall(r"(?:`|^)make ([a-z-]+)", text(PAGES[0]), re.MULTILINE))
        <= targets
    )


def test_there_is_a_recipe_for_each_usual_change() -> None:
    recipes = text(PAGES[0]).partition("\n## Recipes\n")[2].partition("\n## ")[0]
    wanted = ["field of the vendor", "outcome of the vendor", "command", "setting", "database"]
    assert re.findall(r"^### A new (.+)$", recipes, re.MULTILINE) == wanted
