"""What is reported for each way in which a run may end, as the receivers see it."""

from __future__ import annotations

import importlib
import os
import stat
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from etl.clock import Clock
from etl.core import planning
from etl.emulator import Fault
from etl.report.report import Report
from tests.cli.support import DAY, FIRST, NOW, TODAY, Command, being_read, ended, holding, terminate
from tests.clocks import HandSet
from tests.report.receiver import PATH, Receiver
from tests.report.support import batch_days, in_file, told
from tests.running import HANG, wait_until

SYNC = ("sync", "--json", "--now", NOW.isoformat())
BUSY = Fault("code", code=999, msg="system busy", batch_no="B-old")


def pushed(receiver: Receiver) -> dict[str, float]:
    """The figures of the last push."""
    return told([r for r in receiver.requests if r.path.startswith("/metrics")][-1].body.decode())


def test_complete(watched: Command, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run takes 7.25 s by its own clock, without any real waiting."""
    report = partial(Report, monotonic=HandSet(step=7.25), now=HandSet(1_800_000_000.5))
    monkeypatch.setattr(importlib.import_module("etl.cli.sync"), "Report", report)
    monkeypatch.setattr(Clock, "now", lambda _: NOW)
    watched.sync()
    assert receiver.pings == ["/start", ""]
    figures = in_file(watched.directory)
    assert batch_days(figures) == {"settled": 1, "open": 1}
    assert figures.pop("last_run_timestamp_seconds") == 1_800_000_000.5
    assert figures.pop("run_seconds") == 7.25
    assert figures.pop("last_success_timestamp_seconds") == NOW.timestamp()
    rest = {name: value for name, value in figures.items() if "/" not in name}
    nothing = {"rows_at_risk": 0, "rejected_rows": 0, "doubtful_rows": 0}
    assert rest.pop("new_codes") > 0
    assert rest == {"exit_status": 0, "requests": 5, "throttled": 0} | nothing


def test_the_file_can_be_read_by_everybody_and_nothing_else_is_left_there(watched: Command) -> None:
    before = os.umask(0o077)
    try:
        watched.sync()
    finally:
        os.umask(before)
    path = watched.directory / "numbercheck.prom"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [name for name in watched.files() if "prom" in name] == ["numbercheck.prom"]


def test_a_ping_has_no_body_and_a_push_is_grouped_by_account(watched: Command, receiver: Receiver) -> None:
    watched.sync(account="南/1")
    start, end, push = receiver.requests
    assert {(ping.method, ping.body) for ping in (start, end)} == {("GET", b"")}
    assert (start.path, end.path) == (f"{PATH}/start", PATH)
    assert push.method == "POST"
    assert push.path.startswith("/metrics/job/numbercheck/account@base64/")
    assert push.headers["Authorization"] == "Basic cHVzaGVyOnBAc3MtdzByZA=="
    assert told(push.body.decode()) == in_file(watched.directory)


def test_incomplete(watched: Command, receiver: Receiver) -> None:
    watched.vendor.behaviour.faults.at_rate(BUSY, 1)
    watched.sync(status=75, max_attempts="1")
    assert receiver.pings == ["/start", "/75"]
    figures = in_file(watched.directory)
    assert batch_days(figures) == {"incomplete": 1, "open": 1}
    assert figures["exit_status"] == 75
    assert "last_success_timestamp_seconds" not in figures
    assert pushed(receiver) == figures


def test_a_success_outlives_the_failures_after_it(watched: Command, receiver: Receiver) -> None:
    watched.sync()
    success = in_file(watched.directory)["last_success_timestamp_seconds"]
    (watched.directory / "numbercheck.prom").unlink()
    watched.sync(status=75, moment=NOW + DAY, max_requests="1")
    figures = in_file(watched.directory)
    assert (figures["last_success_timestamp_seconds"], figures["exit_status"]) == (success, 75)
    watched.sync(moment=NOW + DAY)
    assert in_file(watched.directory)["last_success_timestamp_seconds"] > success + 86_000
    assert receiver.pings == ["/start", "", "/start", "/75", "/start", ""]


def test_at_risk_and_lost(watched: Command, receiver: Receiver) -> None:
    watched.vendor.book.add_generated("B-late", FIRST, 30)
    watched.write_list([f"B-late,{FIRST},40", f"B-new,{TODAY},"])
    watched.vendor.behaviour.faults.at_rate(Fault("code", code=999, batch_no="B-late"), 1)
    settings: dict[str, Any] = {"max_attempts": "1", "spill_days": "0"}
    watched.sync(status=75, **settings)
    assert in_file(watched.directory)["rows_at_risk"] == 40
    watched.sync(status=65, moment=NOW + 3 * DAY, **settings)
    figures = in_file(watched.directory)
    assert batch_days(figures) == {"lost": 1, "settled": 1}
    assert (figures["rows_at_risk"], figures["exit_status"]) == (0, 65)
    watched.sync(moment=NOW + 3 * DAY, **settings)
    assert batch_days(in_file(watched.directory))["lost"] == 1  # it stays lost
    assert receiver.pings == ["/start", "/75", "/start", "/65", "/start", ""]


def test_misconfigured_and_the_vendor_says_so(watched: Command, receiver: Receiver) -> None:
    watched.secrets.append("another-secret")
    watched.sync(status=78, access_secret="another-secret")
    assert receiver.pings[-1] == "/78"
    assert in_file(watched.directory)["exit_status"] == 78


@pytest.mark.parametrize(
    "settings",
    [{"access_key": None}, {"window_days": "many"}, {"api_url": "nonsense"}, {"database_url": "nonsense"}],
    ids=lambda settings: next(iter(settings)),
)
def test_misconfigured_so_that_nothing_could_begin(
    watched: Command, receiver: Receiver, settings: dict[str, Any]
) -> None:
    """A mistyped setting is no reason to stay silent: the settings of the reports are known all the same."""
    watched.sync()
    before = in_file(watched.directory)
    receiver.requests.clear()
    watched.sync(status=78, **settings)
    assert receiver.pings == ["/78"]
    figures = in_file(watched.directory)
    assert (figures["exit_status"], figures["requests"]) == (78, 0)
    assert figures["last_success_timestamp_seconds"] == before["last_success_timestamp_seconds"]
    assert batch_days(figures) == batch_days(before)
    assert pushed(receiver)["exit_status"] == 78


def test_settings_of_a_file_count_too_where_others_are_wrong(watched: Command, receiver: Receiver) -> None:
    del watched.environment["NUMBERCHECK_PING_URL"]
    (watched.directory / "url").write_text(receiver.ping_url + "\n", encoding="utf-8")
    (watched.directory / ".env").write_text("NUMBERCHECK_PING_URL_FILE=url\nNUMBERCHECK_MAX_ATTEMPTS=x\n")
    watched.sync(status=78)
    assert receiver.pings == ["/78"]


def test_nothing_is_known_and_nothing_is_told(watched: Command, receiver: Receiver) -> None:
    watched.sync(status=78, account="a\tb", ping_url="nonsense", window_days="many")
    assert receiver.requests == []
    assert "numbercheck.prom" not in watched.files()
    assert "numbercheck.db" not in watched.files()


def test_locked(watched: Command, receiver: Receiver) -> None:
    """It does not ping: the run that holds the lock does. A ping of its start would hide that the other one hangs."""
    with holding(watched.vendor) as release, ended(watched.start(*SYNC)) as first:
        wait_until(lambda: receiver.pings)
        second = watched.sync(status=75)
        assert second.result["status"] == "locked"
        assert receiver.pings == ["/start"]
        assert in_file(watched.directory)["exit_status"] == 75
        release.set()
        watched.finish(first)
    assert receiver.pings == ["/start", ""]
    assert in_file(watched.directory)["exit_status"] == 0


def test_sigterm(watched: Command, receiver: Receiver) -> None:
    before = time.time()
    with holding(watched.vendor) as release, ended(watched.start(*SYNC, max_in_flight="1")) as process:
        wait_until(lambda: receiver.pings and len(watched.vendor.requests) > 1)
        terminate(process)
        release.set()
        result = watched.finish(process, status=75).result
    assert receiver.pings == ["/start", "/75"]
    figures = in_file(watched.directory)
    assert (figures["exit_status"], figures["requests"]) == (75, result["requests"])
    assert before <= figures["last_run_timestamp_seconds"] <= time.time()
    assert figures["run_seconds"] > 0
    assert pushed(receiver) == figures


def test_sigterm_before_the_first_request(watched: Command, receiver: Receiver) -> None:
    fifo = watched.directory / "list"
    os.mkfifo(fifo)
    with ended(watched.start(*SYNC, batch_file=str(fifo))) as process, being_read(fifo):
        terminate(process)
        watched.finish(process, status=75)
    assert receiver.pings == ["/75"]
    assert in_file(watched.directory)["exit_status"] == 75


def test_sigterm_while_the_end_is_reported_changes_nothing(watched: Command, receiver: Receiver) -> None:
    receiver.hold = 2
    with ended(watched.start(*SYNC)) as process:
        wait_until(lambda: len(receiver.requests) == 2)
        terminate(process)
        receiver.release.set()
        watched.finish(process)
    assert receiver.pings == ["/start", ""]
    assert in_file(watched.directory)["exit_status"] == 0


def test_a_defect(watched: Command, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a defect")

    watched.sync()
    monkeypatch.setattr(planning, "wants_look", broken)
    watched.traceback = True
    done = watched.at(NOW, "sync", "--full", status=1)
    assert receiver.pings == ["/start", "", "/start", "/1"]
    figures = in_file(watched.directory)
    assert figures["exit_status"] == 1
    assert "last_success_timestamp_seconds" in figures
    last = done.log[-1]
    assert "This is a defect" in last["message"]
    assert last["account"] == "default"
    assert last["run_id"]


def test_output_that_cannot_be_written_is_no_success(watched: Command, receiver: Receiver) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", watched.module, "sync", "--now", NOW.isoformat()],
            cwd=watched.directory,
            env=watched.changed(),
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=HANG,
        )
    assert done.returncode == 75, done.stderr
    watched.look_at(done.stderr.decode())
    assert receiver.pings == ["/start", "/75"]


def test_a_narrowed_run_pings_nothing_and_tells_of_the_whole_account(watched: Command, receiver: Receiver) -> None:
    watched.sync()
    receiver.requests.clear()
    watched.sync("--batch", "B-new")
    watched.sync("--date", str(TODAY))
    watched.sync("--batch", "B-odl", status=78)
    assert receiver.pings == []
    figures = in_file(watched.directory)
    assert batch_days(figures) == {"settled": 1, "open": 1}
    assert figures["exit_status"] == 78


def test_the_ledger_cannot_be_read_and_what_was_told_of_it_stays(
    watched: Command, receiver: Receiver, closed_port: int
) -> None:
    watched.sync()
    before = in_file(watched.directory)
    gone = f"postgresql://user:{watched.secrets[2]}@127.0.0.1:{closed_port}/gone"
    done = watched.sync(status=75, moment=NOW + DAY, database_url=gone)
    assert "Reading the ledger for the metrics failed: The database does not answer" in done.messages
    figures = in_file(watched.directory)
    assert figures["exit_status"] == 75
    own = {"exit_status", "requests", "throttled", "new_codes", "run_seconds", "last_run_timestamp_seconds"}
    assert {k: v for k, v in figures.items() if k not in own} == {k: v for k, v in before.items() if k not in own}
    assert set(pushed(receiver)) == own  # a Pushgateway keeps the others itself
    watched.sync(status=75, database_url=gone, account="other")
    assert set(in_file(watched.directory)) == own  # another account's figures are not kept
    assert receiver.pings[-2:] == ["/75", "/75"]
