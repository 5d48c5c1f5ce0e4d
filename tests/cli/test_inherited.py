"""Every command on servers whose databases, roles and environment set what a session of this job must not inherit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from tests import servers
from tests.absent import own_server
from tests.cli.support import NOW, Command, rows
from tests.servers import POSTGRESQL

BATCH = "批次 ñ 🧾"

# For people who use the same database, or left over from a program that did.
POSTGRESQL_SETS = [
    "datestyle = 'SQL, DMY'",
    "datestyle = 'German'",
    "intervalstyle = 'iso_8601'",
    "timezone = 'Asia/Kathmandu'",
    "client_encoding = 'latin1'",
    "client_encoding = 'sql_ascii'",
    "default_transaction_isolation = 'serializable'",
    "default_transaction_deferrable = on",
    "standard_conforming_strings = off",
    "extra_float_digits = -15",
    "transform_null_equals = on",
    "quote_all_identifiers = on",
    "bytea_output = 'escape'",
    'search_path = "Odd "" one", public',
]


def everything(command: Command) -> None:
    """What a user does in the first weeks."""
    command.processes = False
    assert "from nothing to" in command("db", "upgrade").out
    assert "from nothing" not in command("db", "upgrade").out
    assert "as it should be" in command("db", "check").out
    command("batches", "add", BATCH, "--date", "2026-03-09")
    assert command("batches", "list", "--json").json["batches"][0]["batch_no"] == BATCH
    assert command.sync().result["rows"]["inserted"] == 370
    again = command.sync("--full").result["rows"]
    assert (again["inserted"], again["updated"], again["unchanged"]) == (0, 0, 370)
    command.at(NOW, "plan")
    assert [run["status"] for run in command.at(NOW, "status", "--json").json["runs"]] == ["complete", "complete"]
    command("accounts", "rename", "default", "renamed")


@pytest.fixture
def remote(command: Command, database: sa.URL) -> Command:
    command.environment["NUMBERCHECK_DATABASE_URL"] = database.render_as_string(hide_password=False)
    return command


def prepare(url: sa.URL, *statements: str) -> None:
    """As an administrator, whose own session inherits nothing of it."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


@pytest.mark.parametrize("server", [POSTGRESQL], indirect=True)
@pytest.mark.parametrize("what", POSTGRESQL_SETS)
def test_what_a_database_sets(what: str, remote: Command, database: sa.URL) -> None:
    prepare(database, 'CREATE SCHEMA "Odd "" one"', f"ALTER DATABASE {database.database} SET {what}")
    everything(remote)


@pytest.mark.parametrize("server", [POSTGRESQL], indirect=True)
def test_a_role_that_may_read_no_view(remote: Command, database: sa.URL) -> None:
    (version,) = rows(database, "SHOW server_version_num")[0]
    if int(str(version)) < 170000:
        pytest.skip("PostgreSQL before 17 does not have it")
    prepare(database, f"ALTER DATABASE {database.database} SET restrict_nonsystem_relation_kind = 'view'")
    everything(remote)


