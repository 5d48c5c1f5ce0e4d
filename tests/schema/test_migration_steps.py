"""What a new migration can do with the shared steps: a throwaway revision is added to copies of the real ones."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import sqlalchemy as sa
from alembic.util import load_python_file

from etl.schema import installed, migrate
from etl.schema.views import VIEWS
from tests.schema.migrating import Interrupted, details, interrupted_after
from tests.servers import MARIADB, POSTGRESQL, SQLITE
from tests.store.support import SAMPLE, add_sample, read_sample

MIGRATIONS = migrate.script_directory()
HEAD = migrate.head()
NEXT = f"{int(HEAD) + 1:04}"
SHOWING = ("v_number_check", "v_number_check_masked", "v_phone_latest")
LAST = {view.name: list(view.columns)[-1] for view in VIEWS}
REVISION = f'''
from pathlib import Path

import sqlalchemy as sa
from alembic.util import load_python_file

revision = "{NEXT}"
down_revision = "{HEAD}"

steps = load_python_file(Path(__file__).resolve().parents[1], "steps.py")
VIEWS = {SHOWING}


def upgrade() -> None:
    steps.add_column("number_check", sa.Column("spam_score", sa.Integer()))
    for name in VIEWS:
        steps.put_view(name, revision)


def downgrade() -> None:
    for name in VIEWS:
        steps.take_view_back(name, down_revision)
    steps.drop_column("number_check", "spam_score")
'''

Views = Callable[..., Path]
steps: ModuleType = load_python_file(MIGRATIONS, "steps.py")


@pytest.fixture
def migrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The migrations, with a revision that adds one column and shows it in three views, with one line for each."""
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / f"{NEXT}_spam_score.py").write_text(REVISION, encoding="utf-8")
    for name in SHOWING:
        add(
            folder / "views" / NEXT / f"{name}.added.sql",
            f"-- after the column {LAST[name]}\n    number_check.spam_score\n",
        )
    monkeypatch.setattr(installed, "script_directory", lambda: folder)
    return folder


