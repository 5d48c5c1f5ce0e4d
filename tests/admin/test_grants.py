"""Readers: a connection with the role tries everything that it must not do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from alembic.util import load_python_file

from etl.admin import grants, grants_postgresql
from etl.schema import migrate, tables, views
from etl.schema.viewwords import View
from tests.admin.roles import ODD, Role, reads, role, run
from tests.servers import MARIADB, POSTGRESQL
from tests.store.sessions import noted
from tests.store.support import KEY, SAMPLE, add_sample

SERVERS = pytest.mark.parametrize("server", [POSTGRESQL, MARIADB], indirect=True)
ON_POSTGRESQL = pytest.mark.parametrize("server", [POSTGRESQL], indirect=True)
ON_MARIADB = pytest.mark.parametrize("server", [MARIADB], indirect=True)

TABLES = [*tables.metadata.tables, "alembic_version"]
ALL = [view.name for view in views.VIEWS]
MASKED = [view.name for view in views.VIEWS if view.masked]
UNMASKED = [name for name in ALL if name not in MASKED]
TRIES = (
    "SELECT * FROM {name}",
    "SELECT {column} FROM {name}",
    "SELECT count(*) FROM {name}",
    "INSERT INTO {name} ({column}) VALUES (NULL)",
    "UPDATE {name} SET {column} = NULL",
    "DELETE FROM {name}",
)
STEPS = load_python_file(migrate.script_directory(), "steps.py")
PHONE = SAMPLE["number_check"]["phone"]


@pytest.fixture
def reader(engine: sa.Engine) -> Iterator[Role]:
    with engine.begin() as connection:
        add_sample(connection)
    with role(engine, ODD) as made:
        yield made


def touching(name: str) -> list[str]:
    """Statements that try to read and to write a table or view."""
    column = tables.metadata.tables[name].primary_key.columns.keys()[0] if name in tables.metadata.tables else None
    column = column or {"alembic_version": "version_num"}.get(name) or next(iter(_view(name).columns))
    return [statement.format(name=name, column=column) for statement in TRIES]


def _view(name: str) -> View:
    return next(view for view in views.VIEWS if view.name == name)


COMMON = [
    "CREATE TABLE planted (a INTEGER)",
    "CREATE VIEW planted AS SELECT 1 AS a",
    "DROP TABLE repeated_key",
    "DROP VIEW v_sync_run",
    "ALTER TABLE account ADD COLUMN planted INTEGER",
    "TRUNCATE TABLE repeated_key",
    "CREATE INDEX planted ON number_check (price)",
    "SELECT payload FROM v_rejected_row",
    "SELECT * FROM v_rejected_row",
    "SELECT count(*) FROM v_rejected_row WHERE payload LIKE '%849%'",
]
OWN: dict[str, list[str]] = {
    "postgresql": [
        "CREATE FUNCTION planted() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "CREATE OR REPLACE VIEW v_sync_run AS SELECT 1 AS a",
        "CREATE SCHEMA planted",
        "CREATE EXTENSION pageinspect",
        "COPY number_check TO STDOUT",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "COPY (SELECT 1) TO '/nowhere'",
        "SELECT pg_read_file('PG_VERSION')",
        "SELECT pg_ls_dir('.')",
        "SELECT lo_import('/etc/hostname')",
        "SELECT pg_reload_conf()",
        "SELECT nextval('batch_batch_id_seq')",
        "SELECT last_value FROM batch_batch_id_seq",
        "SELECT * FROM pg_authid",
        "SET ROLE tester",
        "CREATE ROLE planted",
    ],
    "mariadb": [
        "CREATE FUNCTION planted() RETURNS INTEGER RETURN 1",
        "CREATE OR REPLACE VIEW v_sync_run AS SELECT 1 AS a",
        "CREATE TEMPORARY TABLE planted AS SELECT * FROM v_sync_run",
        "CREATE DATABASE planted",
        "SELECT 1 INTO OUTFILE '/nowhere'",
        "LOAD DATA INFILE '/etc/hostname' INTO TABLE account",
        "SHOW CREATE VIEW v_sync_run",
        "SHOW CREATE TABLE account",
        "SELECT * FROM mysql.user",
        "SHOW GRANTS FOR 'tester'@'127.0.0.1'",
        "SET GLOBAL max_connections = 1",
        "CREATE USER planted",
        "LOCK TABLES number_check READ",
    ],
}


@SERVERS
@pytest.mark.parametrize("masked", [False, True], ids=["all", "masked"])
def test_a_reader_reads_its_views_and_nothing_else(engine: sa.Engine, reader: Role, masked: bool) -> None:
    done = grants.grant(engine, reader.name, masked=masked)
    mine = MASKED if masked else ALL
    assert (done.views, done.missing, done.beyond) == (tuple(mine), (), ())
    assert reader.may(*[reads(view) for view in mine]) == [reads(view) for view in mine]
    forbidden = [*COMMON, *OWN[engine.dialect.name]]
    for name in [*TABLES, *(UNMASKED if masked else [])]:
        forbidden += touching(name)
    for name in mine:
        forbidden += [statement for statement in touching(name) if not statement.startswith("SELECT")]
    assert reader.may(*forbidden) == []
    assert migrate.check(engine) == []


@SERVERS
def test_a_reader_reads_the_rows_themselves(engine: sa.Engine, reader: Role) -> None:
    """The views are read with their owner's rights."""
    grants.grant(engine, reader.name, masked=False)
    for view in views.VIEWS:
        with engine.connect() as mine, reader.connected() as theirs:
            rows = [tuple(row) for row in mine.exec_driver_sql(reads(view.name))]
            assert rows
            assert [tuple(row) for row in theirs.exec_driver_sql(reads(view.name))] == rows


