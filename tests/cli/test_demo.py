from __future__ import annotations

import datetime as dt
import re
from zoneinfo import ZoneInfo

from tests.cli.support import Command
from tests.running import HANG, wait_until


def is_today_for_long() -> bool:
    """Whether the vendor's date stays what it is. With a new one, a day would leave the demo's window as it runs."""
    now = dt.datetime.now(ZoneInfo("Asia/Shanghai"))
    return (now + dt.timedelta(seconds=HANG - 60)).date() == now.date()


def test_the_demo_needs_nothing_and_harms_nothing(command: Command) -> None:
    """Also where real files lie, and settings for something else are about."""
    wait_until(is_today_for_long)
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
