from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from etl.schema import migrate
from tests.schema.migrating import details, interrupted_upgrades
from tests.store.sessions import engine_for
from tests.store.support import SAMPLE, add_sample, read_sample
from tests.tiers import cases


@pytest.fixture
def empty(database: sa.URL) -> Iterator[sa.Engine]:
    with engine_for(database) as engine:
        yield engine


@pytest.mark.parametrize(
    "server",
    cases(["sqlite", "postgresql", "mariadb"], quick=[("sqlite",), ("mariadb",)]),
    indirect=True,
)
def test_an_interrupted_0005_changes_nothing_or_can_go_on(empty: sa.Engine) -> None:
    """On a database that holds rows, interrupted before each statement in turn that changes something."""
    migrate.upgrade(empty, "0005")
    migrate.downgrade(empty, "0004")
    with empty.begin() as connection:
        add_sample(connection)
    first, before = migrate.current(empty), details(empty)
    interruptions = 0
    for _ in interrupted_upgrades(empty, range(1000), ("ALTER ", "UPDATE ")):
        interruptions += 1
        if empty.dialect.name != "mariadb":
            assert (migrate.current(empty), details(empty)) == (first, before)
            continue
        if str(migrate.current(empty)) > "0005":
            break  # later revisions have tests of their own
        migrate.upgrade(empty)
        assert migrate.check(empty) == []
        migrate.downgrade(empty, "0004")
        assert details(empty) == before
    assert interruptions >= 4
    migrate.upgrade(empty)
    assert migrate.check(empty) == []
    with empty.connect() as connection:
        assert read_sample(connection) == SAMPLE
