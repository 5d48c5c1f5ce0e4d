"""The report page that a sync leaves behind, whatever becomes of the sync, and that changes nothing about it."""

from __future__ import annotations

import errno
import importlib.util
import os
import shutil
import signal
import stat
import threading
from typing import Any

import pytest
import sqlalchemy as sa

from etl import settings
from etl.core.overview import Backlog
from etl.report import replacing, report, webfile
from etl.schema import tables
from etl.store import glance
from tests.cli.support import FIRST, NOW, TODAY, Command
from tests.store.support import insert

PAGE = "report.html"
OTHERWISE = "This does not change the result of the run"


@pytest.fixture
def paged(inside: Command) -> Command:
    """The command, which writes its page into `report.html`."""
    inside.environment["NUMBERCHECK_REPORT_FILE"] = PAGE
    return inside


def shown(command: Command, name: str = PAGE) -> str:
    text = (command.directory / name).read_text(encoding="utf-8")
    command.look_at(text)
    return text


def warnings(command: Command, status: int = 0, **settings: Any) -> list[str]:
    log = command.sync(status=status, **settings).log
    told = [record["message"] for record in log if record["level"] == "WARNING" and OTHERWISE in record["message"]]
    return [message.partition(f". {OTHERWISE}")[0] for message in told]


def test_a_sync_leaves_a_page(paged: Command) -> None:
    assert warnings(paged) == []
    text = shown(paged)
    assert "Complete up to 2026-03-10" in text
    assert "the last good run ended less than a minute ago" in text
    assert "exit status" not in text
    assert [name for name in paged.files() if name.endswith(".tmp")] == []


def test_a_page_is_replaced_as_a_whole(paged: Command) -> None:
    """Who reads the old one goes on reading it; a link keeps leading to its file."""
    (paged.directory / "public").mkdir()
    (paged.directory / PAGE).symlink_to("public/index.html")
    (paged.directory / "public/index.html").write_text("old", encoding="utf-8")
    (paged.directory / "public/index.html").chmod(0o644)
    with (paged.directory / PAGE).open(encoding="utf-8") as reader:
        paged.sync()
        assert reader.read() == "old"
    assert (paged.directory / PAGE).is_symlink()
    assert shown(paged, "public/index.html").endswith("</html>\n")
    assert (paged.directory / "public/index.html").stat().st_mode & 0o777 == 0o644


def test_who_may_read_the_old_page_may_read_the_new_one(paged: Command) -> None:
    page = paged.directory / PAGE
    paged.sync()
    assert stat.S_IMODE(page.stat().st_mode) == 0o644
    page.chmod(0o640)
    paged.sync()
    assert stat.S_IMODE(page.stat().st_mode) == 0o640


def test_a_sync_that_fails_leaves_one_too(paged: Command) -> None:
    paged.sync()
    paged.sync(status=78, window_days="nonsense")
    text = shown(paged)
    assert "The sync that made this page ended with exit status 78." in text
    assert "complete (0)" in text


def test_a_bound_leaves_work(paged: Command) -> None:
    paged.sync("--max-requests", "1", status=75)
    text = shown(paged)
    assert "Work is left." in text
    assert "2 batch days from 2026-03-09 on are not complete" in text
    assert "ended with exit status 75" in text
    assert "to be fetched, about" in text


def test_a_page_before_anything_is_known(paged: Command) -> None:
    paged.sync(status=78, access_key=None)
    assert "Nothing has been synced for this account yet" in shown(paged)
    assert "numbercheck.db" not in paged.files()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("missing/report.html", "No such file or directory"),
        ("folder", "it is not a regular file"),
        ("numbercheck.db", "the job needs this file for something else"),
        ("batches.csv", "the job needs this file for something else"),
        ("numbercheck.prom", "the job needs this file for something else"),
    ],
)
def test_a_page_that_cannot_be_written_changes_nothing(paged: Command, path: str, words: str) -> None:
    (paged.directory / "folder").mkdir()
    told = warnings(paged, report_file=path, metrics_file="numbercheck.prom")
    names = ["metrics file", "report page"] if path == "numbercheck.prom" else ["report page"]
    assert told == [f"The {name} {path} failed: {words}" for name in names]


