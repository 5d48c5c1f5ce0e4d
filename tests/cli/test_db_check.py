"""`numbercheck db check`: what is wrong and the remedy, in one line."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from etl.cli import main
from etl.errors import Misconfigured
from etl.schema import migrate
from tests.admin.roles import run as execute
from tests.cli.support import connected
from tests.servers import MARIADB, POSTGRESQL

HEAD = migrate.head()
BY_HAND = "Remedy: undo what was changed by hand, or restore a backup; docs/tables.md shows the schema."

Check = Callable[[], str]


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch, database: sa.URL) -> Check:
    """What the command says, in one line, about a schema that is not in order."""
    monkeypatch.setenv("NUMBERCHECK_DATABASE_URL", database.render_as_string(hide_password=False))

    def told() -> str:
        result = CliRunner().invoke(main, ["db", "check"])
        assert (result.exit_code, result.stdout) == (78, "")
        assert len(result.stderr.splitlines()) == 1
        return str(json.loads(result.stderr)["message"])

    return told


def test_no_schema(check: Check) -> None:
    needed = f"The database holds no schema yet, this version needs {HEAD}."
    assert check() == f"{needed} Remedy: run `numbercheck db upgrade`."


def test_an_old_schema(check: Check, database: sa.URL) -> None:
    with connected(database) as engine:
        migrate.upgrade(engine, "0001")
    assert check() == f"The schema is at 0001, this version needs {HEAD}. Remedy: run `numbercheck db upgrade`."


def test_a_newer_schema(check: Check, engine: sa.Engine) -> None:
    execute(engine, "UPDATE alembic_version SET version_num = '9999'")
    assert check().startswith(
        f"The schema is at 9999, which this version (it needs {HEAD}) does not know: it is newer"
    )
    assert "Remedy: install the newer numbercheck-etl, or name another database." in check()


def test_tables_of_another_program(check: Check, database: sa.URL) -> None:
    with connected(database) as engine:
        execute(engine, "CREATE TABLE region (id INTEGER)")
    assert check().startswith("The schema holds tables or views of another program: region. Remedy: give ")
    assert check().endswith(" of its own.")


def test_views_of_another_program_are_not_replaced(check: Check, database: sa.URL) -> None:
    with connected(database) as engine:
        execute(engine, "CREATE VIEW v_coverage AS SELECT 1 AS mine")
        assert check().startswith("The schema holds tables or views of another program: v_coverage. Remedy: ")
        with pytest.raises(Misconfigured, match="another program: v_coverage"):
            migrate.upgrade(engine)
        with engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT mine FROM v_coverage").scalar_one() == 1


def test_an_index_that_is_missing(check: Check, engine: sa.Engine) -> None:
    on = " ON number_check" if engine.dialect.name == "mariadb" else ""
    execute(engine, f"DROP INDEX ix_number_check_phone{on}")
    assert check() == f"The index ix_number_check_phone of table number_check is missing. {BY_HAND}"


def test_a_view_that_is_missing(check: Check, engine: sa.Engine) -> None:
    execute(engine, "DROP VIEW v_sync_run")
    assert check() == f"The view v_sync_run is missing. {BY_HAND}"


def test_a_column_of_another_type(check: Check, engine: sa.Engine) -> None:
    # PostgreSQL changes no column that a view uses. On SQLite, a table is created again to change a column.
    change = {
        "postgresql": ["ALTER TABLE account ALTER holder TYPE VARCHAR(7)"],
        "mariadb": ["ALTER TABLE account MODIFY holder VARCHAR(7)"],
        "sqlite": ["ALTER TABLE account DROP holder", "ALTER TABLE account ADD holder INTEGER"],
    }
    execute(engine, *change[engine.dialect.name])
    assert check().startswith("The type of column account.holder is ")
    assert check().endswith(BY_HAND)


@pytest.mark.parametrize("server", [POSTGRESQL], indirect=True)
def test_a_comment_of_a_view(check: Check, engine: sa.Engine) -> None:
    execute(engine, "COMMENT ON VIEW v_sync_run IS 'mine'", "COMMENT ON COLUMN v_coverage.note IS NULL")
    assert check() == (
        "The comment of column v_coverage.note differs. The comment of view v_sync_run differs. "
        "Remedy: run `numbercheck db upgrade`, which writes them again."
    )
    migrate.upgrade(engine)
    assert migrate.check(engine) == []


@pytest.mark.parametrize("server", [MARIADB], indirect=True)
def test_a_definer_that_was_dropped(check: Check, engine: sa.Engine) -> None:
    """Dropping the definer of a view is noticed: without the definer's rights, the view cannot be read."""
    definer = f"gone_from_{engine.url.database}"
    execute(
        engine,
        f"CREATE USER {definer}",
        f"CREATE OR REPLACE DEFINER = {definer} VIEW v_sync_run AS SELECT 1 AS run_id",
        f"DROP USER {definer}",
    )
    with engine.connect() as connection, pytest.raises(sa.exc.OperationalError, match="definer"):
        connection.exec_driver_sql("SELECT * FROM v_sync_run")
    assert check() == (
        "The view v_sync_run cannot be read: its definer no longer exists. "
        "Remedy: let the server's administrator create that user again: SHOW CREATE VIEW names it."
    )
