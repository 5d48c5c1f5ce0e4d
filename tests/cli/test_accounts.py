"""One key has one name: a second one is refused, and an account can be given another name."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from etl.store.accounts import fingerprint
from tests.cli.support import NOW, THIS_HOUR, Command, ended, holding, real_time, rows
from tests.running import wait_until


@pytest.fixture
def shared(inside: Command, database: sa.URL, engine: sa.Engine) -> Command:
    """The command with a database of each kind, which has its schema."""
    inside.environment["NUMBERCHECK_DATABASE_URL"] = database.render_as_string(hide_password=False)
    return inside


def accounts(command: Command) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = command("accounts", "list", "--json").json["accounts"]
    return found


def test_a_second_name_is_refused_and_the_remedy_moves_everything(shared: Command, database: sa.URL) -> None:
    assert shared.sync().result["rows"]["inserted"] == 370
    shared.vendor.clear()
    remedy = "`numbercheck accounts rename default acme`"
    for done in (
        shared.sync(status=78, account="acme"),
        shared("batches", "add", "B", status=78, account="acme"),
    ):
        assert "belongs to the account 'default' of this database" in done.messages
        assert remedy in done.messages
    assert shared.vendor.requests == []
    assert [line["name"] for line in accounts(shared)] == ["default"]

    renamed = shared("accounts", "rename", "default", "acme")
    assert "NUMBERCHECK_ACCOUNT=acme" in renamed.out
    done = shared.sync(account="acme")
    assert (done.result["rows"]["inserted"], done.result["rows"]["rejected"]) == (0, 0)
    for view in ("v_number_check", "v_coverage", "v_sync_run", "v_batch_summary"):
        assert set(rows(database, f"SELECT account FROM {view}")) == {("acme",)}  # noqa: S608
    assert "'acme'" in shared.sync(status=78).messages


def test_the_remedy_names_no_rename_that_would_be_refused(shared: Command) -> None:
    shared.sync()
    key = shared.vendor.book.add_account("key-2", "secret-2")
    shared("batches", "add", "B", account="taken", access_key=key.access_key, access_secret=key.secret)
    done = shared.sync(status=78, account="taken")
    assert "set NUMBERCHECK_ACCOUNT to 'default'." in done.messages
    assert "rename" not in done.messages


def test_the_doctor_refuses_a_second_name_and_leaves_none_behind(shared: Command) -> None:
    shared.sync()
    real_time(shared.vendor)
    shared.vendor.clear()
    for options in ([], ["--accept-new-key"]):
        done = shared("doctor", *options, status=78, account="acme")
        assert "FIX   vendor: This accessKey belongs to the account 'default'" in done.out
    assert shared.vendor.requests == []
    shared("accounts", "rename", "default", "acme")
    assert "accepts the credentials" in shared("doctor", account="acme").out


def test_the_accounts_are_listed(shared: Command) -> None:
    assert accounts(shared) == []
    assert "no account yet" in shared("accounts", "list").out
    shared.sync()
    key = shared.vendor.book.add_account("key-2", "secret-2")
    shared("batches", "add", "B", account="b", access_key=key.access_key, access_secret=key.secret)
    first, second = accounts(shared)
    assert second.pop("last_run").startswith(THIS_HOUR)
    digits = fingerprint(shared.vendor.book.first.access_key)[:8]
    assert second == {"name": "default", "batch_days": 2, "key_fingerprint": digits}
    assert first == {"name": "b", "batch_days": 0, "last_run": None, "key_fingerprint": None}
    assert [line.split()[0] for line in shared("accounts", "list").out.splitlines()] == ["account", "b", "default"]


@pytest.mark.parametrize(
    ("old", "new", "status", "words"),
    [
        (
            "nobody",
            "acme",
            78,
            "There is no account 'nobody' in this database. Remedy: `numbercheck accounts list`",
        ),
        ("Default", "acme", 78, "There is no account 'Default'"),
        ("default", "other", 78, "There is an account 'other' already"),
        ("default", "default", 78, "There is an account 'default' already"),
        ("default", "x" * 65, 2, "must be 1 to 64 characters"),
        ("default", "", 2, "must be 1 to 64 characters"),
        ("default", " ", 2, "must be 1 to 64 characters"),
        ("default", "a\tb", 2, "without control characters"),
    ],
)
def test_what_a_rename_refuses(inside: Command, old: str, new: str, status: int, words: str) -> None:
    inside.sync()
    inside("batches", "add", "B", account="other", access_key=None)
    before = inside.query("SELECT * FROM account")
    assert words in inside("accounts", "rename", old, new, status=status).err
    assert [row[:3] for row in inside.query("SELECT * FROM account")] == [row[:3] for row in before]


def test_a_rename_where_there_is_no_database_creates_none(inside: Command) -> None:
    files = inside.files()
    assert "There is no account 'a'" in inside("accounts", "rename", "a", "b", status=78).messages
    assert accounts(inside) == []
    assert inside.files() == files


def test_an_account_that_syncs_is_not_renamed(shared: Command) -> None:
    shared.processes = True
    with (
        holding(shared.vendor) as release,
        ended(shared.start("sync", "--json", "--now", NOW.isoformat())) as running,
    ):
        wait_until(lambda: len(shared.vendor.requests) > 1)
        shared.processes = False
        done = shared("accounts", "rename", "default", "acme", status=75)
        assert f"process {running.pid} on " in done.messages
        release.set()
        assert shared.finish(running).result["status"] == "complete"
    shared("accounts", "rename", "default", "acme")
    assert [line["name"] for line in accounts(shared)] == ["acme"]
