"""A report that fails changes nothing, ends in bounded time, and is logged without secrets."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from etl.report import ping, push, report, textfile, within
from etl.store import figures
from tests.absent import absent
from tests.cli.support import Command
from tests.report.receiver import PATH, Receiver
from tests.report.support import batch_days, in_file
from tests.running import HANG

OTHERWISE = "This does not change the result of the run"
SOON = 0.2
"""Seconds: the limit for work that never ends here, so that it is abandoned however slow the machine is."""


def warnings(watched: Command, **settings: Any) -> list[str]:
    """The warnings of a run that is complete all the same."""
    done = watched.sync(**settings)
    assert done.result["status"] == "complete"
    told = [record for record in done.log if record["level"] == "WARNING"]
    assert all(OTHERWISE in record["message"] for record in told)
    assert all(record["account"] == "default" and record["run_id"] for record in told)
    return [record["message"].partition(f". {OTHERWISE}")[0] for record in told]


def test_nobody_listens(watched: Command, closed_port: int) -> None:
    url = f"http://127.0.0.1:{closed_port}"
    assert warnings(watched, ping_url=url + PATH, pushgateway_url=url) == [
        "The start ping failed: there was no connection, or it broke off",
        "The end ping failed: there was no connection, or it broke off",
        "The push to NUMBERCHECK_PUSHGATEWAY_URL failed: there was no connection, or it broke off",
    ]
    assert batch_days(in_file(watched.directory)) == {"settled": 1, "open": 1}


def test_the_server_is_broken(watched: Command, receiver: Receiver) -> None:
    receiver.statuses = [500] * 5
    assert warnings(watched) == [
        "The start ping failed: the answer is HTTP 500",
        "The end ping failed: the answer is HTTP 500",
        "The push to NUMBERCHECK_PUSHGATEWAY_URL failed: the answer is HTTP 500",
    ]
    assert receiver.pings == ["/start", "", "", ""]


def test_a_ping_that_fails_at_first(watched: Command, receiver: Receiver) -> None:
    receiver.statuses = [200, 503, 429, 200]
    assert warnings(watched) == []
    assert receiver.pings == ["/start", "", "", ""]


def test_an_address_that_is_refused_is_not_tried_again(watched: Command, receiver: Receiver) -> None:
    receiver.statuses = [404] * 3
    assert len(warnings(watched)) == 3
    assert receiver.pings == ["/start", ""]


def test_a_redirect_is_not_followed(watched: Command, receiver: Receiver) -> None:
    receiver.statuses, receiver.location = [302] * 3, f"{receiver.url}/elsewhere"
    told = warnings(watched)
    assert len(told) == 3
    assert all(message.endswith("HTTP 302, a redirect, which is not followed") for message in told)
    assert [request.path for request in receiver.requests if "elsewhere" in request.path] == []


@pytest.mark.parametrize("way", ["silent", "trickles"])
def test_a_server_that_hangs(
    watched: Command, receiver: Receiver, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ping, "PING_SECONDS", SOON)
    monkeypatch.setattr(push, "PUSH_SECONDS", SOON)
    setattr(receiver, way, True)
    told = warnings(watched)
    assert len(told) == 3
    assert all(message.endswith("failed: no answer in time") for message in told)


def test_addresses_that_cannot_be_used(watched: Command) -> None:
    url = "http://*.example"
    told = warnings(watched, ping_url=url + PATH, pushgateway_url=url)
    assert len(told) == 3
    assert all(message.endswith("failed: the address cannot be used") for message in told)


def test_a_name_that_does_not_exist(watched: Command) -> None:
    told = warnings(watched, ping_url=f"https://monitor.invalid{PATH}", pushgateway_url=None)
    assert told == [
        "The start ping failed: there was no connection, or it broke off",
        "The end ping failed: there was no connection, or it broke off",
    ]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("missing/numbercheck.prom", "No such file or directory"),
        ("batches.csv/numbercheck.prom", "Not a directory"),
        ("folder", "it is not a regular file"),
    ],
)
def test_a_file_that_cannot_be_written(watched: Command, receiver: Receiver, path: str, words: str) -> None:
    (watched.directory / "folder").mkdir()
    [told] = warnings(watched, metrics_file=path)
    assert told == f"The metrics file {path} failed: {words}"
    assert receiver.pings == ["/start", ""]


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("status", [0, 78])
def test_what_is_no_regular_file_is_left_alone(watched: Command, kind: int, linked: bool, status: int) -> None:
    """Whether the run could read the ledger or keeps the file's earlier figures, and so would read it."""
    special, link = watched.directory / "special", watched.directory / "link"
    try:
        os.mknod(special, kind | 0o600, os.makedev(1, 3))  # as /dev/null
    except PermissionError:
        absent("Only root may make devices: run the tests as root")
    link.symlink_to("special")
    settings = {"metrics_file": "link" if linked else "special"} | ({"window_days": "x"} if status else {})
    done = watched.sync(status=status, **settings)
    assert f"The metrics file {settings['metrics_file']} failed: it is not a regular file" in done.messages
    assert stat.S_IFMT(special.stat().st_mode) == kind
    assert link.is_symlink()


