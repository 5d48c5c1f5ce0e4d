"""What a run loads. Most runs find nothing to do, and of what those cost, loading modules is the greater part."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cli.support import NOW, Command
from tests.conftest import Start
from tests.running import HANG
from tests.servers import POSTGRESQL

LOOK = """
import atexit, sys
names = sys.argv.pop(1)
atexit.register(lambda: open(names, "w").write(" ".join(sys.modules)))
from etl.__main__ import start
start()
"""
NOTHING_TO_DO = ("sync", "--json", "--now", NOW.isoformat(), "--date", "2026-01-05")
NEVER = {
    *("alembic", "mako", "rich", "prometheus_client", "requests", "urllib3", "http.client", "http.server"),
    *("pymysql", "sqlalchemy.dialects.mysql"),
    *(
        "etl.admin",
        "etl.emulator",
        "etl.schema.migrate",
        "etl.schema.views",
        "etl.vendor.transport",
        "etl.web.bounded",
    ),
    *("etl.cli.batches", "etl.cli.db", "etl.cli.doctor", "etl.cli.demo", "etl.cli.plan", "etl.cli.status"),
}
OF_POSTGRESQL = {"psycopg", "sqlalchemy.dialects.postgresql"}


def loaded(command: Command, *arguments: str, **settings: str) -> set[str]:
    names = command.directory / "modules"
    process = subprocess.run(
        [sys.executable, "-c", LOOK, str(names), *arguments],
        cwd=command.directory,
        env=command.changed(**settings),
        capture_output=True,
        text=True,
        timeout=HANG,
    )
    assert process.returncode == 0, process.stderr
    return set(names.read_text().split())


def test_a_sync_with_nothing_to_do(prepared: Command) -> None:
    found = loaded(prepared, *NOTHING_TO_DO)
    assert {"etl.run.job", "sqlalchemy.dialects.sqlite"} <= found
    assert found & (NEVER | OF_POSTGRESQL) == set()
    assert prepared.vendor.requests == []


@pytest.mark.parametrize("server", [POSTGRESQL], indirect=True)
def test_one_on_postgresql(command: Command, server: object, start_server: Start) -> None:
    url = start_server("postgresql").create(at_head=True).render_as_string(hide_password=False)
    found = loaded(command, *NOTHING_TO_DO, database_url=url)
    assert found >= OF_POSTGRESQL
    assert found & NEVER == set()


def test_a_sync_that_asks_something_loads_what_it_takes(prepared: Command) -> None:
    assert {"requests", "etl.vendor.transport"} <= loaded(prepared, "sync", "--now", NOW.isoformat())


def test_the_version_takes_next_to_nothing(command: Command) -> None:
    assert (
        loaded(command, "--version") & (NEVER | OF_POSTGRESQL | {"sqlalchemy", "etl.cli.sync", "etl.run"}) == set()
    )
