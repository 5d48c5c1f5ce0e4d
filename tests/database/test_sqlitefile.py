from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from etl.database.sqlitefile import file_of, is_there

NAMED = [
    ("sqlite:///numbercheck.db", "numbercheck.db"),
    ("sqlite:////var/lib/numbercheck.db", "/var/lib/numbercheck.db"),
    ("sqlite:///with a space?.db", "with a space"),
    ("sqlite:///file:numbercheck.db?uri=true", "numbercheck.db"),
    ("sqlite:///file:/var/lib/n.db?mode=ro&uri=true", "/var/lib/n.db"),
    ("sqlite:///file:///var/lib/n.db?uri=true", "/var/lib/n.db"),
    ("sqlite:///file:numbercheck.db", "file:numbercheck.db"),  # without uri=true, a file of that name
    ("sqlite:///file:/var/lib/n.db?mode=rwc", "file:/var/lib/n.db"),
    ("sqlite:///file:numbercheck.db?uri=0", "file:numbercheck.db"),
    ("sqlite:///numbercheck.db?uri=true", "numbercheck.db"),
    ("sqlite+pysqlite:///file:numbercheck.db?mode=rwc&uri=True", "numbercheck.db"),
    ("sqlite:///file://localhost/var/lib/n.db?uri=1", "/var/lib/n.db"),
    ("sqlite:///file:with%20a%20space.db?uri=true", "with a space.db"),
]


@pytest.mark.parametrize(("url", "file"), NAMED)
def test_the_file_whatever_way_it_is_written(url: str, file: str) -> None:
    assert file_of(sa.make_url(url)) == Path(file)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file::memory:?uri=true",
        "sqlite:///file:shared?mode=memory&cache=shared&uri=true",
        "sqlite:///file:/shared?vfs=memdb&uri=true",
        "postgresql://h/d",
        "mysql://h/numbercheck.db",
    ],
)
def test_no_file(url: str) -> None:
    assert file_of(sa.make_url(url)) is None
    assert is_there(sa.make_url(url))


def test_looking_makes_no_file(tmp_path: Path) -> None:
    file = tmp_path / "n.db"
    for url in (f"sqlite:///{file}", f"sqlite:///file:{file}?uri=true"):
        assert not is_there(sa.make_url(url))
        assert not file.exists()
    file.touch()
    for url in (f"sqlite:///{file}", f"sqlite:///file:{file}?uri=true"):
        assert is_there(sa.make_url(url))
