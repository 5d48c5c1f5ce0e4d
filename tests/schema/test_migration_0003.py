from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from etl.schema import migrate
from tests.schema.migrating import details, interrupted_upgrades
from tests.servers import MARIADB, POSTGRESQL
from tests.store.sessions import engine_for
from tests.store.support import SAMPLE, add_sample, read_sample
from tests.tiers import cases

PARTS = 3


@pytest.fixture
def empty(database: sa.URL) -> Iterator[sa.Engine]:
    with engine_for(database) as engine:
        yield engine


@pytest.mark.parametrize(
    ("server", "part"),
    cases(
        ["sqlite", "postgresql", "mariadb"],
        range(PARTS),
        quick=[("sqlite", 0), ("postgresql", 1), ("mariadb", 2)],
    ),
    indirect=["server"],
)
def test_an_interrupted_0003_leaves_0002_or_can_go_on(empty: sa.Engine, part: int) -> None:
    """On a database that holds rows, interrupted before each statement in turn that changes something."""
    migrate.upgrade(empty, "0002")
    with empty.begin() as connection:
        add_sample(connection)
    before = details(empty)
    interruptions = 0
    for _ in interrupted_upgrades(empty, range(part, 1000, PARTS), ("CREATE ", "DROP ", "UPDATE ")):
        interruptions += 1
        if empty.dialect.name != "mariadb":
            assert (migrate.current(empty), details(empty)) == ("0002", before)
            continue
        migrate.upgrade(empty)
        assert migrate.check(empty) == []
        migrate.downgrade(empty, "0002")
        assert details(empty) == before
    # An index and five views are created, an index is dropped, the revision is recorded.
    assert interruptions >= 8 // PARTS
    assert migrate.check(empty) == []
    with empty.connect() as connection:
        assert read_sample(connection) == SAMPLE
    migrate.downgrade(empty, "0002")
    assert details(empty) == before


@pytest.mark.parametrize("server", [POSTGRESQL, MARIADB], indirect=True)
def test_0003_leaves_what_a_customer_built_upon_v_number_check(empty: sa.Engine) -> None:
    migrate.upgrade(empty, "0002")
    with empty.begin() as connection:
        connection.exec_driver_sql("CREATE VIEW ours AS SELECT phone, carrier FROM v_number_check")
        add_sample(connection)
    for revision in ("0003", "0002"):
        (migrate.upgrade if revision == "0003" else migrate.downgrade)(empty, revision)
        with empty.connect() as connection:
            assert len(connection.exec_driver_sql("SELECT * FROM ours").all()) == 1
