from __future__ import annotations

import re

from tests.cli.support import Command


def test_the_demo_needs_nothing_and_harms_nothing(command: Command) -> None:
    """Also where real files lie, and settings for something else are about."""
    precious = command.directory / "numbercheck.db"
    precious.write_bytes(b"precious")
    batches = (command.directory / "batches.csv").read_bytes()
    done = command("demo", "--directory", ".", window_days="nonsense", database_url="sqlite:///numbercheck.db")
    runs = re.findall(r"^complete: .*(?:\n  .*)+", done.out, re.MULTILINE)
    assert len(runs) == 2
    assert "0 new, 0 changed" in runs[1]
    assert re.search(r"Compared [0-9]{1,3},[0-9]{3} rows field by field: 0 differ, 0 are too many", done.out)
    assert "numbercheck-demo.db" in done.out
    assert precious.read_bytes() == b"precious"
    assert (command.directory / "batches.csv").read_bytes() == batches
    assert command.query("SELECT count(*) > 10000 FROM v_number_check", "numbercheck-demo.db") == [(1,)]
    assert command.query("SELECT DISTINCT account FROM v_coverage", "numbercheck-demo.db") == [("demo",)]
    assert command.vendor.requests == []
