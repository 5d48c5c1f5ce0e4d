"""Codes and carriers that nothing refers to are removed, and nothing else."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from etl.admin import tidying
from etl.errors import Locked
from etl.schema import migrate, tables
from etl.store import accounts, lock
from tests.store.support import add_batch, add_batch_day, add_category, add_check, insert

USED = {"check_level": 77, "number_type": "tU", "region_code": "U1", "currency": "UU1"}


def content(db: sa.Engine) -> dict[str, set[object]]:
    """The keys of every lookup."""
    keys = {table.name: next(iter(table.primary_key)) for table in tidying.TIDIED}
    with db.begin() as connection:
        return {name: set(connection.scalars(sa.select(key))) for name, key in keys.items()}


def add_codes(connection: sa.Connection, ending: str, number: int) -> int:
    insert(connection, tables.check_level, code=number, name="Unknown")
    insert(connection, tables.number_type, vendor_value=f"t{ending}", name="t")
    insert(connection, tables.region, code=f"{ending}1", name="Unknown")
    insert(connection, tables.currency, code=f"{ending}{ending}1")
    insert(connection, tables.call_response, code=f"r{ending}", name="Unknown")
    carrier: int = insert(connection, tables.carrier, name=f"Carrier {ending}")
    codes = {"check_level": number, "number_type": f"t{ending}", "region_code": f"{ending}1"}
    add_category(connection, **codes, currency=f"{ending}{ending}1", carrier_id=carrier)
    return carrier


@pytest.fixture
def used(db: sa.Engine) -> dict[str, set[object]]:
    """Codes that a row has, and those of the migrations."""
    tidying.tidy(db)  # of what other tests have left
    with db.begin() as connection:
        carrier = add_codes(connection, "U", 77)
        day = add_batch_day(connection, add_batch(connection))
        add_check(connection, day, "m1", "1", carrier_id=carrier, **USED, response="rU")
    return content(db)


@pytest.mark.parametrize("number", [3, tidying.FEW + 1])
def test_what_nothing_refers_to_is_removed(db: sa.Engine, used: dict[str, set[object]], number: int) -> None:
    with db.begin() as connection:
        for each in range(number):
            add_codes(connection, f"P{each}", 1000 + each)
    assert tidying.tidy(db) == {table.name: number for table in tidying.TIDIED}
    assert content(db) == used
    assert set(tidying.tidy(db).values()) == {0}
    assert migrate.check(db) == []
    with db.connect() as connection:
        indexes = [each for found in sa.inspect(connection).get_multi_indexes().values() for each in found]
    assert not [index for index in indexes if str(index["name"]).startswith("tidy_")]


def test_a_sync_that_is_running_is_not_disturbed(db: sa.Engine) -> None:
    with db.begin() as connection:
        account_id = accounts.register(connection, "default")
        insert(connection, tables.currency, code="XXX")
    with db.connect() as other:
        held = lock.acquire(other, account_id, "a sync")
        with pytest.raises(Locked, match="a sync"):
            tidying.tidy(db)
        held.release()
    assert "XXX" in content(db)["currency"]
