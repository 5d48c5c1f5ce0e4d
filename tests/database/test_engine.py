from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from pathlib import Path

import certifi
import pytest
import sqlalchemy as sa

from etl.database.engine import connect, explain, reading
from etl.database.sqlitefile import exposed, is_there
from etl.errors import DatabaseUnreachable, EtlError, Misconfigured
from etl.schema import tables
from tests.admin.roles import role
from tests.servers import MARIADB, PASSWORD, POSTGRESQL
from tests.store.sessions import at_once, cut, engine_for, number_of
from tests.store.support import add_batch, add_batch_day, add_check

SERVERS = pytest.mark.parametrize("server", [POSTGRESQL, MARIADB], indirect=True)
ON_SQLITE = pytest.mark.parametrize("server", ["sqlite"], indirect=True)
ON_POSTGRESQL = pytest.mark.parametrize("server", [POSTGRESQL], indirect=True)


def failure(engine: sa.Engine, *statements: str) -> sa.exc.SQLAlchemyError:
    """The error that one of the statements ends with."""
    try:
        with pytest.raises(sa.exc.SQLAlchemyError) as caught:
            run(engine, *statements)
    finally:
        engine.dispose()
    return caught.value


def run(engine: sa.Engine, *statements: str) -> None:
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def explained(engine: sa.Engine, *statements: str) -> EtlError:
    told = explain(failure(engine, *statements))
    assert told is not None
    assert "Remedy: " in str(told)
    assert PASSWORD not in str(told)
    return told


# -- the session -------------------------------------------------------------------------------------------


@SERVERS
def test_sessions_are_in_utc_and_read_what_is_committed(engine: sa.Engine) -> None:
    name = {"postgresql": "SHOW timezone", "mariadb": "SELECT @@time_zone"}[engine.dialect.name]
    with engine.connect() as connection:
        assert connection.exec_driver_sql(name).scalar() in ("UTC", "+00:00")
        assert connection.get_isolation_level() == "READ COMMITTED"


LIMITS = (
    *("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout"),
    "transaction_timeout",
)


