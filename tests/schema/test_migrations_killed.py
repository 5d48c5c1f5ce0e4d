"""kill -9 in the middle of an upgrade on MariaDB, which cannot roll back DDL: the next upgrade finishes the rest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from etl.schema import migrate
from tests.conftest import Start
from tests.dying import Order, Orders
from tests.servers import Server
from tests.store.sessions import new_database
from tests.store.support import SAMPLE, add_sample, read_sample

pytestmark = pytest.mark.mariadb
HEAD = migrate.head()
BEFORE = str(migrate._scripts().get_revision(HEAD).down_revision)
# An upgrade passes more points than these.
FEWEST = {None: 75, BEFORE: 2}
PARTS = 4


class Upgrader(Orders):
    """The process whose upgrades die."""

    module = "tests.schema.upgrader"

    def run(self, url: sa.URL, point: int | None) -> Order:
        """One upgrade that dies at `point`."""
        return self.give({"url": url.render_as_string(hide_password=False), "point": point, "revision": "head"})


@pytest.fixture(scope="module")
def upgrader() -> Iterator[Upgrader]:
    with Upgrader() as made:
        yield made


@pytest.fixture
def mariadb(start_server: Start) -> Server:
    return start_server("mariadb")


@pytest.fixture
def points(upgrader: Upgrader, mariadb: Server, start: str | None) -> int:
    """How many points an undisturbed upgrade passes."""
    with new_database(mariadb, at_head=False) as engine:
        if start is not None:
            migrate.upgrade(engine, start)
        told = upgrader.run(engine.url, None)
    assert told["status"] == 0
    return int(told["points"])


@pytest.mark.parametrize(
    "part", [pytest.param(part, marks=[pytest.mark.full] if part != 2 else []) for part in range(PARTS)]
)
@pytest.mark.parametrize("start", [None, BEFORE], ids=["from nothing", "from the revision before"])
def test_an_upgrade_that_dies(
    upgrader: Upgrader, mariadb: Server, start: str | None, points: int, part: int
) -> None:
    """With rows in the database, if there are tables: the next upgrade reaches head with a schema in order."""
    assert points > FEWEST[start]
    point = round(part * (points - 1) / (PARTS - 1))
    with new_database(mariadb, at_head=False) as engine:
        if start is not None:
            migrate.upgrade(engine, start)
            with engine.begin() as connection:
                add_sample(connection)
        assert upgrader.run(engine.url, point)["status"] == -9
        assert upgrader.run(engine.url, None)["status"] == 0
        assert (migrate.current(engine), migrate.check(engine)) == (HEAD, [])
        with engine.connect() as connection:
            if start is not None:
                assert read_sample(connection) == SAMPLE
            else:
                assert connection.exec_driver_sql("SELECT count(*) FROM region").scalar() == 250
