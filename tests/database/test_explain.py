"""`explain` is given the database that an error is about; its words are not edited afterwards."""

from __future__ import annotations

import sqlite3

import psycopg
import pymysql
import pytest
import sqlalchemy as sa

from etl.database import explain as module
from etl.database.explain import OWN, TARGET, Meaning, explain
from etl.errors import DatabaseUnreachable, EtlError, Misconfigured

MEANINGS = [found for found in vars(module).values() if isinstance(found, Meaning)]


def told(error: BaseException, *whose: module.Database) -> EtlError:
    found = explain(error, *whose)
    assert found is not None
    return found


def test_each_database_by_its_own_setting() -> None:
    refused = pymysql.err.OperationalError(1045, "Access denied")
    own, target = told(refused), told(refused, TARGET)
    rest = "The database refuses this user (it says: Access denied). Remedy: correct the user and the password in "
    assert str(own) == f"{rest}NUMBERCHECK_DATABASE_URL, or let this host in."
    assert str(target) == f"The target: {rest}NUMBERCHECK_COPY_TO_DATABASE_URL, or let this host in."
    assert type(own) is type(target) is Misconfigured


def test_only_what_keeps_its_rows_says_so() -> None:
    lost = pymysql.err.OperationalError(2013, "Lost connection")
    own, target = told(lost, OWN), told(lost, TARGET)
    assert own.remedy == "run this again once it answers; what was stored is kept."
    assert target.remedy == "run this again once it answers."
    assert type(own) is type(target) is DatabaseUnreachable


@pytest.mark.parametrize("meaning", MEANINGS)
@pytest.mark.parametrize("database", [OWN, TARGET])
def test_no_remedy_has_a_place_left(
    meaning: Meaning, database: module.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_meaning", lambda _: meaning)
    error = told(sqlite3.OperationalError("it says {setting} {0}"), database)
    assert (type(error), error.subject) == (meaning.error, database.called)
    assert error.problem == f"{meaning.sentence} (it says: it says {{setting}} {{0}})."
    assert not set("{}") & set(error.remedy)


WRITTEN_WRONGLY = [
    'connection is bad: definition of service "numbers" not found',
    "connection is bad: invalid SCRAM client key",
    "connection is bad: GSSAPI encryption required but no credential cache",
    "could not match 1 host names with 2 hostaddr values",
    'connection to server at "127.0.0.1" failed: setsockopt(TCP_KEEPIDLE) failed: Invalid argument',
    'FATAL:  database "numbers\n#" does not exist',
]


@pytest.mark.parametrize("said", WRITTEN_WRONGLY)
def test_what_the_driver_cannot_use_is_no_server_that_is_down(said: str) -> None:
    found = told(psycopg.OperationalError(said))
    assert type(found) is Misconfigured
    assert "NUMBERCHECK_DATABASE_URL" in found.remedy


def test_a_setting_that_the_database_repeats_is_cut() -> None:
    found = told(psycopg.OperationalError(f'database "{"x" * 5000}" does not exist'))
    assert len(found.problem) < module.LONGEST_SAID + 100


LARGE = [
    pymysql.err.OperationalError(1153, "Got a packet bigger than 'max_allowed_packet' bytes"),
    pymysql.err.OperationalError(2020, "Got packet bigger than 'max_allowed_packet' bytes"),
    pymysql.err.OperationalError(1390, "Prepared statement contains too many placeholders"),
    psycopg.OperationalError("sending query and params failed: number of parameters must be between 0 and 65535"),
    psycopg.errors.ProgramLimitExceeded("too much"),
    psycopg.errors.StatementTooComplex("too deep"),
    sqlite3.OperationalError("too many SQL variables"),
]


@pytest.mark.parametrize("error", LARGE, ids=repr)
def test_a_statement_that_is_too_large_is_called_that(error: BaseException) -> None:
    found = told(error)
    assert found.problem.startswith("A statement is larger than the database accepts (it says: ")
    assert found.remedy.startswith("allow larger ones (max_allowed_packet on MariaDB and MySQL)")
    assert type(found) is Misconfigured


def test_a_limit_that_ended_the_session_is_no_defect() -> None:
    """Where it is too short for the statement that lifts it."""
    found = told(psycopg.errors.TransactionTimeout("terminating connection due to transaction timeout"))
    assert type(found) is DatabaseUnreachable


@pytest.mark.parametrize("server", ["sqlite", "postgresql", "mariadb"], indirect=True)
def test_each_server_says_so(engine: sa.Engine) -> None:
    mark, many = ("%s", 70_000) if engine.dialect.name == "postgresql" else ("?", 300_000)
    statement = f"SELECT 1 WHERE 1 IN ({', '.join([mark] * many)})"
    values: tuple[object, ...] = (1,) * many
    if engine.dialect.name == "mariadb":
        statement, values = "SELECT length(%s)", ("x" * (17 * 2**20),)
    with engine.connect() as connection, pytest.raises(sa.exc.SQLAlchemyError) as caught:
        connection.exec_driver_sql(statement, values)
    assert "larger than the database accepts" in str(explain(caught.value)), repr(caught.value)[:300]


TAKEN = [
    psycopg.errors.DuplicateTable('relation "ix_batch_batch_no" already exists'),
    psycopg.errors.DuplicateObject('type "account" already exists'),
    pymysql.err.OperationalError(1050, "Table 'batch' already exists"),
    pymysql.err.OperationalError(1347, "'test.v_coverage' is not of type 'VIEW'"),
    sqlite3.OperationalError("index ix_batch_batch_no already exists"),
    sqlite3.OperationalError("there is already a table named batch"),
]


@pytest.mark.parametrize("error", TAKEN)
def test_a_name_that_is_taken_is_no_defect(error: BaseException) -> None:
    assert str(told(error)).startswith("Something that is not ours has a name that this needs (it says: ")
    assert type(told(error)) is Misconfigured
