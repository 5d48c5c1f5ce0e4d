"""Revision 0007 counts what is held, so that the differences added later are right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from etl.schema import migrate
from etl.schema.tables import batch_day, number_check
from tests.schema.migrating import details, interrupted_upgrades
from tests.store.made import NOW
from tests.store.made import batch_day as add_day
from tests.store.sessions import engine_for
from tests.store.support import insert

EXTRAS: list[tuple[dict[str, Any] | None, dict[str, Any], bool]] = [
    (None, {}, False),
    ({"new": 1}, {}, False),
    ({"price": "0,0035"}, {}, True),
    ({"price": "0,0035"}, {"price": 1}, False),
    ({"checkLevel": 5.0}, {}, True),
    ({"checkLevel": 5.0, "price": "1 000"}, {}, True),
    ({"cost": {"price": "x"}}, {}, True),
    ({"cost": {"unit": "x"}}, {}, False),
    ({"cost": "0.01"}, {}, True),
    ({"ring": ["YES"]}, {}, True),
    ({"mcc": {}}, {}, True),
]
DOUBTFUL = sum(doubtful for _, _, doubtful in EXTRAS)


@pytest.fixture
def empty(database: sa.URL) -> Iterator[sa.Engine]:
    with engine_for(database) as engine:
        yield engine


def fill(engine: sa.Engine) -> None:
    """Two batch days at 0003, the second of them without a doubt."""
    migrate.upgrade(engine, "0003")
    with engine.begin() as connection:
        for number, rows in enumerate((EXTRAS, EXTRAS[:2])):
            day_id = add_day(connection, f"B{number}")
            for place, (extra, values, _) in enumerate(rows):
                given = {"message_id": f"m{number}-{place}", "phone": "84", "batch_day_id": day_id, "extra": extra}
                insert(connection, number_check, **given | values, first_seen_at=NOW, last_changed_at=NOW)


def counted(engine: sa.Engine) -> list[int]:
    with engine.connect() as connection:
        return list(
            connection.execute(sa.select(batch_day.c.doubtful_rows).order_by(batch_day.c.batch_day_id)).scalars()
        )


def test_what_is_held_is_counted(empty: sa.Engine) -> None:
    fill(empty)
    before = details(empty)
    migrate.upgrade(empty)
    assert counted(empty) == [DOUBTFUL, 0]
    assert migrate.check(empty) == []
    migrate.downgrade(empty, "0003")
    assert details(empty) == before


def test_an_interrupted_upgrade_goes_on(empty: sa.Engine) -> None:
    fill(empty)
    for _ in interrupted_upgrades(empty, range(1000), ("ALTER ", "UPDATE "), "0007"):
        pass
    migrate.upgrade(empty)
    assert counted(empty) == [DOUBTFUL, 0]
