"""`numbercheck db`, on every kind of database."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from etl.cli import main
from etl.cli.common import _warn_of_readers
from etl.schema import migrate
from tests.cli.support import Command, connected
from tests.servers import PASSWORD, SQLITE

HEAD = migrate.head()

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, database: sa.URL) -> Run:
    """Runs a command on the database. Returns its exit status and the one line that it writes."""
    monkeypatch.setenv("NUMBERCHECK_DATABASE_URL", database.render_as_string(hide_password=False))

    def invoke(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, ["db", *arguments])
        assert PASSWORD not in result.output
        assert len(result.output.splitlines()) == 1
        words = result.stdout.strip() or json.loads(result.stderr)["message"]
        return result.exit_code, words

    return invoke


def test_the_life_of_a_schema(run: Run) -> None:
    steps = [
        (["current"], 0, f"none (this version needs {HEAD})"),
        (["check"], 78, "The database holds no schema yet"),
        (["upgrade"], 0, f"The schema went from nothing to {HEAD}."),
        (["upgrade"], 0, f"The schema is up to date: {HEAD}."),
        (["current"], 0, f"{HEAD} (current)"),
        (["check"], 0, f"The schema is as it should be: {HEAD}."),
        (["downgrade", "0001"], 0, "The schema is at 0001."),
        (["downgrade", "nonsense"], 78, "Can't locate revision"),
        (["downgrade", "base"], 0, "The schema is at nothing: every table was dropped."),
    ]
    for arguments, status, words in steps:
        found = run(*arguments)
        assert (found[0], found[1].startswith(words)) == (status, True), found


@pytest.mark.parametrize("server", [SQLITE], indirect=True)
def test_a_database_that_others_can_read_is_told(
    monkeypatch: pytest.MonkeyPatch, engine: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NUMBERCHECK_DATABASE_URL", str(engine.url))
    file = Path(str(engine.url.database))
    for mode, told in ((0o600, False), (0o644, True)):
        file.chmod(mode)
        _warn_of_readers.cache_clear()
        caplog.clear()
        result = CliRunner().invoke(main, ["db", "current"])
        assert (result.exit_code, result.stdout) == (0, f"{HEAD} (current)\n")
        assert [f"chmod 600 {file}" in record.getMessage() for record in caplog.records] == [True] * told


def test_codes_that_nothing_refers_to_are_removed(run: Run, database: sa.URL) -> None:
    run("upgrade")
    assert run("tidy") == (0, "Every code and carrier is in use.")
    with connected(database) as engine, engine.begin() as connection:
        for name in ("A", "B"):
            connection.exec_driver_sql(f"INSERT INTO carrier (name) VALUES ('{name}')")  # noqa: S608
        connection.exec_driver_sql("INSERT INTO currency (code) VALUES ('XXX')")
    assert run("tidy") == (0, "Removed 3 codes and names: 1 from currency, 2 from carrier.")


def test_views_that_readers_do_not_have_yet_are_told(run: Run, database: sa.URL) -> None:
    assert run("upgrade")[0] == 0
    assert run("downgrade", "0002")[0] == 0
    _, words = run("upgrade")
    told = "v_phone_latest, v_privacy_log. Run `numbercheck db grant-reader` again for each role that is to read them."
    assert words.endswith(told) is (database.get_backend_name() != "sqlite")
    assert "New: " not in run("upgrade")[1]


def test_what_is_wrong_stands_in_one_line(run: Run, engine: sa.Engine) -> None:
    with engine.begin() as connection:
        for view in migrate.VIEW_NAMES:
            connection.exec_driver_sql(f"DROP VIEW {view}")
        for table in ("repeated_key", "awaited_check"):
            connection.exec_driver_sql(f"DROP TABLE {table}")
    status, words = run("check")
    assert status == 78
    assert "The table awaited_check is missing." in words
    assert " more. Remedy: " in words


def test_looking_at_what_is_not_there_creates_nothing(tmp_path: Path) -> None:
    for command, status in (("current", 0), ("check", 78)):
        assert CliRunner().invoke(main, ["db", command]).exit_code == status
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///x.db",
        "sqlite:///file:x.db",
        "sqlite:///file:x.db?uri=true",
        "sqlite:///file:x.db?mode=rwc&uri=true",
        "sqlite:///./x.db?timeout=1",
        "sqlite+pysqlite:///file:%78.db?uri=1",
        "sqlite:///link.db",
    ],
)
def test_the_revision_of_nothing_creates_nothing(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBERCHECK_DATABASE_URL", url)
    (tmp_path / "link.db").symlink_to("nowhere.db")
    done = CliRunner().invoke(main, ["db", "current"])
    assert (done.exit_code, done.stdout) == (0, f"none (this version needs {HEAD})\n")
    assert [path.name for path in tmp_path.iterdir()] == ["link.db"]


# What a customer builds, the revision to go back to, and the kinds of servers that refuse to drop what is below it.
BUILT = [
    ("CREATE VIEW mine AS SELECT phone FROM v_number_check", "base", {"postgresql"}),
    ("CREATE VIEW mine AS SELECT run_id FROM v_sync_run", "0003", {"postgresql"}),
    ("CREATE VIEW mine AS SELECT retired_at FROM batch_listing", "0007", {"postgresql", "sqlite"}),
]


@pytest.mark.parametrize(("ddl", "revision", "refusing"), BUILT)
def test_what_a_customer_built_is_named(
    run: Run, engine: sa.Engine, ddl: str, revision: str, refusing: set[str]
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(ddl)
    status, words = run("downgrade", revision)
    if engine.dialect.name not in refusing:
        assert status == 0
        return
    assert (status, "view mine" in words, "Remedy: " in words) == (78, True, True)
    assert run("current") == (0, f"{HEAD} (current)")
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP VIEW mine")
    assert run("downgrade", revision)[0] == 0


def test_a_foreign_key_to_a_table_of_ours_is_named(run: Run, engine: sa.Engine) -> None:
    key = sa.inspect(engine).get_columns("account")[0]["type"].compile(engine.dialect)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f"CREATE TABLE mine (id {key}, FOREIGN KEY (id) REFERENCES account (account_id))"
        )
    status, words = run("downgrade", "base")
    refused = engine.dialect.name != "sqlite"
    assert (status, "built upon" in words) == ((78, True) if refused else (0, False)), words
    assert not refused or ("mine" in words and run("current") == (0, f"{HEAD} (current)"))


@pytest.mark.parametrize(
    ("options", "answer", "status"),
    [
        ([], "", 78),
        ([], "n\n", 78),
        ([], "what?\n", 78),
        ([], b"\xff\n", 78),
        ([], "y\n", 0),
        ([], "Yes", 0),
        (["--yes"], "", 0),
    ],
)
def test_data_is_dropped_only_by_those_who_say_so(
    inside: Command, options: list[str], answer: str | bytes, status: int
) -> None:
    inside.sync()
    inside("db", "downgrade", "nonsense", status=78)
    given = answer if isinstance(answer, bytes) else answer.encode()
    done = inside("db", "downgrade", "base", *options, status=status, stdin=given)
    tables = inside.query("SELECT name FROM sqlite_master WHERE name = 'number_check'")
    assert tables == ([] if status == 0 else [("number_check",)])
    assert ("--yes" in done.err) is bool(status)
    inside("db", "downgrade", HEAD if status else "base", status=0)  # nothing would be dropped: nobody is asked


def test_a_database_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBERCHECK_DATABASE_URL", f"postgresql://me:{PASSWORD}@127.0.0.1:1/x")
    result = CliRunner().invoke(main, ["db", "upgrade"])
    assert (result.exit_code, result.stdout) == (75, "")
    assert json.loads(result.stderr)["message"].startswith("The database does not answer")
    assert PASSWORD not in result.stderr


def test_the_command_as_a_process(command: Command) -> None:
    done = command("db", "upgrade", window_dais="3")
    assert done.out == f"The schema went from nothing to {HEAD}.\n"
    assert "did you mean NUMBERCHECK_WINDOW_DAYS" in done.messages
    command.processes = False
    assert "Can't locate revision" in command("db", "downgrade", "9999", status=78).messages
    command("db", "downgrade", "", status=2)
