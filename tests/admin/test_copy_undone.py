"""Copying into another database: what is refused, and that a failure leaves nothing behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl.admin import copying
from etl.errors import DatabaseUnreachable, Locked, Misconfigured, TryLater
from etl.schema import migrate, tables
from etl.store import lock
from tests.admin.copies import PAIRS, SOURCES, TARGETS, add_odd_rows, content, is_empty, silently
from tests.running import inherited
from tests.store.sessions import cut, engine_for
from tests.store.support import insert
from tests.tiers import left_to_full, with_values

ROOT = Path(__file__).parents[2]


# -- what is refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize("engines", TARGETS, indirect=True)
def test_a_target_that_is_not_empty(source: sa.Engine, target: sa.Engine) -> None:
    with target.begin() as connection:
        insert(connection, tables.carrier, name="theirs")
        insert(
            connection, tables.request_slot, account_id=insert(connection, tables.account, name="a"), next_at=1.0
        )
    before = content(target)
    with pytest.raises(
        Misconfigured, match="The target is not empty: there are rows in account, carrier"
    ) as caught:
        copying.copy(source, target, silently)
    assert "NUMBERCHECK_COPY_TO_DATABASE_URL" in str(caught.value)
    assert content(target) == before


@pytest.mark.parametrize("engines", TARGETS, indirect=True)
def test_schemas_that_are_not_the_current_ones(source: sa.Engine, target: sa.Engine) -> None:
    migrate.downgrade(target, "0001")
    with pytest.raises(Misconfigured, match="The target: The schema is at 0001") as caught:
        copying.copy(source, target, silently)
    assert "run `numbercheck db upgrade` with NUMBERCHECK_DATABASE_URL naming it" in str(caught.value)
    migrate.downgrade(source, "base")
    with pytest.raises(Misconfigured, match="^The database holds no schema yet"):
        copying.copy(source, target, silently)


@pytest.mark.parametrize("engines", SOURCES, indirect=True)
def test_one_database_under_both_names(source: sa.Engine) -> None:
    with engine_for(source.url) as same, pytest.raises(Misconfigured, match="name the same database"):
        copying.copy(source, same, silently)


@pytest.mark.parametrize("engines", SOURCES, indirect=True)
def test_no_copy_beside_a_sync_and_no_sync_beside_a_copy(source: sa.Engine, target: sa.Engine) -> None:
    with source.begin() as connection:
        add_odd_rows(connection)
        numbers = sorted(connection.scalars(sa.select(tables.account.c.account_id)))
    with source.connect() as connection:
        held = lock.acquire(connection, numbers[-1], "process 1 on a host")
        try:
            with pytest.raises(Locked, match="process 1 on a host"):
                copying.copy(source, target, silently)
        finally:
            held.release()
    assert is_empty(target)

    def try_to_sync(*_: object) -> None:
        for number in numbers:
            with source.connect() as other, pytest.raises(Locked, match="numbercheck db copy"):
                lock.acquire(other, number, "a sync")

    copying.copy(source, target, try_to_sync)
    for number in numbers:
        with source.connect() as connection:
            lock.acquire(connection, number, "a sync").release()


@pytest.mark.postgresql
@pytest.mark.parametrize("engines", [PAIRS[0]], indirect=True)
def test_whose_error_it_is(source: sa.Engine, target: sa.Engine) -> None:
    with engine_for(target.url.set(password="wrong")) as wrong:
        with pytest.raises(Misconfigured, match="^The target: The database refuses this user") as caught:
            copying.copy(source, wrong, silently)
        assert "in NUMBERCHECK_COPY_TO_DATABASE_URL" in str(caught.value)
        with pytest.raises(Misconfigured, match="^The database refuses this user") as caught:
            copying.copy(wrong, source, silently)
        assert "in NUMBERCHECK_DATABASE_URL" in str(caught.value)


# -- all or nothing ---------------------------------------------------------------------------------------


def meddle(engine: sa.Engine, change: str) -> None:
    """Add a trigger that makes this change to each check that is stored."""
    with engine.begin() as connection:
        match engine.dialect.name:
            case "postgresql":
                body = f"BEGIN {change.replace('SET ', '')}; RETURN NEW; END"
                connection.exec_driver_sql(
                    f"CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$"
                )
                connection.exec_driver_sql(
                    "CREATE TRIGGER meddle BEFORE INSERT ON number_check FOR EACH ROW EXECUTE FUNCTION meddle()"
                )
            case "sqlite":
                values = change.replace("SET NEW.", "")
                connection.exec_driver_sql(
                    "CREATE TRIGGER meddle AFTER INSERT ON number_check BEGIN "  # noqa: S608  (a test's own)
                    f"UPDATE number_check SET {values} WHERE rowid = NEW.rowid; END"
                )
            case _:
                connection.exec_driver_sql(
                    f"CREATE TRIGGER meddle BEFORE INSERT ON number_check FOR EACH ROW {change.replace('%', '%%')}"
                )


@pytest.mark.parametrize("engines", TARGETS, indirect=True)
@pytest.mark.parametrize(
    "change", ["SET NEW.fail_reason = rtrim(NEW.fail_reason)", "SET NEW.price = NEW.price + 0.000001"]
)
def test_a_target_that_changes_what_it_is_given(source: sa.Engine, target: sa.Engine, change: str) -> None:
    if target.dialect.name == "sqlite":
        change = change.replace("NEW.price + 0.000001", "price || '1'").replace("(NEW.", "(")
    with source.begin() as connection:
        add_odd_rows(connection)
    meddle(target, change)
    with pytest.raises(copying.Differs, match="The table number_check differs .* must not be used"):
        copying.copy(source, target, silently)
    assert is_empty(target)


@pytest.mark.parametrize("engines", SOURCES, indirect=True)
def test_a_source_that_is_written_to_meanwhile(source: sa.Engine, target: sa.Engine) -> None:
    with source.begin() as connection:
        add_odd_rows(connection)

    def write(what: str, done: int, _all: int) -> None:
        if what == "copying category":
            with source.begin() as connection:
                connection.execute(sa.update(tables.batch).values(appkey="new"))

    with pytest.raises(TryLater, match="Something wrote to the table batch of the source"):
        copying.copy(source, target, write)
    assert is_empty(target)
    copying.copy(source, target, silently)
    assert content(target) == content(source)


@pytest.mark.parametrize("engines", [PAIRS[7]], indirect=True)
def test_a_lock_that_is_lost(source: sa.Engine, target: sa.Engine) -> None:
    with source.begin() as connection:
        add_odd_rows(connection)

    def unlink(*_: object) -> None:
        for file in Path(str(source.url.database)).parent.glob("*.sync-*.lock"):
            file.unlink()

    with pytest.raises(TryLater, match="The locks that keep syncs of the source out were lost"):
        copying.copy(source, target, unlink)
    assert is_empty(target)


@pytest.mark.parametrize("engines", [PAIRS[1], PAIRS[3]], indirect=True)
def test_the_connection_of_the_lock_is_cut(
    source: sa.Engine, target: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "LOOK_SECONDS", 0)
    with source.begin() as connection:
        add_odd_rows(connection)
    told = []

    def end_it(*what: object) -> None:
        told.append(what)
        cut(source, session_that_locked(source))

    with pytest.raises(DatabaseUnreachable, match="^The connection to the database was lost"):
        copying.copy(source, target, end_it)
    assert len(told) == 1
    assert is_empty(target)


def session_that_locked(engine: sa.Engine) -> int:
    """The session that locks syncs out."""
    query = "SELECT max(lock_session) FROM account"
    with engine.connect() as connection:
        return int(connection.exec_driver_sql(query).scalar_one().split()[0])


KILLED = """
import os, signal, sys
import sqlalchemy as sa
from etl.admin import copying
from etl.database.engine import connect

def die(what, done, rows):
    if what == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)

copying.copy(connect(sa.make_url(sys.argv[1])), connect(sa.make_url(sys.argv[2])), die)
"""
MOMENTS = ["copying sync_run", "copying number_check", "checking number_check"]


@pytest.mark.parametrize(
    ("engines", "moment"),
    [
        (with_values if moment == quick else left_to_full)(pair, moment)
        for pair, quick in zip(TARGETS, MOMENTS, strict=True)
        for moment in MOMENTS
    ],
    indirect=["engines"],
)
def test_killed_in_the_middle(source: sa.Engine, target: sa.Engine, moment: str) -> None:
    with source.begin() as connection:
        add_odd_rows(connection)
    urls = [engine.url.render_as_string(hide_password=False) for engine in (source, target)]
    environment = inherited() | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", KILLED, *urls, moment], env=environment, cwd=ROOT)
    assert done.returncode == -signal.SIGKILL
    assert is_empty(target)
    copying.copy(source, target, silently)
    assert content(target) == content(source)
