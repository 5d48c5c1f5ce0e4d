"""`numbercheck status --watch`, and how many names a status has on a terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import sqlalchemy as sa

from etl.cli import output, watch
from etl.cli.output import SHOWN, fitting
from etl.core.window import Window
from etl.emulator import Fault
from etl.run import outlook
from etl.run.outlook import Outlook
from etl.settings import load
from tests.cli.support import DAY, FIRST, NOW, TODAY, Command, connected, ended, holding, rows
from tests.cli.test_progress import terminal
from tests.running import HANG, wait_until

NOTHING = ["No sync is at work.", "Nothing is left to ask for now."]
RUN: dict[str, Any] = {"started_at": NOW, "requests": 1200, "retries": 3}


# -- the loop ---------------------------------------------------------------------------------------------------


def test_it_looks_until_somebody_has_seen_enough_and_the_slower_the_rarer() -> None:
    moments = iter([0, 0.25, 10, 12, 100, 100])
    drawn: list[str] = []
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return len(waits) == 3

    watch.repeat(lambda: f"picture {len(drawn)}", drawn.append, wait, lambda: next(moments))
    assert drawn == ["picture 0", "picture 1", "picture 2"]
    assert waits == [watch.EVERY, 2 / watch.AT_MOST, watch.EVERY]


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (Outlook(), NOTHING),
        (
            Outlook(RUN, 119, 357.6),
            [
                "A sync is at work since 2026-03-10 04:00:00 UTC: 1,200 requests sent, 3 of them retries.",
                "Left for it: about 119 requests, 0:05:58 at the agreed pace.",
            ],
        ),
        (
            Outlook(None, 1, 0.0, {"batch_no": "B1", "check_date": TODAY, "note": "code 999"}),
            [
                "No sync is at work.",
                "Left for the next one: about 1 request.",
                "Last refused: B1 on 2026-03-10: code 999",
            ],
        ),
        (
            Outlook(trouble={"batch_no": "B1", "check_date": TODAY, "note": "Batch B1 on 2026-03-10: code 999"}),
            [*NOTHING, "Last refused: Batch B1 on 2026-03-10: code 999"],
        ),
    ],
)
def test_what_is_going_on_is_put_into_words(seen: Outlook, expected: list[str]) -> None:
    assert watch.words(seen) == [*expected, ""]


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_without_a_terminal_it_is_refused(inside: Command, options: list[str]) -> None:
    done = inside("status", "--watch", *options, status=2)
    assert "--watch is for a terminal. To print the status once, leave it out." in done.err


# -- on a terminal ----------------------------------------------------------------------------------------------


def watched(command: Command, end: Callable[[subprocess.Popen[bytes], int], None]) -> tuple[int, str]:
    """Watch until the end of the picture is there, then end it; the exit status, and what the terminal showed."""
    with terminal() as (master, slave):
        process = subprocess.Popen(
            [sys.executable, "-m", command.module, "status", "--watch", "--now", NOW.isoformat()],
            cwd=command.directory,
            env=command.changed() | {"TERM": "xterm", "COLUMNS": "150", "LINES": "50"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        drawn, asked = b"", False
        with ended(process):
            with suppress(OSError):  # Linux: the other side is closed
                while piece := os.read(master, 65536):
                    drawn += piece
                    if not asked and b"q ends it" in drawn:
                        asked = True
                        end(process, master)
            return process.wait(HANG), drawn.decode()


def by_key(_process: subprocess.Popen[bytes], master: int) -> None:
    os.write(master, b"q")


def by_closing(_process: subprocess.Popen[bytes], master: int) -> None:
    """The terminal is gone, and no SIGHUP says so: it is not that of the process's session."""
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123  (a descriptor)
        os.dup2(nothing.fileno(), master)


def by(number: signal.Signals) -> Callable[[subprocess.Popen[bytes], int], None]:
    return lambda process, _master: process.send_signal(number)


@pytest.mark.parametrize(
    ("end", "status"),
    [(by_key, 0), (by(signal.SIGINT), 75), (by(signal.SIGTERM), 75), (by_closing, 75)],
    ids=["q", "INT", "TERM", "gone"],
)
def test_it_shows_the_status_until_it_is_ended(
    prepared: Command, end: Callable[[subprocess.Popen[bytes], int], None], status: int
) -> None:
    """A signal ends it as it ends every command."""
    found, drawn = watched(prepared, end)
    assert found == status, drawn
    assert "Account default, window 2026-02-25 to 2026-03-10" in drawn
    assert "No sync is at work." in drawn
    assert prepared.vendor.requests == []
    prepared.look_at(drawn)