def add(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def columns(engine: sa.Engine, view: str) -> list[str]:
    return [column["name"] for column in sa.inspect(engine).get_columns(view)]


# -- a revision of its own ---------------------------------------------------------------------------------------


def test_a_new_column_costs_a_line_for_each_view_that_shows_it(engine: sa.Engine, migrations: Path) -> None:
    before, tables = {name: columns(engine, name) for name in migrate.VIEW_NAMES}, details(engine)
    with engine.begin() as connection:
        add_sample(connection)
    migrate.upgrade(engine)
    assert migrate.current(engine) == NEXT
    for name in migrate.VIEW_NAMES:
        assert columns(engine, name) == before[name] + (["spam_score"] if name in SHOWING else [])
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE number_check SET spam_score = 7")
        assert set(connection.exec_driver_sql("SELECT spam_score FROM v_number_check").scalars()) == {7}
    migrate.downgrade(engine, HEAD)
    assert {name: columns(engine, name) for name in migrate.VIEW_NAMES} == before
    assert details(engine) == tables
    with engine.connect() as connection:
        assert read_sample(connection) == SAMPLE


@pytest.mark.parametrize("server", [POSTGRESQL, MARIADB], indirect=True)
def test_what_a_customer_built_upon_a_view_stays(engine: sa.Engine, migrations: Path) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE VIEW ours AS SELECT phone, last_changed_at FROM v_number_check")
    migrate.upgrade(engine)
    assert columns(engine, "ours") == ["phone", "last_changed_at"]


@pytest.mark.parametrize("server", [POSTGRESQL], indirect=True)
def test_a_view_that_a_customer_built_upon_is_not_taken_back(engine: sa.Engine, migrations: Path) -> None:
    migrate.upgrade(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE VIEW ours AS SELECT spam_score FROM v_number_check")
    with pytest.raises(sa.exc.DBAPIError, match="other objects depend on it"):
        migrate.downgrade(engine, HEAD)
    assert migrate.current(engine) == NEXT
    assert columns(engine, "ours") == ["spam_score"]


@pytest.mark.parametrize("server", [SQLITE, MARIADB], indirect=True)
@pytest.mark.parametrize("changes", range(1, 5))
def test_an_interrupted_revision_goes_on(engine: sa.Engine, migrations: Path, changes: int) -> None:
    with pytest.raises(Interrupted), interrupted_after(engine, changes, ("ALTER ", "CREATE ", "UPDATE ")):
        migrate.upgrade(engine)
    migrate.upgrade(engine)
    assert migrate.current(engine) == NEXT
    assert "spam_score" in columns(engine, "v_phone_latest")


@pytest.mark.parametrize("server", [SQLITE], indirect=True)
def test_a_place_that_is_gone_stops_the_upgrade(engine: sa.Engine, migrations: Path) -> None:
    file = migrations / "views" / NEXT / "v_phone_latest.added.sql"
    add(file, "-- after the column of_before\n    number_check.spam_score\n")
    with pytest.raises(ValueError, match=re.escape(f"{file} adds after the column of_before")):
        migrate.upgrade(engine)
    assert migrate.current(engine) == HEAD
    assert "spam_score" not in columns(engine, "v_number_check")


# -- versions of a view ------------------------------------------------------------------------------------------


@pytest.fixture
def views(tmp_path: Path) -> Path:
    add(
        tmp_path / "0001" / "v.sql",
        "CREATE VIEW v AS\nSELECT\n    a.x,\n    max(a.y) AS y\nFROM a\nJOIN b ON b.x = a.x\n",
    )
    return tmp_path


def sql(views: Path, revision: str, dialect: str = "sqlite") -> str:
    return str(steps.view_sql("v", revision, dialect, views))


def test_a_view_is_the_same_until_a_revision_changes_it(views: Path) -> None:
    add(views / "0003" / "v.added.sql", "-- after the column y\n    b.z,\n    b.w AS u\n")
    add(
        views / "0004" / "v.added.sql",
        "-- after the column u\n    c.t\n-- after the line JOIN b ON b.x = a.x\nJOIN c ON true\n",
    )
    first = sql(views, "0001")
    assert sql(views, "0002") == first
    third = first.replace("AS y\n", "AS y,\n    b.z,\n    b.w AS u\n")
    assert sql(views, "0003") == third
    fourth = third.replace("AS u\n", "AS u,\n    c.t\n") + "JOIN c ON true\n"
    assert sql(views, "0004") == sql(views, "0009") == fourth
    add(views / "0005" / "v.sql", "CREATE VIEW v AS SELECT 1\n")
    assert sql(views, "0004") == fourth
    assert sql(views, "0005") == "CREATE VIEW v AS SELECT 1\n"


def test_lines_go_into_the_version_that_the_server_has(views: Path) -> None:
    add(views / "0002" / "sqlite" / "v.sql", "CREATE VIEW v AS\nSELECT\n    1 AS y\n")
    add(views / "0003" / "v.added.sql", "-- after the column y\n    2 AS z\n")
    add(views / "0004" / "postgresql" / "v.added.sql", "-- after the column z\n    3 AS own\n")
    assert sql(views, "0004") == "CREATE VIEW v AS\nSELECT\n    1 AS y,\n    2 AS z\n"
    assert sql(views, "0004", "mariadb").splitlines()[3:5] == ["    max(a.y) AS y,", "    2 AS z"]
    assert sql(views, "0004", "postgresql").splitlines()[4:6] == ["    2 AS z,", "    3 AS own"]


@pytest.mark.parametrize(
    ("added", "words"),
    [
        ("-- after the column z\n    b.z\n", "the column z, which the version before it has 0 times"),
        ("-- after the column x\n    b.z\n", "the column x, which is not the last one of its list"),
        ("-- after the line JOIN c\nJOIN d\n", "the line JOIN c, which the version before it has 0 times"),
        ("-- after the line FROM\nJOIN d\n", "the line FROM, which the version before it has 0 times"),
        ("    b.z\n", "does not begin with"),
        ("-- behind the column y\n    b.z\n", "does not begin with"),
        ("", "does not begin with"),
    ],
)
def test_what_cannot_be_added_is_reported(views: Path, added: str, words: str) -> None:
    add(views / "0002" / "v.added.sql", added)
    with pytest.raises(ValueError, match=re.escape(words)) as told:
        sql(views, "0002")
    assert str(views / "0002" / "v.added.sql") in str(told.value)
    assert "Remedy" in str(told.value)


def test_a_place_that_is_there_twice_is_reported(views: Path) -> None:
    text = "CREATE VIEW v AS\nSELECT\n    inside.y\nFROM (\n    SELECT\n        a.y\n    FROM a\n) inside\n"
    add(views / "0001" / "v.sql", text)
    add(views / "0002" / "v.added.sql", "-- after the column y\n    b.z\n")
    with pytest.raises(ValueError, match="has 2 times, not once"):
        sql(views, "0002")


def test_a_view_that_no_revision_has_is_reported(views: Path) -> None:
    add(views / "0003" / "w.sql", "CREATE VIEW w AS SELECT 1\n")
    with pytest.raises(LookupError, match=r"No view w at revision 0002.*Remedy"):
        steps.view_sql("w", "0002", "sqlite", views)


def test_no_line_can_be_added_to_a_view_that_is_not_there_yet(views: Path) -> None:
    add(views / "0002" / "w.added.sql", "-- after the column y\n    b.z\n")
    with pytest.raises(ValueError, match="0 times"):
        steps.view_sql("w", "0002", "sqlite", views)


def test_each_view_ends_with_a_column_after_which_another_can_be_added() -> None:
    """Otherwise a new field would need a copy of the whole file after all."""
    for view in SHOWING:
        for dialect in ("sqlite", "postgresql", "mariadb"):
            lines = steps.view_sql(view, HEAD, dialect).splitlines()
            assert any(re.fullmatch(rf"    \w+\.{LAST[view]}", line) for line in lines)


def test_every_migration_uses_the_shared_steps() -> None:
    """No revision creates a view in its own way, which the next one would copy."""
    for path in (MIGRATIONS / "versions").glob("*.py"):
        assert not re.search(r"CREATE .*VIEW|DROP VIEW", path.read_text(encoding="utf-8")), path