@ON_POSTGRESQL
@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_is_not_inherited_but_may_be_asked_for(
    name: str, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine.connect() as connection:
        there = sa.text("SELECT 1 FROM pg_settings WHERE name = :name")
        if not connection.execute(there, {"name": name}).first():
            pytest.skip("this PostgreSQL does not have it")
    monkeypatch.setenv("PGOPTIONS", f"-c{name}=19min")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {engine.url.database} SET {name} = '17min'")
    asked = engine.url.update_query_dict({"options": f"-c{name}=13min"})
    for url, limit in ((engine.url, "0"), (asked, "13min")):
        with engine_for(url) as other, other.connect() as connection:
            assert connection.exec_driver_sql(f"SHOW {name}").scalar() == limit


@ON_POSTGRESQL
def test_what_the_url_cannot_change(database: sa.URL) -> None:
    query = {"client_encoding": "latin1", "options": "-cdatestyle=SQL,DMY -ctimezone=Asia/Tokyo"}
    with engine_for(database.update_query_dict(query)) as engine, engine.connect() as connection:
        shown = [connection.exec_driver_sql(f"SHOW {name}").scalar() for name in ("client_encoding", "datestyle")]
        assert shown == ["UTF8", "ISO, MDY"]
        assert connection.exec_driver_sql("SHOW timezone").scalar() == "UTC"


@ON_POSTGRESQL
def test_a_password_in_any_script(engine: sa.Engine) -> None:
    _log_in_with(engine, "CREATE ROLE {} LOGIN PASSWORD '{}'", "DROP ROLE {}", "somebody")


@pytest.mark.parametrize("server", [MARIADB], indirect=True)
def test_a_password_in_any_script_on_mariadb(engine: sa.Engine) -> None:
    create = "CREATE USER {0} IDENTIFIED BY '{1}'", f"GRANT ALL ON {engine.url.database}.* TO {{0}}"
    _log_in_with(engine, ";".join(create), "DROP USER {}", "somebody")


def _log_in_with(engine: sa.Engine, create: str, drop: str, name: str) -> None:
    for password in ("Straße", "пароль-密码"):
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for statement in create.split(";"):
                connection.exec_driver_sql(statement.format(name, password))
            try:
                with engine_for(engine.url.set(username=name, password=password)) as other:
                    run(other, "SELECT 1")
            finally:
                connection.exec_driver_sql(drop.format(name))


@ON_POSTGRESQL
def test_a_postgresql_session_ends_by_itself_when_the_peer_is_gone(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        told = driver.info.get_parameters()
        shown = connection.exec_driver_sql("SHOW application_name").scalar()
    assert shown == "numbercheck"
    wanted = {"keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3"}
    assert told.items() >= (wanted | {"connect_timeout": "10"}).items()


@ON_POSTGRESQL
def test_what_the_url_says_wins(database: sa.URL) -> None:
    url = database.update_query_dict({"application_name": "mine", "connect_timeout": "30"})
    with engine_for(url) as engine, engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        assert driver.info.get_parameters()["connect_timeout"] == "30"
        assert connection.exec_driver_sql("SHOW application_name").scalar() == "mine"


@SERVERS
def test_what_does_not_fit_is_refused_and_not_cut(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        day = add_batch_day(connection, add_batch(connection))
    with engine.connect() as connection, pytest.raises(sa.exc.DataError):
        add_check(connection, day, phone="9" * 65)


def test_sqlite_keeps_a_journal_that_lets_readers_in(tmp_path: Path) -> None:
    url = sa.URL.create("sqlite", database=str(tmp_path / "new.db"))
    with engine_for(url) as engine, engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 30_000


def test_ddl_is_rolled_back_on_sqlite(tmp_path: Path) -> None:
    url = sa.URL.create("sqlite", database=str(tmp_path / "new.db"))
    with engine_for(url) as engine, engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a INTEGER)")
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")
        connection.rollback()
        assert sa.inspect(connection).get_table_names() == []


def test_two_who_read_and_then_write_wait_for_one_another(engine: sa.Engine) -> None:
    """On SQLite the second would fail at once if it had read before the first had written."""
    holder, rounds = tables.account, 20
    with engine.begin() as connection:
        connection.execute(holder.insert().values(name="default", holder="0"))

    def count_up() -> None:
        for _ in range(rounds):
            with engine.begin() as connection:
                found = connection.scalar(sa.select(holder.c.holder).with_for_update())
                connection.execute(holder.update().values(holder=str(int(found or 0) + 1)))

    at_once([count_up] * 2)
    with engine.connect() as connection:
        assert connection.scalar(sa.select(holder.c.holder)) == str(2 * rounds)


def test_who_only_reads_waits_for_no_writer(engine: sa.Engine) -> None:
    with engine.connect() as writer:
        writer.execute(tables.account.insert().values(name="default"))
        with reading(engine).connect() as reader:
            assert reader.execute(sa.select(tables.account)).all() == []
        writer.commit()


# -- errors ------------------------------------------------------------------------------------------------


@SERVERS
def test_a_server_that_does_not_answer(database: sa.URL) -> None:
    told = explained(connect(database.set(port=1)), "SELECT 1")
    assert isinstance(told, DatabaseUnreachable)
    assert "does not answer" in str(told)


@SERVERS
def test_a_host_that_does_not_exist(database: sa.URL) -> None:
    assert isinstance(explained(connect(database.set(host="nowhere.invalid")), "SELECT 1"), DatabaseUnreachable)


@SERVERS
def test_a_wrong_password(database: sa.URL) -> None:
    told = explained(connect(database.set(password="wr0ng-and-secret")), "SELECT 1")
    assert isinstance(told, Misconfigured)
    assert "refuses this user" in str(told)
    assert "wr0ng" not in str(told)


UNTRUSTED = {"postgresql": {"sslmode": "require"}, "mariadb": {"ssl_check_hostname": "false"}}
REFUSED = {
    "postgresql": ({"options": "-cno_such=1"}, "unrecognized configuration parameter"),
    "mariadb": ({"init_command": "no such command"}, "error in your SQL syntax"),
}


@SERVERS
def test_tls_that_the_server_does_not_have(database: sa.URL) -> None:
    url = database.update_query_dict(UNTRUSTED[server_of(database)])
    told = failing(url)
    assert isinstance(told, Misconfigured)
    assert "cannot be encrypted as asked for" in str(told)


@SERVERS
def test_an_option_that_the_server_does_not_know(database: sa.URL) -> None:
    query, words = REFUSED[server_of(database)]
    told = failing(database.update_query_dict(query))
    assert isinstance(told, Misconfigured)
    assert words in str(told)
    assert "NUMBERCHECK_DATABASE_URL" in str(told)


def server_of(url: sa.URL) -> str:
    return url.get_backend_name()


def failing(url: sa.URL) -> EtlError:
    """What connecting ends with."""
    engine = connect(url)
    try:
        with pytest.raises((EtlError, sa.exc.SQLAlchemyError)) as caught:
            engine.connect()
    finally:
        engine.dispose()
    told = caught.value if isinstance(caught.value, EtlError) else explain(caught.value)
    assert told is not None
    assert PASSWORD not in str(told)
    return told


@ON_SQLITE
def test_an_option_that_sqlite_does_not_know(engine: sa.Engine) -> None:
    query = {"vfs": "no-such", "uri": "true"}
    told = failing(sa.URL.create("sqlite", database=f"file:{engine.url.database}", query=query))
    assert isinstance(told, Misconfigured)
    assert "no such vfs" in str(told)


def test_a_file_of_certificates_that_holds_none(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    told = failing(sa.make_url(f"mysql+pymysql://u:{PASSWORD}@127.0.0.1:1/d?ssl_ca={tmp_path / 'ca.pem'}"))
    assert isinstance(told, Misconfigured)


def test_a_certificate_without_its_key() -> None:
    told = failing(sa.make_url(f"mysql+pymysql://u:{PASSWORD}@127.0.0.1:1/d?ssl_cert={certifi.where()}"))
    assert type(told) is Misconfigured
    assert "ssl_cert, ssl_key" in told.remedy


@SERVERS
def test_a_database_that_does_not_exist(database: sa.URL) -> None:
    told = explained(connect(database.set(database="nothing_here")), "SELECT 1")
    assert isinstance(told, Misconfigured)
    assert "no such database" in str(told)


@SERVERS
def test_a_user_without_permission(engine: sa.Engine) -> None:
    with role(engine) as reader:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"GRANT SELECT ON v_sync_run TO {reader.sql}")
        told = explained(connect(engine.url.set(username=reader.name)), "SELECT * FROM account")
    assert isinstance(told, Misconfigured)
    assert "not permitted" in str(told)


@SERVERS
def test_a_connection_that_is_cut(engine: sa.Engine) -> None:
    with engine_for(engine.url) as other:
        with other.connect() as connection:
            cut(engine, number_of(connection))
            with pytest.raises(sa.exc.DBAPIError) as caught:
                connection.exec_driver_sql("SELECT 1")
        told = explain(caught.value)
        assert isinstance(told, DatabaseUnreachable)
        assert "lost" in str(told)
        with other.connect() as connection:  # and the pool recovers
            assert connection.exec_driver_sql("SELECT 1").scalar() == 1


@SERVERS
def test_a_row_that_somebody_else_holds(engine: sa.Engine) -> None:
    impatient = {
        "mariadb": ["SET SESSION innodb_lock_wait_timeout = 0", "INSERT INTO account (name) VALUES ('default')"],
        "postgresql": ["LOCK TABLE account IN ACCESS EXCLUSIVE MODE NOWAIT"],
    }
    with engine.connect() as holder:
        holder.execute(tables.account.insert().values(name="default"))
        told = explained(connect(engine.url), *impatient[engine.dialect.name])
    assert isinstance(told, DatabaseUnreachable)
    assert "lock" in str(told)


@SERVERS
def test_a_server_that_is_read_only(engine: sa.Engine) -> None:
    only = {"mariadb": "SET SESSION", "postgresql": "SET SESSION CHARACTERISTICS AS"}[engine.dialect.name]
    with engine.connect() as connection:
        connection.exec_driver_sql(f"{only} TRANSACTION READ ONLY")
        connection.commit()
        with pytest.raises(sa.exc.DBAPIError) as caught:
            connection.execute(tables.account.insert().values(name="default"))
    engine.dispose()
    assert isinstance(explain(caught.value), DatabaseUnreachable)
    assert "read-only" in str(explain(caught.value))


@ON_SQLITE
def test_a_file_that_somebody_else_writes_to(engine: sa.Engine) -> None:
    hasty = connect(engine.url.update_query_dict({"timeout": "0.05"}))
    with engine.connect() as writer:
        writer.execute(tables.account.insert().values(name="default"))
        told = explained(hasty, "SELECT 1")
    assert isinstance(told, DatabaseUnreachable)
    assert "lock" in str(told)


@ON_SQLITE
def test_a_file_that_is_read_only(engine: sa.Engine) -> None:
    query = {"mode": "ro", "uri": "true"}
    url = sa.URL.create("sqlite", database=f"file:{engine.url.database}", query=query)
    told = explained(connect(url), "INSERT INTO account (name) VALUES ('default')")
    assert isinstance(told, DatabaseUnreachable)
    assert "read-only" in str(told)


@ON_SQLITE
def test_a_full_disk(engine: sa.Engine) -> None:
    fill = "INSERT INTO carrier (name) SELECT hex(randomblob(99)) FROM region, check_level"
    told = explained(engine, "PRAGMA max_page_count = 1", *[fill] * 20)
    assert isinstance(told, DatabaseUnreachable)
    assert "full" in str(told)


def test_a_directory_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="does not exist"):
        connect(sa.URL.create("sqlite", database=str(tmp_path / "no" / "new.db")))


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (".", "is a directory, a device or a pipe"),
        ("/", "is a directory, a device or a pipe"),
        ("/dev/null", "is a directory, a device or a pipe"),
        ("nowhere/n.db", "does not exist"),
        ("x" * 300 + "/n.db", "does not exist"),
        ("x" * 300, "cannot be opened"),
    ],
)
def test_what_cannot_be_a_file_of_sqlite(
    name: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    url = sa.URL.create("sqlite", database=name)
    is_there(url), exposed(url)  # neither raises
    try:
        told = explained(connect(url), "SELECT 1")
    except Misconfigured as error:
        told = error
    assert isinstance(told, Misconfigured)
    assert problem in told.problem
    assert "NUMBERCHECK_DATABASE_URL" in told.remedy
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda file: file.symlink_to("/dev/null")])
def test_no_regular_file(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "n.db")
    with pytest.raises(
        Misconfigured, match="a directory, a device or a pipe.*name a file in NUMBERCHECK_DATABASE_URL"
    ):
        connect(sa.URL.create("sqlite", database=str(tmp_path / "n.db")))