# -- what a run still takes, from the database alone ------------------------------------------------------------


def seen(url: sa.URL, **given: str) -> Outlook:
    settings = load({f"NUMBERCHECK_{name.upper()}": value for name, value in given.items()}, None)
    with connected(url) as engine, engine.connect() as connection:
        return outlook.look(connection, settings, Window.at(NOW, settings))


def test_a_run_at_work_is_seen_and_one_that_was_killed_is_not(command: Command, database: sa.URL) -> None:
    """The list is not read for that; B-old has three pages, B-new two, and both are looked for on later days."""
    url = database.render_as_string(hide_password=False)
    command.processes = False
    command("db", "upgrade", database_url=url)
    assert seen(database) == Outlook()
    with holding(command.vendor, 3):
        command.vendor.now = lambda: NOW
        process = command.start("sync", "--now", NOW.isoformat(), database_url=url, max_in_flight="1")
        with ended(process):
            enough = "SELECT requests FROM v_sync_run WHERE requests >= 2"
            wait_until(lambda: process.poll() is not None or rows(database, enough))
            at_work = seen(database, request_interval="3")
            assert at_work.run is not None
            assert at_work.run["requests"] >= 2
            assert at_work.requests >= 1
            assert at_work.seconds == 3 * at_work.requests
            process.kill()
            process.wait(HANG)
            wait_until(lambda: seen(database).run is None)
    assert rows(database, "SELECT status FROM v_sync_run") == [("running",)]
    assert seen(database).requests >= at_work.requests
    command.at(NOW, "sync", database_url=url)
    again = command.at(NOW, "plan", "--json", database_url=url).json
    assert seen(database) == Outlook(None, again["requests"], 3.0 * again["requests"])


def test_what_was_refused_last(inside: Command, database: sa.URL) -> None:
    inside.vendor.book.add_generated("B-risk", FIRST, 250)
    inside.vendor.behaviour.faults.at_rate(Fault("code", batch_no="B-risk", page=3), 1)
    inside.write_list([f"B-risk,{FIRST},", f"B-old,{TODAY - DAY},"])
    url = database.render_as_string(hide_password=False)
    inside("db", "upgrade", database_url=url)
    inside.at(NOW, "sync", status=75, max_attempts="1", spill_days="0", database_url=url)
    trouble = seen(database, spill_days="0").trouble
    assert trouble is not None
    assert (trouble["batch_no"], trouble["check_date"]) == ("B-risk", FIRST)
    assert "code 999" in trouble["note"]


# -- what fits a screen -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "columns", "named"), [(100, 80, SHOWN), (24, 80, 11), (24, 10, 5), (3, 80, 1), (14, 80, 6)]
)
def test_as_many_names_as_fit_the_terminal(
    monkeypatch: pytest.MonkeyPatch, lines: int, columns: int, named: int
) -> None:
    """Two kinds of things, each in lines of twelve columns; one line is left for the prompt."""
    monkeypatch.setattr(output, "_on_a_terminal", lambda: True)
    monkeypatch.setenv("LINES", str(lines))
    monkeypatch.setenv("COLUMNS", str(columns))
    assert fitting(lambda number: "\n".join(["x" * 12] * 2 * number)) == "\n".join(["x" * 12] * 2 * named)


def test_a_status_fits_the_terminal(inside: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not named is counted, and --json has it all."""
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setenv("COLUMNS", "150")
    days = [f"B{number:02d},{FIRST}," for number in range(40)]
    inside.write_list(days)
    inside.at(NOW, "sync", status=75, max_requests="1", spill_days="0")
    monkeypatch.setattr(output, "_on_a_terminal", lambda: True)
    text = inside.at(NOW, "status").out
    assert len(text.splitlines()) <= 23
    at_risk = text.partition("At risk")[2].partition("\n\n")[0].splitlines()
    assert len(at_risk) > 4
    assert at_risk[-1] == f"and {39 - len(at_risk[2:-1])} more"
    assert len(inside.at(NOW, "status", "--json").json["at_risk"]) == 39
    monkeypatch.setenv("LINES", "8")
    counted = "At risk, not complete and gone within 48 hours: 39\n\nIn doubt, although it counts as complete: 1\n"
    assert inside.at(NOW, "status").out.endswith(counted)
