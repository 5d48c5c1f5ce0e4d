"""Users' mistakes: a sentence that names the mistake and the remedy, and the documented exit status."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from etl.admin.taking import FORMAT
from etl.cli import main
from etl.cli.output import tell
from etl.emulator import GeneratedDay
from etl.schema import migrate
from tests.cli.support import NOW, TODAY, Command, connected, real_time
from tests.cli.tree import COMMANDS, taking
from tests.servers import PASSWORD

NO_ADDRESS = "http://192.0.2.1/api/number/query"  # reserved for documentation: no host has it

# Settings, the exit status, and words that the user sees. PORT stands for a port on which nothing listens.
IMPOSSIBLE: list[tuple[dict[str, Any], int, list[str]]] = [
    (
        {"window_days": "fortnight", "timezone": "Mars/Olympus"},
        78,
        ["NUMBERCHECK_WINDOW_DAYS must be", "'fortnight'", "NUMBERCHECK_TIMEZONE must be", "'Mars/Olympus'"],
    ),
    ({"access_key": None}, 78, ["Not set: NUMBERCHECK_ACCESS_KEY", "Remedy"]),
    (
        {"access_secret_file": "secret"},
        78,
        ["NUMBERCHECK_ACCESS_SECRET and NUMBERCHECK_ACCESS_SECRET_FILE are both set", "unset one"],
    ),
    (
        {"access_secret": None, "access_secret_file": "nowhere/secret"},
        78,
        ["NUMBERCHECK_ACCESS_SECRET_FILE", "nowhere/secret", "cannot be read (No such file or directory)"],
    ),
    (
        {"database_url": f"postgresql://me:x@{PASSWORD}@127.0.0.1:nowhere/x"},
        78,
        ["NUMBERCHECK_DATABASE_URL must be", "%40"],
    ),
    ({"api_url": NO_ADDRESS}, 78, ["--now", "loopback"]),
    ({"batch_file": None}, 78, ["No batch source", "NUMBERCHECK_BATCH_FILE", "numbercheck batches add"]),
    ({"database_url": "sqlite:///nowhere/n.db"}, 78, ["directory", "nowhere/n.db", "Remedy"]),
    ({"database_url": "sqlite:///batches.csv"}, 78, ["not an SQLite database", "Remedy"]),
    ({"database_url": f"postgresql://me:{PASSWORD}@127.0.0.1:PORT/x"}, 75, ["does not answer", "Remedy"]),
    ({"database_url": f"mysql://me:{PASSWORD}@127.0.0.1:PORT/x"}, 75, ["does not answer", "Remedy"]),
]


@pytest.mark.parametrize(("settings", "status", "words"), IMPOSSIBLE)
def test_what_makes_a_sync_impossible(
    inside: Command, settings: dict[str, Any], status: int, words: list[str], closed_port: int
) -> None:
    (inside.directory / "batches.csv").write_text("batch_no\n" + "B\n" * 50, encoding="utf-8")
    given = {name: value and value.replace("PORT", str(closed_port)) for name, value in settings.items()}
    done = inside.sync(status=status, **given)
    assert [word for word in words if word not in done.messages] == []
    assert done.result["status"] == ("misconfigured" if status == 78 else "incomplete")
    assert done.result["run_id"] is None
    assert inside.vendor.requests == []
    assert inside.files() == {"batches.csv"}  # nothing was created, not even an empty database


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["sync", "--max-requests", "0"], "--max-requests"),
        (["sync", "--max-seconds", "nan"], "--max-seconds"),
        (["sync", "--max-seconds", "inf"], "--max-seconds"),
        (["sync", "--date", "2026-02-30"], "2026-02-30"),
        (["plan", "--now", "noon"], "noon"),
        (["status", "--jsom"], "--json"),
        (["batches", "add", " "], "the batch number is empty"),
        (["batches", "add", "B" * 65], "64 characters"),
        (["batches", "add", "a\tb"], "control characters"),
        (["nonsense"], "nonsense"),
    ],
)
def test_wrong_options(options: list[str], words: str) -> None:
    done = CliRunner().invoke(main, options)
    assert (done.exit_code, done.stdout) == (2, "")
    assert words in done.stderr


def test_wrong_secret_and_wrong_key(inside: Command) -> None:
    inside.secrets += ["another-secret", "another-key"]
    done = inside.sync(status=78, access_secret="another-secret")
    assert "signature is refused" in done.messages
    assert "NUMBERCHECK_ACCESS_SECRET" in done.messages
    assert (done.result["status"], done.result["requests"]) == ("misconfigured", 1)
    assert len(inside.vendor.requests) == 1  # no further request can succeed
    done = inside.sync(status=78, access_key="another-key", account="other")
    assert "access key is refused" in done.messages
    assert "NUMBERCHECK_ACCESS_KEY" in done.messages
    inside.sync()


def test_a_key_that_the_vendor_never_took_is_nobodys_key(inside: Command) -> None:
    inside.sync(status=78, access_key="a-typo")
    inside.sync()


def test_another_key_under_the_same_name(inside: Command) -> None:
    other = inside.vendor.book.add_account("another-key", "another-secret")
    settings: dict[str, Any] = {"access_key": other.access_key, "access_secret": other.secret}
    inside.secrets += [*settings.values(), "a-typo"]
    inside.sync()
    inside.vendor.clear()
    done = inside.sync(status=78, **settings)
    assert "another accessKey" in done.messages
    assert "numbercheck doctor --accept-new-key" in done.messages
    assert inside.vendor.requests == []
    real_time(inside.vendor)
    refused = inside("doctor", "--accept-new-key", status=78, access_key="a-typo")
    assert "the access key is refused" in refused.out
    accepted = inside("doctor", "--accept-new-key", **settings)
    assert "has this accessKey from now on" in accepted.out
    assert "another accessKey" in inside.sync(status=78).messages  # with the old one


def test_bad_lines_are_named_and_everything_else_is_synced(inside: Command) -> None:
    bad = [
        "B-1,2026-02-30,",  # line 2
        ",2026-03-09,",
        f"{'B' * 65},2026-03-09,",
        "B-2,2026-03-09,many",
        'B-3,"2026-03-09,',
        "B-4,09.03.2026,",
        "B-5,2026-3-9,",
    ]
    inside.write_list([*bad, "B-old,2026-03-09,250", f"B-new,{TODAY},"])
    with (inside.directory / "batches.csv").open("ab") as file:
        file.write(b"B-\xff\xfe,2026-03-09,\n")
    done = inside.sync(status=78)
    [line] = [message for message in done.messages.splitlines() if "cannot be used" in message]
    assert "8 lines cannot be used" in line
    assert [word for word in ("line 2:", "line 3:", "line 4:", "line 5:", "line 6:") if word not in line] == []
    assert "line 7:" not in line
    assert "and 3 more" in line
    assert done.result["rows"]["inserted"] == 370
    assert inside.at(NOW, "plan", status=78).messages.count("8 lines cannot be used") == 1


def test_a_list_that_cannot_be_read_stops_no_batch_that_is_known(inside: Command) -> None:
    inside.write_list(["B-new,,"])
    inside.sync()
    inside.write_list(["B-old,2026-03-09,"], head="number,date,rows")
    inside.vendor.clear()
    done = inside.sync(status=78)
    assert "no column batch_no" in done.messages
    assert {r.body["batchNo"] for r in inside.vendor.requests} == {"B-new"}
    (inside.directory / "batches.csv").unlink()
    inside.vendor.clear()
    done = inside.sync(status=78)
    assert "cannot be read (No such file or directory)" in done.messages
    assert {r.body["batchNo"] for r in inside.vendor.requests} == {"B-new"}


def test_a_newer_schema(prepared: Command) -> None:
    prepared.query("UPDATE alembic_version SET version_num = '9999'")
    prepared.processes = False
    assert {"sync", "plan", "status", "batches list"} <= set(taking("--json"))
    needed = {"privacy_key": "k" * 32, "retention_days": "90", "lake_url": "lake"}
    options = {"lake retire": ["--before", "2026-01-01"]}
    given = {"privacy import": f'{{"format": "{FORMAT}"}}'.encode()}
    for name in taking("--json"):
        file = ["-" for parameter in COMMANDS[name].params if parameter.human_readable_name == "FILE|-"]
        stdin = given.get(name, b"84980000001\n")
        done = prepared(*name.split(), *file, *options.get(name, ()), "--json", status=78, stdin=stdin, **needed)
        assert "9999" in done.messages
        assert "newer" in done.messages
        assert (done.json["status"], done.json["exit_code"]) == ("misconfigured", 78)


def test_an_older_schema(prepared: Command) -> None:
    with connected(sa.make_url(f"sqlite:///{prepared.directory / 'numbercheck.db'}")) as engine:
        migrate.downgrade(engine, "0001")
    prepared.processes = False
    done = prepared.sync(status=78, auto_migrate="false")
    assert "The schema is at 0001" in done.messages
    assert "numbercheck db upgrade" in done.messages
    prepared.sync()


def test_a_schema_that_somebody_changed(prepared: Command) -> None:
    prepared.query("DROP TABLE request_slot")
    prepared.processes = False
    done = prepared.sync(status=78)
    assert "numbercheck db check" in done.messages


def test_a_defect_tells_no_phone_number_either(prepared: Command) -> None:
    """The defect here is a condition on a table that someone added to the database."""
    day = prepared.vendor.book.first.days[TODAY]["B-new"]
    assert isinstance(day, GeneratedDay)
    prepared.query(f'CREATE TABLE trap (n, CONSTRAINT "no more of {day.phone(3)}" CHECK (n = 0))')
    prepared.query("CREATE TRIGGER led BEFORE INSERT ON number_check BEGIN INSERT INTO trap VALUES (1); END")
    prepared.traceback = True
    done = prepared.at(NOW, "sync", "--full", status=1)
    assert "please report it" in done.err
    assert "no more of" in done.err


def test_output_that_cannot_show_a_sign(command: Command) -> None:
    command.environment["PYTHONIOENCODING"] = "iso-8859-1"
    assert r"\u6279\u6b21 \U0001f9fe" in command("batches", "add", "批次 🧾").out
    assert command("batches", "list", "--json").json["batches"][0]["batch_no"] == "批次 🧾"


def test_a_person_is_told_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    tell("The moon is down. Remedy: wait.")
    assert capsys.readouterr().err == "numbercheck: The moon is down. Remedy: wait.\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk(command: Command) -> None:
    with Path("/dev/full").open("wb") as full:
        process = subprocess.run(
            [sys.executable, "-m", "etl", "status"],
            cwd=command.directory,
            env=command.changed(),
            stdout=full,
            stderr=subprocess.PIPE,
        )
    assert process.returncode == 75
    assert "The disk is full" in process.stderr.decode()
    command.look_at(process.stderr.decode())
