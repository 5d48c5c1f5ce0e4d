from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext

from etl.errors import Misconfigured
from etl.schema import installed, migrate, tables
from tests.running import HANG
from tests.schema.migrating import Interrupted, details, interrupted_after, interrupted_upgrades
from tests.servers import MARIADB, POSTGRESQL, SQLITE, Server
from tests.store.sessions import assert_waits, beside, engine_for, new_database, noted
from tests.store.support import SAMPLE, add_sample, insert, read_sample
from tests.tiers import case

ROOT = Path(migrate.__file__).resolve().parents[2]
TRANSACTIONAL = pytest.mark.parametrize("server", [SQLITE, POSTGRESQL], indirect=True)
HEAD = migrate.head()


@pytest.fixture
def empty(database: sa.URL) -> Iterator[sa.Engine]:
    with engine_for(database) as engine:
        yield engine


def objects(engine: sa.Engine) -> set[str]:
    inspector = sa.inspect(engine)
    return {*inspector.get_table_names(), *inspector.get_view_names()}


# -- up and down -------------------------------------------------------------------------------------------


def test_up_down_and_up_again(empty: sa.Engine) -> None:
    migrate.upgrade(empty)
    first = objects(empty)
    assert first == {*tables.metadata.tables, *migrate.VIEW_NAMES, "alembic_version"}
    assert migrate.current(empty) == HEAD
    migrate.downgrade(empty, "base")
    assert objects(empty) == {"alembic_version"}
    assert migrate.current(empty) is None
    migrate.upgrade(empty)
    assert objects(empty) == first
    assert migrate.check(empty) == []


def test_one_revision_at_a_time(empty: sa.Engine) -> None:
    revisions = [script.revision for script in migrate._scripts().walk_revisions()][::-1]
    assert revisions == sorted(set(revisions))
    for revision in revisions:
        migrate.upgrade(empty, revision)
        assert migrate.current(empty) == revision
    for revision in [*revisions[-2::-1], "base"]:
        migrate.downgrade(empty, revision)
        assert migrate.current(empty) == (None if revision == "base" else revision)


def test_rows_live_through_every_revision(empty: sa.Engine) -> None:
    migrate.upgrade(empty, "0001")
    with empty.begin() as connection:
        add_sample(connection)
    while migrate.current(empty) != HEAD:
        migrate.upgrade(empty, "+1")
    migrate.upgrade(empty)  # nothing to do
    with empty.connect() as connection:
        assert read_sample(connection) == SAMPLE
    assert migrate.check(empty) == []


def test_the_revisions_are_known_without_alembic(engine: sa.Engine) -> None:
    assert installed.revisions() == [script.revision for script in migrate._scripts().walk_revisions()][::-1]
    assert installed.head() == migrate._scripts().get_current_head()
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert installed.revision_of(connection) == context.get_current_revision() == HEAD


