from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl.database.engine import connect
from etl.database.sqlitefile import exposed, file_of, is_there

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


@pytest.fixture(params=[0, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("name", ["{}", "file:{}?uri=true", "file:{}?mode=rwc&uri=true"])
@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
def test_only_the_owner_can_read_a_new_database_and_what_lies_beside_it(
    name: str, journal: str, tmp_path: Path
) -> None:
    file = tmp_path / "n.db"
    engine = connect(sa.make_url(f"sqlite:///{name.format(file)}"))
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.execute(f"PRAGMA journal_mode = {journal}")
        with connection.begin():
            connection.exec_driver_sql("CREATE TABLE t (a)")
            files = sorted(tmp_path.iterdir())
            assert len(files) > 1
            assert {each.name: oct(each.stat().st_mode & 0o777) for each in files} == {
                each.name: "0o600" for each in files
            }
    engine.dispose()
    assert exposed(engine.url) == []


@pytest.mark.usefixtures("umask")
def test_a_link_to_no_file_yet_makes_a_private_one(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "real.db")
    engine = connect(sa.make_url(f"sqlite:///{tmp_path / 'link.db'}"))
    with engine.connect():
        assert oct((tmp_path / "real.db").stat().st_mode & 0o777) == "0o600"
    engine.dispose()


@pytest.mark.parametrize("mode", ["ro", "rw"])
def test_who_only_reads_creates_nothing(mode: str, tmp_path: Path) -> None:
    engine = connect(sa.make_url(f"sqlite:///file:{tmp_path / 'n.db'}?mode={mode}&uri=true"))
    with pytest.raises(sa.exc.OperationalError):
        engine.connect()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o640, 0o644, 0o660, 0o602])
def test_files_that_others_may_use_are_found(mode: int, tmp_path: Path) -> None:
    for name in ("n.db", "n.db-wal", "other.db"):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(mode)
    assert exposed(sa.make_url(f"sqlite:///{tmp_path / 'n.db'}")) == [tmp_path / "n.db", tmp_path / "n.db-wal"]
    (tmp_path / "n.db").chmod(0o600)
    assert exposed(sa.make_url(f"sqlite:///{tmp_path / 'n.db'}")) == [tmp_path / "n.db-wal"]


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda file: file.symlink_to("/dev/null")])
def test_nobody_is_told_to_change_what_is_no_regular_file(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "n.db")
    assert exposed(sa.make_url(f"sqlite:///{tmp_path / 'n.db'}")) == []
