"""kill -9 in the middle of an upgrade on MariaDB, which rolls no DDL back: the next upgrade ends what is left."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from etl.store import migrate
from etl.store.engine import connect
from tests.conftest import Start
from tests.dying import Order, Orders
from tests.servers import Server
from tests.store.support import SAMPLE, add_sample, read_sample

pytestmark = pytest.mark.mariadb
HEAD = migrate.head()


class Upgrader(Orders):
    """The process whose upgrades die."""

    def run(self, url: sa.URL, point: int | None, revision: str = "head") -> Order:
        """One upgrade that dies at `point`."""
        return self.give({"url": url.render_as_string(hide_password=False), "point": point, "revision": revision})


@pytest.fixture(scope="module")
def upgrader() -> Iterator[Upgrader]:
    made = Upgrader("tests.store.upgrader")
    yield made
    made.close()


@pytest.fixture
def mariadb(start_server: Start) -> Server:
    return start_server("mariadb")


def sampled(points: int, of: int) -> list[int]:
    """So many of the points, from the first to the last."""
    return sorted({round(number * (points - 1) / (of - 1)) for number in range(of)})


def kill_at(point: int, upgrader: Upgrader, mariadb: Server, start: str | None) -> None:
    """An upgrade from `start`, with rows in it, dies; the next one ends at head with a schema that is in order."""
    url = mariadb.create()
    engine = connect(url)
    if start is not None:
        migrate.upgrade(engine, start)
        with engine.begin() as connection:
            add_sample(connection)
    assert upgrader.run(url, point)["status"] == -9
    assert upgrader.run(url, None)["status"] == 0
    assert (migrate.current(engine), migrate.check(engine)) == (HEAD, [])
    with engine.connect() as connection:
        if start is not None:
            assert read_sample(connection) == SAMPLE
        else:
            assert connection.exec_driver_sql("SELECT count(*) FROM region").scalar() == 250
    engine.dispose()
    mariadb.drop(url)


def count_points(upgrader: Upgrader, mariadb: Server, start: str | None) -> int:
    url = mariadb.create()
    engine = connect(url)
    if start is not None:
        migrate.upgrade(engine, start)
    told = upgrader.run(url, None)
    assert told["status"] == 0
    engine.dispose()
    mariadb.drop(url)
    return int(told["points"])


def test_from_nothing(upgrader: Upgrader, mariadb: Server) -> None:
    points = count_points(upgrader, mariadb, None)
    assert points > 80
    for point in sampled(points, 4):
        kill_at(point, upgrader, mariadb, None)


def test_from_the_revision_before_with_rows(upgrader: Upgrader, mariadb: Server) -> None:
    before = f"{int(HEAD) - 1:04}"
    points = count_points(upgrader, mariadb, before)
    assert points > 2
    for point in sampled(points, 4):
        kill_at(point, upgrader, mariadb, before)
