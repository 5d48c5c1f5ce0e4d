from __future__ import annotations

import datetime as dt
import re

import pytest

from etl.cli.demo import moment_for
from etl.report import webfile
from tests.cli.support import Command, ended, terminate


def test_the_demo_needs_nothing_and_harms_nothing(command: Command) -> None:
    """Even in a directory with real files, and with settings for something else."""
    precious = command.directory / "numbercheck.db"
    precious.write_bytes(b"precious")
    batches = (command.directory / "batches.csv").read_bytes()
    done = command("demo", "--directory", ".", window_days="nonsense", database_url="sqlite:///numbercheck.db")
    runs = re.findall(r"^complete: .*(?:\n  .*)+", done.out, re.MULTILINE)
    assert len(runs) == 2
    assert "0 new, 0 changed" in runs[1]
    assert re.search(r"Compared [0-9]{1,3},[0-9]{3} rows field by field: 0 differ, 0 are surplus", done.out)
    assert "numbercheck-demo.db" in done.out
    assert precious.read_bytes() == b"precious"
    assert (command.directory / "batches.csv").read_bytes() == batches
    assert command.query("SELECT count(*) > 10000 FROM v_number_check", "numbercheck-demo.db") == [(1,)]
    assert command.query("SELECT DISTINCT account FROM v_coverage", "numbercheck-demo.db") == [("demo",)]
    assert command.vendor.requests == []


def test_it_ends_with_a_page_and_how_to_open_it(inside: Command) -> None:
    told = inside("demo", "--directory", "a b").out
    page = inside.directory / "a b" / "numbercheck-demo.html"
    assert told.endswith(
        f"The report page: {page.relative_to(inside.directory)}\nOpen it in a browser: {page.as_uri()}\n"
    )
    text = page.read_text(encoding="utf-8")
    inside.look_at(text)
    assert "All is there." in text


def test_without_the_extra_it_says_how_to_have_the_page(inside: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webfile, "PACKAGES", ("jinja2", "no_such_package"))
    told = inside("demo", "--directory", ".").out
    assert told.endswith("not installed: no_such_package. Remedy: pip install 'numbercheck-etl[report]'\n")


def test_a_directory_with_signs_that_mean_something_in_a_url(command: Command) -> None:
    done = command("demo", "--directory", "100%41 ?mode=ro#")
    assert "The database: 100%41 ?mode=ro#/numbercheck-demo.db" in done.out
    assert command.query("SELECT count(*) > 10000 FROM v_number_check", "100%41 ?mode=ro#/numbercheck-demo.db")


def test_a_signal_is_told(command: Command) -> None:
    with ended(command.start("demo")) as process:
        assert process.stdout is not None
        while b"First sync" not in process.stdout.readline():
            pass
        terminate(process)
        done = command.finish(process, status=75)
    assert "SIGTERM was received" in done.err or "Stopped by a signal" in done.err


@pytest.mark.parametrize(
    ("now", "moment"),
    [
        ("2026-03-09T16:00:00", "2026-03-09T16:00:00"),
        ("2026-03-10T04:00:00", "2026-03-10T04:00:00"),
        ("2026-03-10T15:59:58", "2026-03-10T14:59:58"),
        ("2028-02-29T15:30:00", "2028-02-29T14:30:00"),
    ],
)
def test_no_day_ends_while_it_runs(now: str, moment: str) -> None:
    """No day in the vendor's zone, where a day ends at 16:00 UTC."""
    assert moment_for(dt.datetime.fromisoformat(f"{now}+00:00")) == dt.datetime.fromisoformat(f"{moment}+00:00")