@pytest.mark.parametrize("server", [POSTGRESQL], indirect=True)
@pytest.mark.parametrize("variable", [
    "PGCLIENTENCODING=SQL_ASCII", "PGDATESTYLE=SQL", "PGTZ=Asia/Kathmandu", "PGHOSTADDR=192.0.2.1",
    "PGOPTIONS=-cstatement_timeout=1min -cintervalstyle=iso_8601",
])  # fmt: skip
def test_what_the_environment_sets(variable: str, remote: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(*variable.split("=", 1))
    everything(remote)


@pytest.mark.parametrize("server", [POSTGRESQL], indirect=True)
@pytest.mark.parametrize(
    "variable",
    [
        *(
            "PGTZ=nowhere",
            "PGDATESTYLE=nonsense",
            "PGGEQO=maybe",
            "PGOPTIONS=--nonsense",
            "PGOPTIONS=-cnonsense=1",
        ),
        *("PGSERVICE=nonsense", "PGSSLMODE=nonsense", "PGSSLMODE=require", "PGREQUIREAUTH=none"),
        *("PGGSSENCMODE=require", "PGCHANNELBINDING=require"),
    ],
)
def test_what_the_environment_sets_wrongly(
    variable: str, remote: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, value = variable.split("=", 1)
    monkeypatch.setenv(name, value)
    remote.processes = False
    for words in ("db upgrade", "status", "batches list"):
        assert f"the environment also sets {name}." in remote(*words.split(), status=78).messages


@pytest.mark.parametrize("server", [POSTGRESQL], indirect=True)
def test_a_schema_that_comes_later_does_not_hide_our_tables(remote: Command, database: sa.URL) -> None:
    """`"$user"` stands first in PostgreSQL's default path."""
    remote.processes = False
    remote("db", "upgrade")
    prepare(
        database, f"CREATE SCHEMA {database.username}", f"CREATE TABLE {database.username}.account (nothing int)"
    )
    assert remote.sync().result["rows"]["inserted"] == 370
    assert "as it should be" in remote("db", "check").out


@pytest.mark.parametrize("server", [POSTGRESQL], indirect=True)
@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1", "EUC_CN"])
def test_a_database_that_is_not_utf8(encoding: str, remote: Command, database: sa.URL) -> None:
    name = f"{database.database}_{encoding.lower()}"
    prepare(database, f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    there = {"database_url": database.set(database=name).render_as_string(hide_password=False)}
    remote.processes = False
    try:
        commands = ["db upgrade", "db current", "db check", "status --json", "batches list", "batches add B"]
        for words in commands:
            done = remote(*words.split(), status=78, **there)
            assert f"The database has the encoding {encoding}" in done.messages
            assert "ENCODING 'UTF8'" in done.messages
        assert f"has the encoding {encoding}" in remote.sync(status=78, **there).messages
        done = remote("doctor", status=78, **there)
        assert f"FIX   database: The database has the encoding {encoding}" in done.out
        remote("db", "upgrade")
        done = remote("db", "copy", status=78, copy_to_database_url=there["database_url"])
        assert f"The target: The database has the encoding {encoding}" in done.messages
    finally:
        prepare(database, f"DROP DATABASE {name} WITH (FORCE)")


# Options of the server, and what is set for all new sessions once it runs.
HOSTILE = (
    "--sql-mode=ANSI,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT",
    "--character-set-server=latin1",
    "--skip-character-set-client-handshake",
    "--transaction-isolation=SERIALIZABLE",
    "--autocommit=0",
    "--default-time-zone=+05:45",
)
MARIADB_SETS = (
    "sql_safe_updates = 1",
    "sql_select_limit = 3",
    "max_statement_time = 0.001",
    "completion_type = 2",
    "foreign_key_checks = 0",
    "sql_auto_is_null = 1",
    "div_precision_increment = 0",
    "idle_transaction_timeout = 1",
    "lc_time_names = 'de_DE'",
    "sql_quote_show_create = 0",
    "default_storage_engine = 'MyISAM'",
    "alter_algorithm = 'INSTANT'",
    "innodb_lock_wait_timeout = 1",
    "max_allowed_packet = 32768",
)


@pytest.fixture
def hostile() -> Iterator[sa.URL]:
    """A database of a MariaDB that sets all of this."""
    with own_server(servers.mariadb, *HOSTILE) as server:
        url = server.create()
        prepare(url, *[f"SET GLOBAL {what}" for what in MARIADB_SETS])
        yield url


@pytest.mark.mariadb
def test_what_mariadb_sets(command: Command, hostile: sa.URL) -> None:
    command.environment["NUMBERCHECK_DATABASE_URL"] = hostile.render_as_string(hide_password=False)
    everything(command)
    assert rows(hostile, "SELECT count(*) FROM v_number_check") == [(370,)]
    assert rows(hostile, "SELECT batch_no FROM batch WHERE batch_no LIKE '批%'") == [(BATCH,)]
    engines = (
        "SELECT DISTINCT engine FROM information_schema.tables WHERE table_schema = database() AND engine <> ''"
    )
    assert rows(hostile, engines) == [("InnoDB",)]


# What no session may change: what it is, and what the remedy names.
REFUSED = {
    ("innodb_default_row_format", "'compact'"): "set innodb_default_row_format to dynamic",
    ("enforce_storage_engine", "'MyISAM'"): "unset enforce_storage_engine",
    ("max_allowed_packet", "1024"): "allow larger ones (max_allowed_packet",
}


@pytest.mark.mariadb
def test_what_mariadb_cannot_be_used_with(command: Command) -> None:
    command.processes = False

    def new_database() -> sa.URL:
        url = server.create()
        command.environment["NUMBERCHECK_DATABASE_URL"] = url.render_as_string(hide_password=False)
        return url

    with own_server(servers.mariadb, "--log-bin=b", "--binlog-format=STATEMENT") as server:
        url = new_database()
        assert "set binlog_format to MIXED or ROW" in command("db", "upgrade", status=78).messages
        prepare(url, "SET GLOBAL binlog_format = 'ROW'")
        for (name, value), remedy in REFUSED.items():
            (was,) = rows(url, f"SELECT @@GLOBAL.{name}")[0]
            url = new_database()
            prepare(url, f"SET GLOBAL {name} = {value}")
            assert remedy in command("db", "upgrade", status=78).messages
            prepare(url, f"SET GLOBAL {name} = {'NULL' if was is None else repr(was)}")
        new_database()
        everything(command)
