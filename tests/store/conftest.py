"""A database that the tests of a module share: emptied for each, since making one takes a while on some servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from etl.store.engine import connect
from etl.store.schema import metadata
from tests import servers
from tests.conftest import Start

SEEDED = ("check_level", "number_type", "call_response", "region")


@pytest.fixture(scope="module", params=[servers.SQLITE, servers.POSTGRESQL, servers.MARIADB])
def shared(request: pytest.FixtureRequest, start_server: Start) -> Iterator[sa.Engine]:
    server = start_server(request.param)
    url = server.create(at_head=True)
    engine = connect(url)
    yield engine
    engine.dispose()
    server.drop(url)


@pytest.fixture
def db(shared: sa.Engine) -> Iterator[sa.Engine]:
    """An engine for a database with the schema at head, and nothing in it but the seeds of lookups."""
    yield shared
    with shared.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            if table.name not in SEEDED:
                connection.execute(table.delete())


@pytest.fixture
def connection(db: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction of `db`."""
    with db.begin() as connection:
        yield connection