@SERVERS
def test_a_masked_reader_sees_no_phone_number(engine: sa.Engine, reader: Role) -> None:
    phone = {"national_number": f"0{PHONE[2:]}", "standard_number": f"+{PHONE}", "fail_reason": f"no {PHONE}"}
    with engine.begin() as connection:
        connection.execute(tables.number_check.update().values(**phone, extra={"raw": PHONE}))
        connection.execute(tables.rejected_row.update().values(payload=f'{{"phone": "{PHONE}"}}'))
    grants.grant(engine, reader.name, masked=True)
    with reader.connected() as connection:
        seen = str([list(connection.exec_driver_sql(reads(view))) for view in MASKED])
    assert str(KEY["message_id"]) in seen
    assert PHONE[2:] not in seen
    assert PHONE[-4:] not in seen


def held(engine: sa.Engine, reader: Role) -> set[tuple[str, str | None]]:
    server = grants._server(engine.dialect)
    with engine.connect() as connection:
        found = server.held(connection, server.find(connection, reader.name))
    assert {entry.privilege for entry in found} <= {"SELECT"}
    return {(entry.view, entry.column) for entry in found}


@SERVERS
def test_each_call_leaves_what_it_says(engine: sa.Engine, reader: Role) -> None:
    whole = {(view.name, None) for view in views.VIEWS if not view.hidden}
    parts = {(v.name, c) for v in views.VIEWS if v.hidden for c in v.columns if c not in v.hidden}
    for masked in (False, True, True, False, False):
        grants.grant(engine, reader.name, masked=masked)
        assert held(engine, reader) == ({(name, None) for name in MASKED} if masked else whole | parts)


@SERVERS
def test_what_somebody_granted_too_much_on_a_view_is_taken_back(engine: sa.Engine, reader: Role) -> None:
    run(
        engine,
        f"GRANT SELECT, INSERT, UPDATE ON v_rejected_row TO {reader.sql}",
        f"GRANT SELECT (phone) ON v_number_check TO {reader.sql}",
    )
    grants.grant(engine, reader.name, masked=True)
    assert held(engine, reader) == {(name, None) for name in MASKED}


@SERVERS
def test_a_second_call_touches_no_view(engine: sa.Engine, reader: Role) -> None:
    grants.grant(engine, reader.name, masked=False)
    with noted(engine) as said:
        grants.grant(engine, reader.name, masked=False)
    assert [
        statement for statement in said if "v_" in statement and statement.startswith(("GRANT", "REVOKE"))
    ] == []


# -- after an upgrade --------------------------------------------------------------------------------------


@SERVERS
def test_readers_keep_their_views_through_a_downgrade_and_an_upgrade(engine: sa.Engine, reader: Role) -> None:
    grants.grant(engine, reader.name, masked=False)
    before = held(engine, reader)
    migrate.downgrade(engine, "0002")
    migrate.upgrade(engine)
    old = {"v_number_check", "v_coverage", "v_sync_run", "v_rejected_row"}
    assert {entry for entry in before if entry[0] in old} <= held(engine, reader)
    grants.grant(engine, reader.name, masked=False)
    assert held(engine, reader) == before


@SERVERS
def test_a_revision_that_makes_a_view_anew_takes_nothing_from_readers(engine: sa.Engine, reader: Role) -> None:
    grants.grant(engine, reader.name, masked=False)
    before = held(engine, reader)
    with migrate.alone(engine) as connection, grants.kept(connection):
        for view in ("v_rejected_row", "v_sync_run"):
            sql = STEPS.view_sql(view, migrate.head(), engine.dialect.name)
            connection.exec_driver_sql(f"DROP VIEW {view}")
            connection.exec_driver_sql(sql)
    assert held(engine, reader) == before
    assert reader.may(reads("v_rejected_row"), reads("v_sync_run"), "SELECT * FROM v_rejected_row") == [
        reads("v_rejected_row"),
        reads("v_sync_run"),
    ]


@ON_POSTGRESQL
def test_what_everybody_may_read_and_pass_on_is_kept_too(engine: sa.Engine, reader: Role) -> None:
    sql = (migrate.script_directory() / "views" / "0002" / "v_sync_run.sql").read_text()
    run(
        engine,
        "GRANT SELECT ON v_sync_run TO PUBLIC",
        f"GRANT SELECT ON v_sync_run TO {reader.sql}",
        f"GRANT SELECT (status, version) ON v_sync_run TO {reader.sql} WITH GRANT OPTION",
    )
    with migrate.alone(engine) as connection, grants.kept(connection):
        before = grants_postgresql.on_views(connection)
        connection.exec_driver_sql("DROP VIEW v_sync_run")
        connection.exec_driver_sql(sql.replace("sync_run.status,", ""))  # with a column goes its grant
    with engine.connect() as connection:
        after = grants_postgresql.on_views(connection)
    assert {entry.column for entry in before - after} == {"status"}
    assert after < before
