"""The glossary, docs/design/words.md, uses the names that the code uses."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import etl
from etl.schema.tables import metadata

PACKAGE = Path(str(etl.__file__)).parent
GLOSSARY = PACKAGE.parent / "docs" / "design" / "words.md"


def names() -> set[str]:
    """The tables, and the classes with what each of them has: `BatchDay`, `BatchDay.spill`, `Why.LAST_LOOK`."""
    classes = [
        node
        for file in PACKAGE.rglob("*.py")
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
    ]
    return set(metadata.tables) | {name for node in classes for name in (node.name, *_parts(node))}


def _parts(node: ast.ClassDef) -> list[str]:
    found = [part.name for part in node.body if isinstance(part, ast.FunctionDef)]
    targets = [part.target for part in node.body if isinstance(part, ast.AnnAssign)]
    targets += [target for part in node.body if isinstance(part, ast.Assign) for target in part.targets]
    return [f"{node.name}.{name}" for name in found + [each.id for each in targets if isinstance(each, ast.Name)]]


def test_every_name_of_the_glossary_is_one_of_the_code() -> None:
    lines = re.findall(r"^\| (?!word |---)(.*?) \|.*\| (.*?) \|$", GLOSSARY.read_text(encoding="utf-8"), re.M)
    assert len(lines) > 10
    known = names()
    assert {word: set(re.findall(r"`(.*?)`", code)) - known for word, code in lines} == {
        word: set() for word, _ in lines
    }
