from __future__ import annotations

import sys

import pytest
import sqlalchemy as sa

from etl.database.driver import require_driver
from etl.errors import Misconfigured


@pytest.mark.parametrize(
    ("url", "module", "remedy"),
    [
        ("postgresql+psycopg://h/d", "psycopg", "pip install 'numbercheck-etl[postgresql]'"),
        ("mysql+pymysql://h/d", "pymysql", "pip install 'numbercheck-etl[mysql]'"),
        ("oracle+oracledb://h/d", "oracledb", "pip install the package for oracledb"),
    ],
)
def test_a_missing_driver_is_named_with_its_remedy(
    url: str, module: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(Misconfigured) as error:
        require_driver(sa.make_url(url))
    assert str(error.value).endswith(remedy)


def test_drivers_that_are_there_are_accepted() -> None:
    for url in ("sqlite:///x.db", "postgresql+psycopg://h/d", "mysql+pymysql://h/d"):
        require_driver(sa.make_url(url))
