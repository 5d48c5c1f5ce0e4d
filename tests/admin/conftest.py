from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from tests.admin.copies import two_databases
from tests.conftest import Start
from tests.shared import connection, db, pytest_runtest_makereport, shared

__all__ = ["connection", "db", "pytest_runtest_makereport", "shared"]


@pytest.fixture
def engines(request: pytest.FixtureRequest, start_server: Start) -> Iterator[tuple[sa.Engine, sa.Engine]]:
    """The databases that a test of copying goes between, as its parameter names them."""
    with two_databases(start_server, request.param) as found:
        yield found


@pytest.fixture
def source(engines: tuple[sa.Engine, sa.Engine]) -> sa.Engine:
    return engines[0]


@pytest.fixture
def target(engines: tuple[sa.Engine, sa.Engine]) -> sa.Engine:
    return engines[1]
