"""No code in etl/ decides by a sentence that it made itself (docs/adr/0014): it decides by a kind."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import etl

PACKAGE = Path(str(etl.__file__)).parent
# These read the words of databases and storages, whose drivers have no other way to say what is wrong.
WORDS_FROM_OUTSIDE = {"database/explain.py", "lists/query.py", "lake/storages.py"}
FILES = sorted(
    file for file in PACKAGE.rglob("*.py") if file.relative_to(PACKAGE).as_posix() not in WORDS_FROM_OUTSIDE
)

SAYING = ("Exception", "Error", "Misconfigured", "TryLater", "Failed", "Refused", "Note", "Difference")
"""The endings of the names of classes whose `str` is a sentence."""
PARTS = {"problem", "remedy", "note", "fault"}
"""Attributes that hold a sentence, or a part of one."""
READS = {"startswith", "endswith", "replace", "removeprefix", "removesuffix", "find", "index", "count", "split"}
READS |= {"partition", "rpartition", "rsplit", "search", "match", "fullmatch", "sub"}
COMPARED = (ast.In, ast.NotIn, ast.Eq, ast.NotEq)


class Scope:
    """A function or a module: which of its names stand for an error or a note, or for the sentence of one."""

    def __init__(self, node: ast.AST) -> None:
        self._nodes = list(ast.walk(node))
        self._saying = set(self._handled()) | set(self._annotated())
        self._sentences: set[str] = set()
        for name, value in self._assigned():
            if self._is_sentence(value):
                self._sentences.add(name)

    def _handled(self) -> Iterator[str]:
        yield from (node.name for node in self._nodes if isinstance(node, ast.ExceptHandler) and node.name)

    def _annotated(self) -> Iterator[str]:
        for node in self._nodes:
            if isinstance(node, ast.arg) and node.annotation is not None:
                names = {part.strip(" ]").rpartition(".")[2] for part in ast.unparse(node.annotation).split("|")}
                if any(name.endswith(SAYING) for name in names):
                    yield node.arg

    def _assigned(self) -> Iterator[tuple[str, ast.expr]]:
        for node in self._nodes:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                yield node.targets[0].id, node.value

    def _is_sentence(self, node: ast.expr) -> bool:
        match node:
            case ast.Call(func=ast.Name("str"), args=[ast.Name(name)]):
                return name in self._saying
            case ast.Attribute(attr=name):
                return name in PARTS
            case ast.Name(name):
                return name in self._sentences
            case ast.SetComp(elt=inner) | ast.ListComp(elt=inner) | ast.GeneratorExp(elt=inner):
                return self._is_sentence(inner)
            case ast.Call(func=ast.Attribute(value=inner)):  # a sentence that was cut or joined
                return self._is_sentence(inner)
        return False

    def decisions(self) -> Iterator[int]:
        """The lines in which a sentence is read."""
        for node in self._nodes:
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], COMPARED):
                read = [node.left, *node.comparators]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in READS:
                read = [node.func.value, *node.args]
            else:
                continue
            if any(self._is_sentence(part) for part in read):
                yield node.lineno


def decisions(source: str) -> set[int]:
    tree = ast.parse(source)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return {line for scope in (*functions, tree) for line in Scope(scope).decisions()}


@pytest.mark.parametrize("file", FILES, ids=[file.relative_to(PACKAGE).as_posix() for file in FILES])
def test_no_sentence_is_decided_on(file: Path) -> None:
    assert decisions(file.read_text(encoding="utf-8")) == set()


READ = {
    "a replaced name": "def f(error: EtlError): return str(error).replace('A', 'B')",
    "a beginning": "try: f()\nexcept Misconfigured as error: raise error if str(error).startswith('The') else g()",
    "an end": "def f(day): return day.note if day.note and day.note.endswith('lists') else None",
    "a subject": "try: f()\nexcept (A, B) as failure: raise type(failure)(str(failure).replace('Batch', 'A'))",
    "the same words": "def f(days, reason): known = {day.note for day in days}; return reason not in known",
    "a word": "def f(error: sa.exc.SQLAlchemyError | OSError): return 'locked' in str(error)",
    "a variable": "def f(failure: BatchDayFailed): text = str(failure).lower(); return text == 'gone'",
    "a pattern": "def f(problem: EtlError | None): return PATTERN.search(str(problem))",
}


@pytest.mark.parametrize("source", READ.values(), ids=READ)
def test_what_would_be_found(source: str) -> None:
    assert decisions(source)


ALLOWED = {
    "a kind": "def f(day): return day.note.kind is NoteKind.VANISHED",
    "no note": "def f(day): return day.note is None",
    "a full stop": "def f(error: EtlError): return str(error).rstrip('.')",
    "outside": "def f(url): return url.database.startswith('file:')",
}


@pytest.mark.parametrize("source", ALLOWED.values(), ids=ALLOWED)
def test_what_would_not(source: str) -> None:
    assert not decisions(source)