def test_a_link_that_leads_to_itself(tmp_path: Path) -> None:
    (tmp_path / "n.db").symlink_to("n.db")
    told = explained(connect(sa.URL.create("sqlite", database=str(tmp_path / "n.db"))), "SELECT 1")
    assert isinstance(told, Misconfigured)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("no database, but some text that is long enough for a header " * 10)
    told = explained(connect(sa.URL.create("sqlite", database=str(tmp_path / "notes.db"))), "SELECT 1")
    assert isinstance(told, Misconfigured)
    assert "not an SQLite database" in str(told)


def test_a_driver_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    with pytest.raises(Misconfigured, match=r"numbercheck-etl\[postgresql\]"):
        connect(sa.make_url("postgresql+psycopg://127.0.0.1/x"))


def test_a_defect_stays_a_defect_and_holds_no_row(engine: sa.Engine) -> None:
    phone, message_id = "849812345678", "id-of-the-message"
    with engine.begin() as connection:
        day = add_batch_day(connection, add_batch(connection))
        add_check(connection, day, message_id, phone)
    with pytest.raises(sa.exc.IntegrityError) as caught, engine.begin() as connection:
        add_check(connection, day, message_id, phone)
    assert explain(caught.value) is None
    printed = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert "IntegrityError" in printed or "UniqueViolation" in printed
    assert phone not in printed
    assert message_id not in printed


def test_a_wrong_value_is_not_told(engine: sa.Engine) -> None:
    row = {"combination": "849812345678x", "check_level": "849812345678x"}
    with pytest.raises(sa.exc.StatementError) as caught, engine.begin() as connection:
        connection.execute(tables.category.insert(), [row])
    printed = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert "849812345678" not in printed


def test_other_errors_are_defects() -> None:
    assert explain(sa.exc.ArgumentError("what is this")) is None
    assert explain(ValueError("what is this")) is None
