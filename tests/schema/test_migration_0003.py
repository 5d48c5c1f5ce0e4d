from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from etl.schema import migrate
from tests.servers import MARIADB, POSTGRESQL
from tests.store.sessions import engine_for
from tests.store.support import add_sample


@pytest.fixture
def empty(database: sa.URL) -> Iterator[sa.Engine]:
    with engine_for(database) as engine:
        yield engine


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
