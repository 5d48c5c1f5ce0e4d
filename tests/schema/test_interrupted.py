"""Each revision, interrupted before each statement that changes something, on a database that holds a row."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from etl.schema import migrate
from tests.schema.migrating import details, interrupted_upgrades
from tests.store.sessions import engine_for
from tests.store.support import SAMPLE, add_sample, read_sample
from tests.tiers import cases

KINDS = ("CREATE ", "DROP ", "ALTER ", "INSERT ", "UPDATE ")
STEPS = {("mariadb", "0010"): 6}
"""Where not each statement is tried, because there are many: tests/schema/test_migration_0010.py tries them all."""
REVISIONS = [f"{number:04}" for number in range(3, int(str(migrate.head())) + 1)]


@pytest.fixture
def empty(database: sa.URL) -> Iterator[sa.Engine]:
    with engine_for(database) as engine:
        yield engine


@pytest.mark.parametrize(
    ("server", "revision"),
    cases(
        ["sqlite", "postgresql", "mariadb"],
        REVISIONS,
        quick=[("sqlite", "0003"), ("mariadb", "0005"), ("mariadb", REVISIONS[-1])],
    ),
    indirect=["server"],
)
def test_it_leaves_what_was_there_or_can_go_on(empty: sa.Engine, revision: str) -> None:
    """Where the server cannot roll back DDL, the same upgrade goes on, and leads to the same schema."""
    earlier = f"{int(revision) - 1:04}"
    migrate.upgrade(empty, revision)
    after = details(empty)
    migrate.downgrade(empty, earlier)
    with empty.begin() as connection:
        add_sample(connection)
    before = details(empty)
    interruptions, step = 0, STEPS.get((empty.dialect.name, revision), 1)
    for _ in interrupted_upgrades(empty, range(0, 1000, step), KINDS, revision):
        interruptions += 1
        if empty.dialect.name != "mariadb":
            assert (migrate.current(empty), details(empty)) == (earlier, before)
            continue
        migrate.upgrade(empty, revision)
        assert details(empty) == after
        migrate.downgrade(empty, earlier)
        assert details(empty) == before
    assert interruptions > 1
    assert details(empty) == after
    migrate.upgrade(empty)
    assert migrate.check(empty) == []
    with empty.connect() as connection:
        assert read_sample(connection) == SAMPLE
