"""A role that may create functions in the schema: no view calls them, and operators are warned of the right."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from alembic.util import load_python_file
from click.testing import CliRunner

from etl.admin import strangers
from etl.cli import main
from etl.database.engine import connect
from etl.schema import migrate
from tests.admin.roles import Role, role, run
from tests.servers import POSTGRESQL
from tests.store.support import add_sample

pytestmark = pytest.mark.parametrize("server", [POSTGRESQL], indirect=True)

STEPS = load_python_file(migrate.script_directory(), "steps.py")
LOOT = ("CREATE TABLE public.loot (who text, what text)", "GRANT INSERT ON public.loot TO PUBLIC")
TAKE = "INSERT INTO public.loot VALUES (current_user, a::text);"


def function(name: str, arguments: str, result: str, value: str) -> str:
    body = f"BEGIN {TAKE} RETURN {value}; END"
    return f"CREATE FUNCTION public.{name}({arguments}) RETURNS {result} LANGUAGE plpgsql AS $$ {body} $$"


def operator(sign: str, name: str, kind: str, other: str = "", result: str = "boolean") -> list[str]:
    value = f"a::text OPERATOR(pg_catalog.{sign}) b::text"
    return [
        function(name, f"a {kind}, b {other or kind}", result, value),
        f"CREATE OPERATOR public.{sign} (FUNCTION = public.{name}, LEFTARG = {kind}, RIGHTARG = {other or kind})",
    ]


# Each fits what our views say better than the server's own.
TRAPS = {
    "replace": [function("replace", "a varchar, b varchar, c text", "text", "pg_catalog.replace(a::text, b, c)")],
    "substr": [function("substr", "a varchar, b int, c int", "text", "pg_catalog.substr(a::text, b, c)")],
    "equal": operator("=", "equal", "varchar"),
    "unequal": operator("<>", "unequal", "varchar"),
    "round": [function("round", "a numeric, b bigint", "numeric", "pg_catalog.round(a, b::int)")],
}


@pytest.fixture
def evil(database: sa.URL) -> Iterator[Role]:
    """A role that may create in the schema `public`, as everybody may where that came from before PostgreSQL 15."""
    admin = connect(database)
    run(admin, "GRANT CREATE ON SCHEMA public TO PUBLIC")
    with role(admin, "Evil") as made:
        made.may(*LOOT)
        yield made
    admin.dispose()


def loot(engine: sa.Engine) -> list[str]:
    """What is taken while all views are read."""
    with engine.begin() as connection:
        connection.exec_driver_sql("TRUNCATE public.loot")
        for view in migrate.VIEW_NAMES:
            connection.exec_driver_sql(f"SELECT * FROM {view}").all()  # noqa: S608  (our own names)
        return list(connection.exec_driver_sql("SELECT what FROM public.loot").scalars())


@pytest.mark.parametrize("trap", TRAPS)
def test_no_view_calls_a_strangers_function(evil: Role, trap: str) -> None:
    assert evil.may(*TRAPS[trap]) == TRAPS[trap]
    migrate.upgrade(evil.admin)
    with evil.admin.begin() as connection:
        add_sample(connection)
        creator, alike = map(str, strangers.dangers(connection))
        assert strangers.bound_views(connection) == []
    assert "Everybody may create functions in the schema 'public'" in creator
    assert 'REVOKE CREATE ON SCHEMA "public" FROM PUBLIC' in creator
    assert f"The role {evil.name!r} has defined" in alike
    assert loot(evil.admin) == []


def test_a_view_that_calls_one_is_told_and_written_again(evil: Role) -> None:
    migrate.upgrade(evil.admin)
    with evil.admin.begin() as connection:
        add_sample(connection)
    evil.may(*TRAPS["replace"])
    as_before = STEPS.view_sql("v_number_check_masked", migrate.head(), "postgresql")
    run(evil.admin, as_before.replace("CREATE VIEW", "CREATE OR REPLACE VIEW"))
    with evil.admin.connect() as connection:
        (told,) = map(str, strangers.bound_views(connection))
    assert told.startswith("The view v_number_check_masked calls a function that is not the server's own.")
    assert loot(evil.admin) != []
    migrate.downgrade(evil.admin, "0008")
    migrate.upgrade(evil.admin)
    assert loot(evil.admin) == []


def test_a_single_role_is_told_as_well(evil: Role) -> None:
    run(evil.admin, "REVOKE CREATE ON SCHEMA public FROM PUBLIC", f"GRANT CREATE ON SCHEMA public TO {evil.sql}")
    with evil.admin.connect() as connection:
        (found,) = map(str, strangers.dangers(connection))
    assert found.startswith(f"The role {evil.name!r} may create functions")
    run(evil.admin, f"REVOKE CREATE ON SCHEMA public FROM {evil.sql}")
    with evil.admin.connect() as connection:
        assert strangers.dangers(connection) == []


OF_CONNECTING = [
    function("quote_ident", "a name", "text", "pg_catalog.quote_ident(a::text)"),
    *operator("=", "same", "oid", "regclass"),
    *operator("||", "joined", "text", "varchar", "text"),
]


def test_connecting_calls_no_strangers_function(evil: Role) -> None:
    assert evil.may(*OF_CONNECTING) == OF_CONNECTING
    engine = connect(evil.admin.url)
    with engine.connect() as connection:
        assert list(connection.exec_driver_sql("SELECT what FROM public.loot").scalars()) == []
    engine.dispose()


@pytest.mark.parametrize("command", ["upgrade", "check"])
def test_the_commands_warn(evil: Role, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate.upgrade(evil.admin)
    monkeypatch.setenv("NUMBERCHECK_DATABASE_URL", evil.admin.url.render_as_string(hide_password=False))
    result = CliRunner().invoke(main, ["db", command])
    assert result.exit_code == 0
    assert "REVOKE CREATE ON SCHEMA" in result.stderr
