"""`make audit`: what was found, and that silence is not taken for safety."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.scripts import loaded

FINE = {"name": "click", "version": "8.5.0", "vulns": []}
BAD = {"name": "urllib3", "version": "1.0", "vulns": [{"id": "CVE-1"}, {"id": "PYSEC-2"}]}
UNASKED = {"name": "rich", "skip_reason": "Dependency not found"}


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    return loaded(Path(__file__).parents[2] / ".ci" / "audit.py")


@pytest.mark.parametrize(
    ("answers", "status", "words"),
    [
        ([FINE], 0, "no known vulnerability in 1 packages"),
        ([FINE, BAD], 1, "urllib3 1.0 (CVE-1, PYSEC-2)"),
        ([UNASKED, BAD], 1, "urllib3"),
        ([FINE, UNASKED], 2, "rich"),
        ([], 2, "any package"),
        (None, 2, "answers no questions"),
    ],
)
def test_the_verdict(audit: ModuleType, answers: Any, status: int, words: str) -> None:
    found, told = audit.verdict(answers)
    assert found == status
    assert words in told


@pytest.mark.parametrize(
    ("known", "tells"), [([BAD], True), ([FINE], False), ([UNASKED], False), ([], False), (None, False)]
)
def test_an_index_that_does_not_know_what_everybody_knows_proves_nothing(
    audit: ModuleType, known: Any, tells: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit.tells(known) is tells
    monkeypatch.setattr(audit, "ask", lambda path, *_: [FINE] if path.suffix == ".lock" else known)
    assert audit.main() == (0 if tells else 2)
    told = capsys.readouterr()
    assert ("no known vulnerability" in told.out) is tells
    assert ("nothing was found out" in told.err) is not tells
