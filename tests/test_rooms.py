"""The rooms of etl/ import only what their docstrings allow, and docs/architecture.md names what exists."""

from __future__ import annotations

import ast
import importlib
import re
import runpy
from collections import Counter
from pathlib import Path

import pytest

import etl

PACKAGE = Path(str(etl.__file__)).parent
ARCHITECTURE = PACKAGE.parent / "docs" / "architecture.md"
DRAWN = runpy.run_path(str(PACKAGE.parent / "docs" / "generate_rooms.py"))
ROOMS: dict[str, set[str]] = DRAWN["rooms"]()
FOLDERS = sorted(room for room in ROOMS if (PACKAGE / room).is_dir())
LEAVES = set(ROOMS) - set(FOLDERS)
MODULES = sorted(file for file in PACKAGE.rglob("*.py") if not file.name.startswith("__"))


def allowed(room: str) -> set[str]:
    """What the docstring of a room allows it to import."""
    words = re.search(r"^May import: (.*?)\.$", str(importlib.import_module(f"etl.{room}").__doc__), re.M | re.S)
    assert words, f"the docstring of etl/{room} does not say what it may import"
    if words[1].startswith("no other room"):
        return set()
    return set(ROOMS) if words[1] == "every room" else LEAVES | (set(re.findall(r"\w+", words[1])) & set(ROOMS))


@pytest.mark.parametrize("room", FOLDERS)
def test_a_room_imports_what_it_may(room: str) -> None:
    assert ROOMS[room] <= allowed(room)


def test_leaves_know_no_room() -> None:
    assert {leaf: ROOMS[leaf] - LEAVES for leaf in LEAVES} == {leaf: set() for leaf in LEAVES}


def test_nothing_goes_round_in_circles() -> None:
    assert sum(map(len, DRAWN["floors"](ROOMS))) == len(ROOMS)


def test_no_file_name_stands_twice() -> None:
    assert [name for name, times in Counter(file.name for file in MODULES).items() if times > 1] == []


def test_no_class_and_no_constant_has_two_meanings() -> None:
    names = Counter(name for file in MODULES for name in set(_nouns(file)) if not name.startswith("_"))
    assert [name for name, times in names.items() if times > 1] == []


def _nouns(file: Path) -> list[str]:
    body = ast.parse(file.read_text(encoding="utf-8")).body
    classes = [node.name for node in body if isinstance(node, ast.ClassDef)]
    assigned = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
    assigned += [node.target for node in body if isinstance(node, ast.AnnAssign)]
    return classes + [target.id for target in assigned if isinstance(target, ast.Name) and target.id != "log"]


def test_architecture_names_every_module_once() -> None:
    table = re.findall(
        r"^\| (`.*?) \|", ARCHITECTURE.read_text(encoding="utf-8").partition("## The modules")[2], re.M
    )
    named = Counter(name for line in table for name in re.findall(r"`([\w/]+\.py)`", line))
    assert named == Counter(str(file.relative_to(PACKAGE)) for file in MODULES)


def test_the_picture_of_the_rooms_is_the_present_one() -> None:
    assert DRAWN["picture"]() in ARCHITECTURE.read_text(encoding="utf-8")
