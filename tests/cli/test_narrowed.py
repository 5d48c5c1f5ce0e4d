"""A run that is narrowed to some batches or dates speaks of these alone."""

from __future__ import annotations

import pytest

from tests.cli.support import DAY, NOW, TODAY, Command
from tests.report.support import in_file

SUCCESS, STATUS = "last_success_timestamp_seconds", "exit_status"
OF_THE_RUN = (STATUS, "requests", "throttled", "run_seconds", "last_run_timestamp_seconds")
LATER = NOW + 2 * DAY


@pytest.fixture
def measured(inside: Command) -> Command:
    inside.environment["NUMBERCHECK_METRICS_FILE"] = str(inside.directory / "numbercheck.prom")
    return inside


@pytest.mark.parametrize(
    "options",
    [["--batch", "B-new"], ["--date", str(TODAY)], ["--date", "2026-02-27"], ["--batch", "B-old", "--full"]],
    ids=" ".join,
)
def test_it_is_no_success_of_the_whole(measured: Command, options: list[str]) -> None:
    measured.sync(*options)
    assert SUCCESS not in in_file(measured.directory)
    measured.sync(moment=NOW + DAY)
    success = in_file(measured.directory)[SUCCESS]
    measured.sync(*options, moment=LATER)
    assert in_file(measured.directory)[SUCCESS] == success
    assert measured.query("SELECT narrowed FROM v_sync_run ORDER BY started_at") == [("YES",), ("NO",), ("YES",)]
    runs = measured.at(LATER, "status", "--json").json["runs"]
    assert [run["narrowed"] for run in runs] == ["YES", "NO", "YES"]


@pytest.mark.parametrize("options", [["--batch", "B-old"], ["--date", "2026-02-27"]], ids=" ".join)
def test_its_success_silences_no_alarm(measured: Command, options: list[str]) -> None:
    measured.sync(*options)
    assert in_file(measured.directory)[STATUS] == 0  # there is nothing else to tell
    measured.sync(status=78, access_secret="another-secret")
    before = in_file(measured.directory)
    measured.sync(*options, moment=LATER)
    after = in_file(measured.directory)
    assert {name: after[name] for name in OF_THE_RUN} == {name: before[name] for name in OF_THE_RUN}
    assert after[STATUS] == 78
    measured.sync(moment=LATER)
    assert in_file(measured.directory)[STATUS] == 0
    measured.sync("--batch", "B-odl", moment=LATER, status=78)
    assert in_file(measured.directory)[STATUS] == 78


@pytest.mark.parametrize(
    "options", [["--full"], ["--max-requests", "100"], ["--max-seconds", "3600"]], ids=" ".join
)
def test_a_run_of_the_whole_window_is_one(measured: Command, options: list[str]) -> None:
    measured.sync()
    success = in_file(measured.directory)[SUCCESS]
    measured.sync(*options, moment=LATER)
    assert in_file(measured.directory)[SUCCESS] > success


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--date", "2026-03-01"], "no batch that is looked for fits --batch and --date"),
        (["--batch", "B-old", "--date", str(TODAY)], "no batch that is looked for fits --batch and --date"),
        (["--date", "2025-12-31"], "no --date lies in the window"),
        (
            ["--batch", "B-old", "--date", "2026-03-09"],
            "all that fits --batch and --date is complete or lost, or is not due yet",
        ),
    ],
)
def test_one_that_asks_for_nothing_says_so_and_why(inside: Command, options: list[str], why: str) -> None:
    inside.sync(spill_days="0")
    before = len(inside.vendor.requests)
    text = inside.at(NOW, "sync", *options, spill_days="0").out
    assert text.startswith(f"complete: nothing was asked for: {why}\n")
    assert "this says nothing about any other batch day" in text
    assert len(inside.vendor.requests) == before


def test_one_that_asks_says_what_it_says(inside: Command) -> None:
    text = inside.at(NOW, "sync", "--batch", "B-new").out
    assert text.startswith("complete: every batch day asked for holds all that the vendor reported\n")
    assert "  narrowed    by --batch or --date: this says nothing about any other batch day\n" in text + "\n"
    assert "narrowed    by" not in inside.at(NOW, "sync").out
