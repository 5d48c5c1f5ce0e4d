"""`numbercheck init`: what it writes, what it leaves alone, and that the job can begin with it."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest

from etl.settings.firstfiles import TOPICS, dotenv
from etl.settings.settings import SETTINGS, load
from tests.cli.support import Command, real_time

ROOT = Path(__file__).parents[2]
WRITTEN = {".env", "batches.csv"}


@pytest.fixture
def beginner(inside: Command) -> Command:
    """The command in an empty directory, without a setting."""
    for path in inside.directory.iterdir():
        path.unlink()
    real_time(inside.vendor)
    inside.environment = {
        name: value for name, value in inside.environment.items() if not name.startswith("NUMBERCHECK_")
    }
    return inside


def fill_in(command: Command, **settings: str) -> None:
    """Write these values into the lines of the .env that are for them."""
    path = command.directory / ".env"
    text = path.read_text()
    for name, value in settings.items():
        text, times = re.subn(rf"^#?NUMBERCHECK_{name}=.*", f"NUMBERCHECK_{name}={value}", text, flags=re.M)
        assert times == 1, name
    path.write_text(text)


def test_the_job_begins_with_what_it_writes(beginner: Command) -> None:
    """Without a warning, and without asking the vendor about the examples."""
    told = beginner("init")
    assert beginner.files() == WRITTEN
    assert "`numbercheck doctor`" in told.out.splitlines()[-1]
    first = beginner.vendor.book.first
    fill_in(beginner, ACCESS_KEY=first.access_key, ACCESS_SECRET=first.secret, API_URL=beginner.vendor.url)
    out = {}
    for command in ("doctor", "plan", "sync", "status"):
        done = beginner(command)
        assert {record["level"] for record in done.log} <= {"INFO"}, done.err
        out[command] = done.out
    assert "next  list your batches" in out["doctor"]
    assert len(beginner.vendor.requests) == 1, "the trial request of doctor alone"
    assert beginner.query("SELECT count(*) FROM v_coverage") == [(0,)]
    (beginner.directory / "batches.csv").write_text("batch_no\nB-new\n")
    assert "next  run `numbercheck plan`" in beginner("doctor").out


def test_nothing_is_overwritten(beginner: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    beginner("init")
    (beginner.directory / ".env").write_text("NUMBERCHECK_ACCOUNT=mine\n")
    (beginner.directory / "batches.csv").unlink()
    (beginner.directory / "batches.csv").symlink_to(beginner.directory / "elsewhere")
    again = beginner("init")
    assert re.findall(r"^(\w+) +(\S+):", again.out, re.M) == [("kept", "batches.csv"), ("kept", ".env")]
    assert (beginner.directory / ".env").read_text() == "NUMBERCHECK_ACCOUNT=mine\n"
    assert not (beginner.directory / "elsewhere").exists()
    (beginner.directory / ".env").write_text("")
    assert "but empty" in beginner("init").out


def test_nobody_else_can_ever_read_the_settings(beginner: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the umask is; `open` is told so, not a `chmod` afterwards."""
    opened: list[tuple[str, int]] = []
    really = os.open

    def noted(path: str, flags: int, mode: int = 0o777) -> int:
        descriptor = really(path, flags, mode)
        opened.append((str(path), stat.S_IMODE(os.fstat(descriptor).st_mode)))
        return descriptor

    monkeypatch.setattr(os, "open", noted)
    before = os.umask(0)
    try:
        beginner("init")
    finally:
        os.umask(before)
    assert (".env", 0o600) in opened
    assert stat.S_IMODE((beginner.directory / ".env").stat().st_mode) == 0o600


def test_a_file_that_cannot_be_written_whole_is_not_left_there(
    beginner: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fdopen", full)
    beginner.json_log = False  # no setting is read, so a complaint is a sentence
    assert "disk is full" in beginner("init", status=75).err
    assert beginner.files() == set()


def test_a_directory_in_which_one_may_not_write(beginner: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: str, *_: object) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", refused)
    beginner.json_log = False
    told = beginner("init", status=78).err
    assert "'batches.csv' cannot be written into this directory (Permission denied)" in told
    assert "Remedy: go to a directory in which this user may write" in told


def test_the_texts_follow_the_table_of_settings() -> None:
    """Every name is a setting, each value one that it can have, and what a page offers first is all there."""
    named = re.findall(r"^#?NUMBERCHECK_(\w+)=", dotenv(), re.M)
    assert sorted(named) == sorted(set(named))
    assert set(named) <= {setting.name for setting in SETTINGS}
    page = (ROOT / "docs" / "settings.md").read_text()
    for title in ("The vendor", "The lists of batches", "Logs and reports"):
        section = page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
        assert set(re.findall(r"^\| `([A-Z_]+)`", section, re.M)) <= set(named), title
    assert max(map(len, dotenv().splitlines())) <= 110


def test_every_line_that_is_offered_can_be_taken(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(re.sub(r"^#(NUMBERCHECK_)", r"\1", dotenv(), flags=re.M))
    found = load({}, file)
    assert found.warnings == ()
    for topic in TOPICS:
        for name, value in topic.offered.items():
            taken = getattr(found, name.lower())
            assert taken == getattr(load({}, None), name.lower()) if not value else taken is not None, name
    assert found.batch_query == "SELECT batch_no, date, rows FROM submission WHERE date >= :first_date"