@pytest.mark.parametrize("status", [0, 75])
def test_without_the_extra_there_is_one_warning(
    paged: Command, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    without(monkeypatch, "pygal")
    (paged.directory / PAGE).write_text("as it was", encoding="utf-8")
    [told] = warnings(paged, status, max_requests="1" if status else None)
    assert told.endswith("not installed: pygal. Remedy: pip install 'numbercheck-etl[report]'")
    assert shown(paged) == "as it was"


def without(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(webfile.importlib.util, "find_spec", lambda name: None if name == missing else find(name))  # type: ignore[attr-defined]


def test_a_database_that_is_gone_leaves_the_old_page(paged: Command) -> None:
    paged.sync()
    before = shown(paged)
    [told] = warnings(paged, 75, database_url="postgresql://u@127.0.0.1:9/none", auto_migrate="false")
    assert told.startswith(f"The report page {PAGE} failed: ")
    assert shown(paged) == before


def test_a_page_that_takes_too_long_is_given_up(paged: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "PAGE_SECONDS", 0)
    assert warnings(paged) == [f"The report page {PAGE} failed: it took too long"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_cuts_the_page_short(
    paged: Command, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    told = threading.Event()

    def write(*_: object) -> None:
        os.kill(os.getpid(), number)  # as others send it: it reaches the main thread, which waits
        told.wait()

    monkeypatch.setattr(webfile, "write", write)
    try:
        done = paged.sync()
    finally:
        told.set()
    assert "Stopped before everything was reported" in done.messages
    assert done.result["status"] == "complete"


def test_after_a_signal_the_page_gets_little_time(paged: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "FILE_SECONDS", 0)
    monkeypatch.setattr(report.stopping, "heard", lambda: True)  # type: ignore[attr-defined]
    assert warnings(paged) == [f"The report page {PAGE} failed: it took too long"]


def test_a_defect_of_the_page_is_none_of_the_sync(paged: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glance, "look", lambda *_: 1 / 0)
    assert warnings(paged) == [f"The report page {PAGE} failed: ZeroDivisionError"]


def test_a_narrowed_run_leaves_a_page_of_everything(paged: Command) -> None:
    paged.sync("--date", str(TODAY))
    text = shown(paged)
    assert "narrowed" in text
    assert "no run over the whole window has ended well yet" in text


# -- the command ------------------------------------------------------------------------------------------------


def look(command: Command, *arguments: str, **settings: Any) -> str:
    """`numbercheck report` with a page on standard output."""
    return command("report", "--now", NOW.isoformat(), *arguments, **settings).out


def test_the_page_goes_to_standard_output(inside: Command) -> None:
    inside.sync()
    text = look(inside)
    assert text.startswith("<!doctype html>")
    assert "Complete up to 2026-03-10" in text
    assert text == look(inside, "--out", "-", report_file="report.html")
    assert "report.html" not in inside.files()


def test_or_into_a_file(inside: Command) -> None:
    inside.sync()
    told = look(inside, "--out", "page.html")
    assert told.startswith(str(inside.directory / "page.html"))
    assert "Open it in a browser" in told
    assert "Complete up to" in shown(inside, "page.html")
    look(inside, report_file="other.html")
    assert shown(inside, "other.html") == shown(inside, "page.html")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("numbercheck.db", "needs this file for something else"),
        ("missing/x.html", "No such file"),
        (".", "it is not a regular file"),
    ],
)
def test_a_file_that_cannot_be_written(inside: Command, path: str, words: str) -> None:
    inside.sync()
    done = inside("report", "--out", path, status=78)
    assert words in done.messages
    assert "Remedy: give another file" in done.messages


def test_a_full_disk_may_have_room_later(inside: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(replacing, "replace", full)
    assert "The disk is full" in inside("report", "--out", "page.html", status=75).messages


@pytest.mark.parametrize("moment", ["0001-01-20", "1969-12-31", "9000-01-01", "9999-12-31T23:59:59-08:00"])
def test_a_moment_that_no_window_is_around(inside: Command, moment: str) -> None:
    assert "is not in the years 1970 to 8999" in inside("report", "--now", moment, status=2).err


@pytest.mark.parametrize("moment", ["1970-01-01T00:00:00+14:00", "8999-12-31T23:59:59-12:00"])
def test_the_first_and_the_last_moment(inside: Command, moment: str) -> None:
    inside.sync()
    assert inside("report", "--now", moment, window_days="60").out.endswith("</html>\n")


def test_the_page_is_in_utf_8_whatever_the_terminal_has(inside: Command) -> None:
    """A page on standard output says so of itself."""
    inside.processes = True
    inside.sync()
    inside.environment["PYTHONIOENCODING"] = "latin-1"
    assert "✓" in look(inside)


def test_without_a_database_the_command_makes_none(inside: Command) -> None:
    assert "Nothing has been synced for this account yet" in look(inside)
    assert "numbercheck.db" not in inside.files()


def test_without_the_extra_the_command_says_what_to_install(
    inside: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "jinja2")
    assert "Remedy: pip install 'numbercheck-etl[report]'" in inside("report", status=78).messages


def test_the_page_is_of_one_account(inside: Command) -> None:
    inside.sync()
    shutil.copy(inside.directory / "batches.csv", inside.directory / "others.csv")
    text = look(inside, account="other")
    assert "Number checks of other" in text
    assert "Nothing has been synced for this account yet, but for 1 other account of this database" in text
    assert "B-old" not in text


def test_it_is_as_of_a_moment(inside: Command) -> None:
    inside.sync("--max-requests", "1", status=75)
    text = inside("report", "--now", f"{FIRST.replace(month=4)}T00:00:00Z").out
    assert "No date is complete yet; 2 batch days" in text
    assert "2 batch days are at risk, the first since 2026-03-22 16:00 UTC" in text


def test_doctor_tries_the_page(inside: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    done = inside("doctor", status=78, report_file="nowhere/x.html")
    assert "FIX   settings: The report page 'nowhere/x.html' cannot be written" in done.out
    assert "correct NUMBERCHECK_REPORT_FILE" in done.out
    without(monkeypatch, "pygal")
    assert "pip install 'numbercheck-etl[report]'" in inside("doctor", status=78, report_file="x.html").out
    assert "x.html" not in inside.files()


def test_a_schema_of_another_version_is_told(inside: Command) -> None:
    inside.sync()
    inside("db", "downgrade", "0010", "--yes")
    told = inside("report", status=78, auto_migrate="false").messages
    assert "numbercheck db upgrade" in told


# -- on every database ------------------------------------------------------------------------------------------


def test_a_page_of_any_database(engine: sa.Engine) -> None:
    """With what is left to be fetched, which the lists say that the database keeps."""
    url = engine.url.render_as_string(hide_password=False)
    given = settings.load({"NUMBERCHECK_DATABASE_URL": url}, None)
    assert webfile.overview(given, NOW).known is False
    with engine.begin() as connection:
        account_id = insert(connection, tables.account, name="default", planned_to=TODAY)
        batch_id = insert(connection, tables.batch, account_id=account_id, batch_no="B-17")
        insert(
            connection,
            tables.batch_listing,
            batch_id=batch_id,
            source="database",
            check_date=TODAY,
            submitted_rows=250,
        )
    found = webfile.overview(given, NOW)
    assert found.backlog == Backlog(1, 3, 3, 3)
    text = webfile.page(given, NOW)
    assert "No batch day is known yet" in text
    assert "1 batch day to be fetched, about 3 requests" in text