def test_several_revisions_at_once_are_not_known(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('0001')")
    with pytest.raises(Misconfigured, match="which this version .* does not know"):
        installed.require_current(engine)


def test_the_revisions_make_what_the_metadata_says(server: Server, engine: sa.Engine) -> None:
    with new_database(server, at_head=False) as other:
        tables.metadata.create_all(other)
        assert details(engine) == details(other)


# -- two at once -------------------------------------------------------------------------------------------

UPGRADE = """
import sys, sqlalchemy
from etl.database import engine
from etl.schema import migrate
database = engine.connect(sqlalchemy.make_url(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
migrate.upgrade(database)
print(migrate.current(database), migrate.check(database))
"""


@pytest.mark.parametrize(
    "server", [case("sqlite", full=True), case("postgresql", full=True), case("mariadb")], indirect=True
)
def test_two_processes_at_once(database: sa.URL) -> None:
    command = [sys.executable, "-c", UPGRADE, database.render_as_string(hide_password=False)]
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with contextlib.ExitStack() as end:
        processes = []
        for _ in range(2):
            processes.append(end.enter_context(subprocess.Popen(command, text=True, env=environment, **pipes)))
            end.callback(processes[-1].kill)
        assert [process.stdout.readline() for process in processes if process.stdout] == ["ready\n"] * 2
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        answers = [process.communicate(timeout=HANG) for process in processes]
    assert answers == [(f"{HEAD} []\n", "")] * 2


def test_an_upgrade_waits_for_another(database: sa.URL, empty: sa.Engine) -> None:
    with engine_for(database) as other, noted(other) as sent, contextlib.ExitStack() as end, migrate.alone(empty):
        second = end.enter_context(beside(lambda: migrate.upgrade(other)))
        assert_waits(second, empty, sent)
    assert migrate.current(empty) == HEAD


@pytest.mark.parametrize("server", [SQLITE], indirect=True)
def test_an_upgrade_does_not_begin_beside_another(database: sa.URL, empty: sa.Engine) -> None:
    """SQLite decides how long an upgrade waits for another one; in this test, not for long."""
    with (
        engine_for(database.update_query_dict({"timeout": "0.05"})) as hasty,
        migrate.alone(empty),
        pytest.raises(sa.exc.OperationalError, match="locked"),
    ):
        migrate.upgrade(hasty)
    assert objects(empty) == set()


# -- when it fails -----------------------------------------------------------------------------------------


def test_an_interrupted_first_upgrade_leaves_nothing_or_can_go_on(empty: sa.Engine) -> None:
    """From nothing to 0002; tests/schema/test_interrupted.py goes on from there."""
    transactional = empty.dialect.name != "mariadb"
    interruptions = 0
    for _ in interrupted_upgrades(empty, range(6, 1000, 11), to="0002"):
        interruptions += 1
        if transactional:
            assert objects(empty) <= {"alembic_version"}
            assert migrate.current(empty) is None
        else:
            migrate.upgrade(empty, "0002")
            migrate.downgrade(empty, "base")
    assert interruptions > 1
    migrate.upgrade(empty)
    assert migrate.check(empty) == []


@TRANSACTIONAL
def test_a_downgrade_that_fails_leaves_everything(engine: sa.Engine) -> None:
    before = objects(engine)
    with pytest.raises(Interrupted), interrupted_after(engine, 12):
        migrate.downgrade(engine, "base")
    assert objects(engine) == before
    assert migrate.check(engine) == []


@pytest.mark.parametrize("server", [SQLITE], indirect=True)
def test_foreign_keys_hold_again_after_an_upgrade(empty: sa.Engine) -> None:
    migrate.upgrade(empty)
    with empty.connect() as connection, pytest.raises(sa.exc.IntegrityError):
        insert(connection, tables.batch, account_id=1, batch_no="B")


@pytest.mark.parametrize("server", [SQLITE], indirect=True)
def test_a_migration_that_orphans_rows_is_taken_back(engine: sa.Engine) -> None:
    def orphan() -> None:
        with migrate.alone(engine) as connection:
            insert(connection, tables.batch, account_id=1, batch_no="B")

    with pytest.raises(Misconfigured, match="Rows of the table batch refer to rows of account that are not there"):
        orphan()
    with engine.connect() as connection:
        assert connection.execute(sa.select(tables.batch)).all() == []


@pytest.mark.parametrize("server", [SQLITE], indirect=True)
def test_rows_of_others_that_refer_to_nothing_are_theirs(engine: sa.Engine) -> None:
    """SQLite looks after foreign keys only where it is told to: another program's tables may be in any state."""
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        driver.execute("PRAGMA foreign_keys = OFF")
        driver.execute("CREATE TABLE mine (batch_id INTEGER REFERENCES batch)")
        driver.execute("INSERT INTO mine VALUES (7)")
        driver.commit()
        driver.execute("PRAGMA foreign_keys = ON")
    migrate.upgrade(engine)
    migrate.downgrade(engine, "base")
    migrate.upgrade(engine)


# -- what is there already ---------------------------------------------------------------------------------


def test_a_database_that_is_not_at_head_is_distinguished_from_one_that_is(empty: sa.Engine) -> None:
    with pytest.raises(Misconfigured, match=f"no schema yet, this version needs {HEAD}.*db upgrade"):
        migrate.require_current(empty)
    assert objects(empty) == set()
    migrate.upgrade(empty, "0001")
    with pytest.raises(Misconfigured, match=f"at 0001, this version needs {HEAD}.*db upgrade"):
        migrate.require_current(empty)
    with pytest.raises(Misconfigured, match=f"at 0001, this version needs {HEAD}.*db upgrade"):
        migrate.check(empty)
    migrate.upgrade(empty)
    migrate.require_current(empty)
    with empty.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    for task in (migrate.require_current, migrate.upgrade, lambda engine: migrate.downgrade(engine, "base")):
        with pytest.raises(Misconfigured, match=r"at 9999.*does not know.*newer"):
            task(empty)


def test_tables_of_another_program_are_left_alone(empty: sa.Engine) -> None:
    with empty.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE region (id INTEGER)")
    with pytest.raises(Misconfigured, match="another program: region"):
        migrate.upgrade(empty)
    assert objects(empty) == {"region"}


def test_a_revision_that_does_not_exist(engine: sa.Engine) -> None:
    for task in (migrate.upgrade, migrate.downgrade):
        with pytest.raises(Misconfigured, match=r"nonsense.*Remedy"):
            task(engine, "nonsense")
    assert migrate.current(engine) == HEAD


def test_check_reports_what_differs_and_ignores_what_others_added(engine: sa.Engine) -> None:
    sqlite = engine.dialect.name == "sqlite"
    with engine.begin() as connection:
        for statement in (
            "CREATE TABLE somebody_elses (id INTEGER)",
            "CREATE INDEX a_dbas ON number_check (country_code)",
            "DROP VIEW v_sync_run",
            "DROP INDEX ix_number_check_phone" + ("" if engine.dialect.name != "mariadb" else " ON number_check"),
            "ALTER TABLE carrier ADD COLUMN colour INTEGER",
            "DROP TABLE repeated_key",
        ):
            connection.exec_driver_sql(statement)
        if not sqlite:
            change = (
                "MODIFY holder VARCHAR(7)" if engine.dialect.name == "mariadb" else "ALTER holder TYPE VARCHAR(7)"
            )
            connection.exec_driver_sql(f"ALTER TABLE account {change}")
    found = set(map(str, migrate.check(engine)))
    expected = {
        "The view v_sync_run is missing.",
        "The index ix_number_check_phone of table number_check is missing.",
        "The column carrier.colour is not ours.",
        "The table repeated_key is missing.",
    }
    assert expected <= found
    rest = " ".join(found - expected)
    assert ("type of column account.holder" in rest) is not sqlite
    assert "somebody_elses" not in rest
    assert "a_dbas" not in rest


@pytest.mark.parametrize("server", [POSTGRESQL, MARIADB], indirect=True)
def test_check_sees_a_comment_that_is_gone(engine: sa.Engine) -> None:
    change = {"mariadb": "ALTER TABLE batch COMMENT ''", "postgresql": "COMMENT ON TABLE batch IS NULL"}
    with engine.begin() as connection:
        connection.exec_driver_sql(change[engine.dialect.name])
    assert list(map(str, migrate.check(engine))) == ["The comment of table batch differs."]


@pytest.mark.parametrize("server", [POSTGRESQL], indirect=True)
def test_two_schemas_of_one_postgresql_database(database: sa.URL, engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA reporting")
    with engine_for(database.update_query_dict({"options": "-csearch_path=reporting"})) as second:
        assert migrate.current(second) is None
        migrate.upgrade(second)
        assert migrate.check(second) == []
        assert objects(second) == objects(engine)
        migrate.downgrade(second, "base")
    assert migrate.check(engine) == []