@pytest.mark.parametrize(
    "name", ["numbercheck.db", "numbercheck.db-wal", "batches.csv", ".env", "to-the-database"]
)
def test_a_file_that_the_job_needs_for_something_else_is_left_alone(watched: Command, name: str) -> None:
    (watched.directory / ".env").write_text("# nothing", encoding="utf-8")
    (watched.directory / "to-the-database").symlink_to("numbercheck.db")
    [told] = warnings(watched, metrics_file=name)
    assert told == f"The metrics file {name} failed: the job needs this file for something else"
    assert watched.query("SELECT count(*) > 0 FROM v_number_check") == [(True,)]
    assert watched.sync().result["batch_days"]["incomplete"] == 0


@pytest.mark.parametrize("path", ["log", "link", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_where_the_output_goes_is_left_alone(watched: Command, path: str) -> None:
    """Cron's log may be named here too, also as /dev/stdout: replaced, it would get nothing any more."""
    log = watched.directory / "log"
    (watched.directory / "link").symlink_to("log")
    before = os.dup(1)
    with log.open("ab") as file:
        file.write(b"earlier")
        file.flush()
        os.dup2(file.fileno(), 1)
    try:
        [told] = warnings(watched, metrics_file=path)
    finally:
        os.dup2(before, 1)
        os.close(before)
    assert told == f"The metrics file {path} failed: it is a standard stream of this process"
    assert log.read_bytes().startswith(b"earlier")


@pytest.mark.parametrize("name", ["m" * 255, "ж" * 127])
def test_a_name_as_long_as_it_can_be(watched: Command, name: str) -> None:
    assert warnings(watched, metrics_file=name) == []
    assert [file for file in watched.files() if file.startswith(name[:9])] == [name]


@pytest.mark.parametrize("there", [False, True])
def test_a_link_stays_a_link(watched: Command, there: bool) -> None:
    path, link = watched.directory / "numbercheck.prom", watched.directory / "link.prom"
    link.symlink_to(path.name)
    if there:
        path.write_text("old", encoding="utf-8")
    assert warnings(watched, metrics_file="link.prom") == []
    assert link.is_symlink()
    assert in_file(watched.directory)["exit_status"] == 0


def test_a_full_disk_leaves_the_old_file_as_it_was(watched: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    watched.sync()
    before = (watched.directory / "numbercheck.prom").read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    [told] = warnings(watched)
    assert told.endswith("numbercheck.prom failed: No space left on device")
    assert (watched.directory / "numbercheck.prom").read_bytes() == before
    assert [name for name in watched.files() if "prom" in name] == ["numbercheck.prom"]


def test_a_file_on_a_disk_that_hangs(
    watched: Command, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "FILE_SECONDS", SOON)
    monkeypatch.setattr(textfile, "write", lambda *_, **__: receiver.closing.wait())
    [told] = warnings(watched)
    assert told.endswith("numbercheck.prom failed: it took too long")


def test_a_database_that_hangs(watched: Command, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "LEDGER_SECONDS", SOON)
    monkeypatch.setattr(figures, "read", lambda *_: receiver.closing.wait())
    assert warnings(watched) == ["Reading the ledger for the metrics failed: it took too long"]
    assert in_file(watched.directory)["exit_status"] == 0
    assert receiver.pings == ["/start", ""]


def test_what_nobody_expects(watched: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("with a secret in it")

    monkeypatch.setattr(figures, "read", broken)
    monkeypatch.setattr(push, "push", broken)
    assert warnings(watched) == [
        "Reading the ledger for the metrics failed: RuntimeError",
        "The push to NUMBERCHECK_PUSHGATEWAY_URL failed: RuntimeError",
    ]


def test_ctrl_c_ends_a_report_early(watched: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ping, "end", interrupted)
    assert "Stopped before everything was reported" in watched.sync().messages
    assert "numbercheck.prom" not in watched.files()


def test_within_gives_back_what_the_work_does() -> None:
    assert within.within(HANG, lambda: 7) == 7
    with pytest.raises(FileNotFoundError):
        within.within(HANG, lambda: Path("nothing").read_text(encoding="utf-8"))
