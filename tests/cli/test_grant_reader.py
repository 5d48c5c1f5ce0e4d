"""`numbercheck db grant-reader`, as the person who sets up a BI tool sees it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from etl.cli import main
from etl.database import silence
from etl.schema import migrate, views
from tests.admin.roles import Role, role, run
from tests.cli.support import connected, rows
from tests.running import HANG, wait_until
from tests.servers import MARIADB, PASSWORD, POSTGRESQL, SQLITE

SERVERS = pytest.mark.parametrize("server", [POSTGRESQL, MARIADB], indirect=True)

Command = Callable[..., Result]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, database: sa.URL) -> Command:
    monkeypatch.setenv("NUMBERCHECK_DATABASE_URL", database.render_as_string(hide_password=False))

    def invoke(*arguments: str, status: int = 0) -> Result:
        result = CliRunner().invoke(main, ["db", "grant-reader", *arguments])
        assert result.exit_code == status, result.output
        assert PASSWORD not in result.output
        return result

    return invoke


@pytest.fixture
def reader(engine: sa.Engine) -> Iterator[Role]:
    with role(engine) as made:
        yield made


def told(result: Result) -> str:
    assert len(result.stderr.splitlines()) == 1
    return str(json.loads(result.stderr)["message"])


@SERVERS
def test_what_was_granted_is_said(command: Command, reader: Role) -> None:
    at = "@127.0.0.1" if reader.admin.dialect.name == "mariadb" else ""
    result = command(reader.name)
    names = [view.name for view in views.VIEWS]
    assert result.stdout == f"{reader.name}{at} may read {len(names)} views: {', '.join(names)}.\n"
    assert result.stderr == ""
    names = [view.name for view in views.VIEWS if view.masked]
    assert command(reader.name, "--masked").stdout.endswith(f" {len(names)} views: {', '.join(names)}.\n")


@SERVERS
def test_a_role_that_reaches_more_is_told_with_status_78(command: Command, reader: Role) -> None:
    tables = ("account", "alembic_version", "batch", "batch_day", "number_check", "region", "sync_run")
    run(reader.admin, *(f"GRANT SELECT ON {table} TO {reader.sql}" for table in tables))
    result = command(reader.name, status=78)
    assert " may read " in result.stdout
    assert " can reach more than that by other means: account, alembic_version, " in told(result)
    assert "number_check and 2 more. Remedy: " in told(result)


@SERVERS
def test_a_role_that_is_not_there(command: Command, engine: sa.Engine) -> None:
    result = command("nobody's", status=78)
    assert result.stdout == ""
    assert "There is no" in told(result)
    assert "CREATE" in told(result)


@SERVERS
def test_without_a_schema(command: Command) -> None:
    assert "numbercheck db upgrade" in told(command("reader", status=78))


@pytest.mark.parametrize("server", [SQLITE], indirect=True)
def test_sqlite_has_no_roles(command: Command, engine: sa.Engine) -> None:
    assert "SQLite has no roles" in told(command("reader", status=78))
    assert "Remedy: " in told(command("reader", "--masked", status=78))


WAITING = {
    "postgresql": "SELECT pid FROM pg_stat_activity WHERE wait_event = 'relation' AND datname = current_database()",
    "mariadb": "SELECT id FROM information_schema.processlist WHERE state = 'User lock' AND db = database()",
}


@SERVERS
def test_it_waits_for_an_upgrade_that_is_running(
    command: Command, reader: Role, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits longer than a run would wait for a silent database, as another connection shows."""
    with ThreadPoolExecutor() as pool:
        with migrate.alone(engine):
            monkeypatch.setattr(silence, "SILENCE", 0.2)
            granting = pool.submit(command, reader.name)
            wait_until(lambda: granting.done() or rows(engine.url, WAITING[engine.dialect.name]))
            until_a_run_gives_up(engine)
            assert not granting.done()
        assert reader.name in granting.result(HANG).stdout


def until_a_run_gives_up(engine: sa.Engine) -> None:
    """Wait for the same lock as the command, but only as long as a run does."""
    lost = pytest.raises(sa.exc.DBAPIError)
    with connected(engine.url, patient=False) as impatient, lost, migrate.alone(impatient):
        pass
