"""Revision 0010 moves every row into one table and back, and the job knows its categories again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from etl.schema import migrate
from etl.schema.tables import category, number_check
from etl.store.checks import store
from etl.store.lookups import Lookups, codes_of
from tests.admin.roles import role
from tests.schema.migrating import Interrupted, details, interrupted_after, interrupted_upgrades
from tests.servers import MARIADB, POSTGRESQL
from tests.store.made import NOW, batch_day, check, page, table
from tests.store.sessions import engine_for

KINDS = ("CREATE ", "DROP ", "ALTER ", "INSERT ")
VIEWS = ("v_number_check", "v_number_check_masked", "v_phone_latest", "v_daily_summary", "v_batch_summary")
CODES: list[dict[str, Any]] = [
    {},
    {"check_level": 5, "region_code": "VN", "number_type": "2", "carrier": "Viettel", "currency": "USD"},
    {"check_level": -5, "region_code": "a|b", "number_type": "~1", "carrier": "Viettel ", "currency": "~"},
    {"region_code": "|", "carrier": "viettel"},
    {"region_code": "~0", "number_type": "😀"},
    {"check_level": 4, "currency": "usd"},
]
RESULTS: list[dict[str, Any]] = [
    {},
    {"validity": "YES", "mcc": "452"},
    {"early": "NO"},
    {"response": "bell", "answered": "YES", "active": "NO"},
]
ROWS = [
    check(f"m{number}", f"8498{place}", **codes, **results, price=Decimal("0.0056"), extra={"n": number})
    for number, codes in enumerate(CODES)
    for place, results in enumerate(RESULTS)
]


@pytest.fixture
def filled(database: sa.URL) -> Iterator[sa.Engine]:
    """A database that was filled, and then taken back to 0009."""
    with engine_for(database) as engine:
        migrate.upgrade(engine)
        with engine.begin() as connection:
            store(connection, Lookups(), batch_day(connection), page(*ROWS), at_page=1, moment=NOW)
        migrate.downgrade(engine, "0009")
        yield engine


def shown(engine: sa.Engine) -> dict[str, list[Any]]:
    with engine.connect() as connection:
        found = {name: connection.exec_driver_sql(f"SELECT * FROM {name}").mappings().all() for name in VIEWS}  # noqa: S608
        return {name: sorted((dict(row) for row in rows), key=repr) for name, rows in found.items()}


def counts(engine: sa.Engine, *names: str) -> list[int]:
    with engine.connect() as connection:
        return [int(connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one()) for name in names]  # noqa: S608


def test_what_the_views_show_stays(filled: sa.Engine) -> None:
    assert counts(filled, "number_check", "hlr_result", "call_result") == [24, 12, 12]
    before, tables = shown(filled), details(filled)
    migrate.upgrade(filled)
    assert shown(filled) == before
    assert len(before["v_number_check"]) == len(ROWS)
    assert counts(filled, "number_check", "category") == [24, 6]
    migrate.downgrade(filled, "0009")
    assert (shown(filled), details(filled)) == (before, tables)


def test_a_row_that_comes_again_is_unchanged(filled: sa.Engine) -> None:
    migrate.upgrade(filled)
    with filled.begin() as connection:
        [day] = {row["batch_day_id"] for row in table(connection, number_check)}
        before = table(connection, category)
        stored = store(connection, Lookups(), day, page(*ROWS), at_page=1, moment=NOW)
        assert (stored.inserted, stored.updated, stored.unchanged) == (0, 0, len(ROWS))
        assert table(connection, category) == before
        lookups = Lookups()
        lookups.read_categories(connection, {row["category_id"] for row in before})
        found = {lookups.codes(row["category_id"]) for row in before}
    assert found == set(map(codes_of, ROWS))


def test_an_interrupted_upgrade_goes_on(filled: sa.Engine) -> None:
    before, old = shown(filled), details(filled)
    interruptions = 0
    for _ in interrupted_upgrades(filled, range(1000), KINDS):
        interruptions += 1
        if filled.dialect.name != "mariadb":
            assert (migrate.current(filled), details(filled)) == ("0009", old)
    assert interruptions >= 10
    assert shown(filled) == before
    assert migrate.check(filled) == []


def test_an_interrupted_downgrade_goes_on(filled: sa.Engine) -> None:
    before, old = shown(filled), details(filled)
    migrate.upgrade(filled)
    for statements in range(3, 60, 7):
        with contextlib.suppress(Interrupted), interrupted_after(filled, statements, KINDS):
            migrate.downgrade(filled, "0009")
    migrate.downgrade(filled, "0009")
    assert (shown(filled), details(filled)) == (before, old)


@pytest.mark.parametrize("server", [MARIADB], indirect=True)
def test_what_an_earlier_version_stores_between_two_attempts_is_moved_too(filled: sa.Engine) -> None:
    with pytest.raises(Interrupted), interrupted_after(filled, 1, ("ALTER ",)):
        migrate.upgrade(filled)
    assert counts(filled, "category") == [6]
    names = "phone, batch_day_id, check_level, pre_check, first_seen_at, last_changed_at"
    with filled.begin() as connection:
        connection.exec_driver_sql(
            f"INSERT INTO number_check (message_id, region_code, {names}) "  # noqa: S608  (names of our own)
            f"SELECT 'new', 'VN', {names} FROM number_check WHERE message_id = 'm5' AND phone = '84980'"
        )
    before = shown(filled)
    migrate.upgrade(filled)
    assert shown(filled) == before
    assert counts(filled, "number_check", "category") == [25, 7]


@pytest.mark.parametrize("server", [POSTGRESQL], indirect=True)
def test_who_may_write_may_write_afterwards(filled: sa.Engine) -> None:
    with role(filled, "Clerk") as clerk:
        with filled.begin() as connection:
            connection.exec_driver_sql(f"GRANT SELECT, INSERT, UPDATE ON number_check TO {clerk.sql}")
            connection.exec_driver_sql(f"GRANT SELECT, INSERT ON carrier TO {clerk.sql}")
            connection.exec_driver_sql(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {clerk.sql}")
        migrate.upgrade(filled)
        url = filled.url.set(username=clerk.name)
        with engine_for(url) as theirs, theirs.begin() as connection:
            connection.execute(sa.update(number_check).values(mnc="1"))
            connection.execute(sa.insert(category).values(combination="new"))
        with filled.begin() as connection:
            connection.exec_driver_sql(f"DROP OWNED BY {clerk.sql}")
