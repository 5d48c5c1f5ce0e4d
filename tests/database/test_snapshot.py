"""Who reads a snapshot sees the database as it was at the first query."""

from __future__ import annotations

import sqlalchemy as sa

from etl.database.engine import snapshot
from etl.schema.tables import account


def count(connection: sa.Connection) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(account)).scalar_one())


def test_it_does_not_change_while_others_write(engine: sa.Engine) -> None:
    with snapshot(engine) as connection:
        assert count(connection) == 0
        with engine.begin() as other:
            other.execute(sa.insert(account).values(name="other"))
        assert count(connection) == 0
    with snapshot(engine) as connection:
        assert count(connection) == 1


def test_the_next_connection_is_a_usual_one(engine: sa.Engine) -> None:
    with snapshot(engine) as connection:
        count(connection)
    if engine.dialect.name != "sqlite":
        with engine.connect() as connection:
            assert connection.get_isolation_level() == "READ COMMITTED"
