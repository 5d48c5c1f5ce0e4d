"""migrations/LOG.md describes every revision for operators."""

from __future__ import annotations

import re

import pytest

from etl.schema import migrate

LOG = (migrate.script_directory() / "LOG.md").read_text(encoding="utf-8")
REVISIONS = [script.revision for script in migrate._scripts().walk_revisions()][::-1]


def test_every_revision_has_its_entry_and_no_other_has() -> None:
    assert re.findall(r"^## (\d+) .+", LOG, re.MULTILINE) == REVISIONS


@pytest.mark.parametrize("revision", REVISIONS)
def test_an_entry_says_what_it_does_and_what_taking_it_back_costs(revision: str) -> None:
    entry = LOG.split(f"## {revision} ")[1].split("\n## ")[0]
    assert len(entry.split()) >= 30
    assert "Downgrade: " in entry
