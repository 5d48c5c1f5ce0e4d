"""A database that the tests of a module share. It is emptied after each, because creating one can be slow."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from etl.schema.tables import metadata
from tests import servers
from tests.conftest import Start
from tests.store.sessions import new_database

SEEDED = ("check_level", "number_type", "call_response", "region", "database_identity")
FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture(scope="module", params=[servers.SQLITE, servers.POSTGRESQL, servers.MARIADB])
def shared(request: pytest.FixtureRequest, start_server: Start) -> Iterator[sa.Engine]:
    with new_database(start_server(request.param)) as engine:
        yield engine


@pytest.fixture
def db(request: pytest.FixtureRequest, shared: sa.Engine) -> Iterator[sa.Engine]:
    """An engine for a database with the schema at head and nothing in it except the seeds of lookups."""
    yield shared
    pool: Any = shared.pool
    left = pool.checkedout()
    if left or request.node.stash.get(FAILED, True):
        shared.dispose()  # these sessions may still have settings or locks
    _clear(shared)
    assert not left, "this test left a session open"


def _clear(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            if table.name not in SEEDED:
                connection.execute(table.delete())


@pytest.fixture
def connection(db: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction of `db`."""
    with db.begin() as connection:
        yield connection
