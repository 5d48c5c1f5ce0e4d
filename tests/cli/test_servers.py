"""The command on databases that need a server: it takes nothing for granted that only SQLite offers."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from etl.database.engine import reading
from tests.cli.support import NOW, THIS_HOUR, Command, connected, ended, holding, rows
from tests.running import wait_until
from tests.servers import MARIADB, POSTGRESQL

pytestmark = pytest.mark.parametrize("server", [POSTGRESQL, MARIADB], indirect=True)


@pytest.fixture
def remote(command: Command, database: sa.URL) -> Command:
    """The command with an empty database on a server."""
    command.environment["NUMBERCHECK_DATABASE_URL"] = database.render_as_string(hide_password=False)
    return command


def tables(database: sa.URL) -> list[str]:
    with connected(database) as engine:
        return sa.inspect(reading(engine)).get_table_names()


def test_from_an_empty_database_to_a_second_run(remote: Command, database: sa.URL) -> None:
    remote.processes = False
    for arguments in (["sync", "--json"], ["batches", "add", "B"]):
        done = remote(*arguments, status=78)
        assert "The database holds no schema yet" in done.messages
        assert "numbercheck db upgrade" in done.messages
    assert tables(database) == []
    assert remote.vendor.requests == []

    assert "from nothing to" in remote("db", "upgrade").out
    remote.processes = True
    assert remote.sync().result["rows"]["inserted"] == 370
    remote.processes = False
    second = remote.sync().result
    assert (second["rows"]["inserted"], second["rows"]["updated"]) == (0, 0)
    assert rows(database, "SELECT count(*) FROM v_number_check") == [(370,)]
    runs = remote.at(NOW, "status", "--json").json["runs"]
    assert [run["status"] for run in runs] == ["complete", "complete"]
    assert runs[0]["started_at"].startswith(THIS_HOUR)


def test_what_the_server_refuses(remote: Command, database: sa.URL) -> None:
    remote.processes = False
    remote.secrets.append("wrong-password")
    for url, words in (
        (database.set(password="wrong-password"), "refuses this user"),
        (database.set(database="nowhere"), "no such database"),
    ):
        done = remote.sync(status=78, database_url=url.render_as_string(hide_password=False))
        assert words in done.messages
        assert "NUMBERCHECK_DATABASE_URL" in done.messages
    assert remote.vendor.requests == []


def test_nothing_to_ask_for_writes_nothing(remote: Command, database: sa.URL, engine: sa.Engine) -> None:
    remote.processes = False
    done = remote.sync(status=78, batch_file=None)
    assert "No batch source is set" in done.messages
    assert rows(database, "SELECT * FROM account") == []


def test_one_run_at_a_time(remote: Command, engine: sa.Engine) -> None:
    with (
        holding(remote.vendor) as release,
        ended(remote.start("sync", "--json", "--now", NOW.isoformat())) as first,
    ):
        wait_until(lambda: len(remote.vendor.requests) > 1)
        remote.processes = False
        second = remote.sync(status=75)
        assert second.result["status"] == "locked"
        assert f"process {first.pid} on " in second.messages
        release.set()
        assert remote.finish(first).result["status"] == "complete"
