"""The command with Debian's PgBouncer between it and the database (docs/operate/pgbouncer.md)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from etl.errors import TryLater
from etl.store import accounts, lock
from tests import pooler
from tests.absent import own_server
from tests.cli.support import NOW, Command, holding, rows
from tests.running import wait_until
from tests.servers import POSTGRESQL
from tests.store.sessions import engine_for

pytestmark = pytest.mark.parametrize("server", [POSTGRESQL], indirect=True)
SESSION = pytest.mark.parametrize("mode", ["session"])
TRANSACTION = pytest.mark.parametrize("mode", ["transaction"])


@pytest.fixture
def further() -> str:
    """Further settings of the pooler."""
    return ""


@pytest.fixture
def pooled(engine: sa.Engine, mode: str, further: str) -> Iterator[sa.URL]:
    """The URL of a database with its schema, through PgBouncer."""
    with own_server(pooler.pgbouncer, engine.url, mode, further) as url:  # type: ignore[arg-type]
        yield url


@pytest.fixture
def through(inside: Command, pooled: sa.URL) -> Command:
    inside.environment["NUMBERCHECK_DATABASE_URL"] = pooled.render_as_string(hide_password=False)
    return inside


@SESSION
def test_sessions_that_are_pooled_are_as_good_as_the_server(through: Command, pooled: sa.URL) -> None:
    assert "schema is as it should be" in through("db", "check").out
    assert through.sync().result["rows"]["inserted"] == 370
    assert through.sync("--full").result["rows"]["unchanged"] == 370
    assert through.at(NOW, "status", "--json").json["runs"][0]["status"] == "complete"
    through("batches", "add", "B-more")
    assert rows(pooled, "SELECT count(*) FROM v_number_check") == [(370,)]


@SESSION
def test_one_run_at_a_time_through_a_pooler(through: Command) -> None:
    through.processes = True
    with holding(through.vendor) as release:
        first = through.start("sync", "--json", "--now", NOW.isoformat())
        wait_until(lambda: len(through.vendor.requests) > 1)
        assert through.sync(status=75).result["status"] == "locked"
        release.set()
        assert through.finish(first).result["status"] == "complete"


@TRANSACTION
def test_a_pooler_that_lends_sessions_to_others_is_noticed(through: Command, engine: sa.Engine) -> None:
    for arguments in ([], ["--full"]):
        done = through.sync(*arguments, status=75)
        assert "goes through a pooler in transaction mode" in done.messages
        assert "pool_mode = session" in done.messages
        assert done.result["status"] == "incomplete"
    assert through.vendor.requests == []
    assert rows(engine.url, "SELECT count(*) FROM v_number_check") == [(0,)]
    assert rows(engine.url, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]


@TRANSACTION
@pytest.mark.parametrize(
    "words",
    [["db", "upgrade"], ["db", "check"], ["plan"], ["status"], ["batches", "add", "B"], ["batches", "list"]],
    ids=" ".join,
)
def test_what_needs_no_lock_works_through_any_pooler(through: Command, words: list[str]) -> None:
    for _ in range(3):
        through(*words)


@TRANSACTION
def test_a_lock_that_went_unseen_is_missed_before_the_first_commit(
    pooled: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another client had the session just when it was looked for."""
    monkeypatch.setattr(lock, "_require_own_session", lambda _: None)
    with engine_for(pooled) as one, engine_for(pooled) as two, one.connect() as mine, two.connect() as other:
        with mine.begin():
            account_id = accounts.register(mine, "default")
        held = lock.acquire(mine, account_id, "a test")
        numbers: list[Any] = [other.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()]
        with pytest.raises(TryLater, match="pooler in transaction mode"), mine.begin():
            numbers.append(mine.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())
            lock.verify(held)
        assert numbers[0] != numbers[1]


@pytest.mark.parametrize("mode", ["statement"])
@pytest.mark.parametrize("words", [["db", "upgrade"], ["status"], ["batches", "list"], ["plan"]], ids=" ".join)
def test_a_pooler_that_gives_out_statements(through: Command, words: list[str]) -> None:
    messages = through(*words, status=75).messages
    assert "gives out single statements" in messages
    assert "pool_mode = session" in messages


@SESSION
@pytest.mark.parametrize("further", ["default_pool_size = 1\nquery_wait_timeout = 1"])
def test_a_pooler_with_one_connection(through: Command) -> None:
    through("db", "check")
    assert "gives this user no second connection" in through.sync(status=75).messages
    assert through.vendor.requests == []
