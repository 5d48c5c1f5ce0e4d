"""Whom `grant-reader` refuses, and what it says of a role that reaches more than the views in another way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from etl.admin import grants, grants_mysql
from etl.errors import Misconfigured
from etl.schema import migrate, views
from tests.admin.roles import ODD, Role, made, quote, reads, role, run
from tests.servers import MARIADB, POSTGRESQL
from tests.store.sessions import engine_for

SERVERS = pytest.mark.parametrize("server", [POSTGRESQL, MARIADB], indirect=True)
ON_POSTGRESQL = pytest.mark.parametrize("server", [POSTGRESQL], indirect=True)
ON_MARIADB = pytest.mark.parametrize("server", [MARIADB], indirect=True)

ALL = [view.name for view in views.VIEWS]
MASKED = [view.name for view in views.VIEWS if view.masked]


@pytest.fixture
def reader(engine: sa.Engine) -> Iterator[Role]:
    with role(engine, ODD) as new:
        yield new


# -- who ---------------------------------------------------------------------------------------------------


@SERVERS
def test_a_role_that_does_not_exist(engine: sa.Engine) -> None:
    make = {"postgresql": 'CREATE ROLE "No""body" LOGIN', "mariadb": 'CREATE USER `No"body`@`%` IDENTIFIED BY'}
    with pytest.raises(Misconfigured, match="There is no (user or )?role") as caught:
        grants.grant(engine, 'No"body', masked=False)
    assert make[engine.dialect.name] in str(caught.value)
    with pytest.raises(Misconfigured, match="There is no"):  # it was not made on the way
        grants.grant(engine, 'No"body', masked=False)


@SERVERS
@pytest.mark.parametrize("spelled", [str.lower, lambda name: name + " ", lambda name: name[:-1] + "%"])
def test_a_role_is_spelled_exactly(engine: sa.Engine, reader: Role, spelled: Any) -> None:
    with pytest.raises(Misconfigured, match="There is no"):
        grants.grant(engine, spelled(reader.name), masked=False)


@SERVERS
def test_the_jobs_own_role_is_refused(engine: sa.Engine) -> None:
    for name in {"postgresql": ["tester"], "mariadb": ["tester", "tester@127.0.0.1"]}[engine.dialect.name]:
        with pytest.raises(Misconfigured, match=r"the job's own role.*of their own"):
            grants.grant(engine, name, masked=False)
    assert migrate.check(engine) == []


@ON_POSTGRESQL
def test_an_owner_that_is_not_this_user_is_refused(engine: sa.Engine, reader: Role) -> None:
    run(engine, f"ALTER TABLE repeated_key OWNER TO {reader.sql}")
    with pytest.raises(Misconfigured, match="the job's own role"):
        grants.grant(engine, reader.name, masked=False)
    run(engine, "ALTER TABLE repeated_key OWNER TO tester")


@ON_MARIADB
def test_a_user_of_several_hosts_is_asked_for_by_its_host(engine: sa.Engine, reader: Role) -> None:
    with made(engine, f"USER {quote(engine, reader.name)}@'10.0.0.%'"):
        with pytest.raises(Misconfigured, match=r"several .*@10\.0\.0\.%.*@127\.0\.0\.1.*name one of these"):
            grants.grant(engine, reader.name, masked=True)
        done = grants.grant(engine, f"{reader.name}@127.0.0.1", masked=True)
        assert done.reader == f"{reader.name}@127.0.0.1"
        with engine.connect() as connection:
            other = grants_mysql.find(connection, f"{reader.name}@10.0.0.%")
            assert grants_mysql.held(connection, other) == set()


@ON_MARIADB
def test_a_role_of_mariadb(engine: sa.Engine, reader: Role) -> None:
    group = quote(engine, "Group of 50% `readers`")
    with made(engine, f"ROLE {group}"):
        run(engine, f"GRANT {group} TO {reader.sql}", f"SET DEFAULT ROLE {group} FOR {reader.sql}")
        assert grants.grant(engine, "Group of 50% `readers`", masked=True).beyond == ()
        assert reader.may(*[reads(view) for view in ALL]) == [reads(view) for view in MASKED]


# -- what this command did not grant -----------------------------------------------------------------------


def beyond(engine: sa.Engine, reader: Role, *, masked: bool = False) -> list[str]:
    return list(grants.grant(engine, reader.name, masked=masked).beyond)


@ON_POSTGRESQL
def test_what_a_role_of_postgresql_reaches_besides(engine: sa.Engine, reader: Role) -> None:
    with role(engine, "group") as group, role(engine, "root", "SUPERUSER") as superuser:
        # It does not inherit the rights of the group, but may become the group.
        run(engine, f"ALTER ROLE {reader.sql} NOINHERIT", f"GRANT {group.sql} TO {reader.sql}")
        cases = [
            (f"GRANT SELECT ON account TO {reader.sql}", "account"),
            (f"GRANT UPDATE (price) ON number_check TO {reader.sql}", "number_check"),
            (f"GRANT DELETE ON batch TO {group.sql}", f"batch (as a member of {group.name})"),
            (
                f"GRANT SELECT ON v_rejected_row TO {group.sql}",
                f"v_rejected_row.payload (as a member of {group.name})",
            ),
            (f"GRANT CREATE ON SCHEMA public TO {reader.sql}", "new objects in the schema public"),
        ]
        for statement, what in cases:
            run(engine, statement)
            assert beyond(engine, reader) == [what]
            run(engine, statement.replace("GRANT", "REVOKE", 1).replace(" TO ", " FROM "))
        run(engine, "GRANT SELECT ON alembic_version TO PUBLIC")
        assert beyond(engine, reader) == ["alembic_version", f"alembic_version (as a member of {group.name})"]
        run(
            engine,
            "REVOKE SELECT ON alembic_version FROM PUBLIC",
            f"GRANT SELECT ON v_number_check TO {group.sql}",
        )
        assert beyond(engine, reader) == []
        assert beyond(engine, reader, masked=True) == [f"v_number_check (as a member of {group.name})"]
        assert beyond(engine, superuser) == ["everything, being a superuser"]


@ON_MARIADB
def test_what_a_user_of_mariadb_reaches_besides(engine: sa.Engine, reader: Role) -> None:
    database = engine.url.database
    group = f"group_of_{database}"
    with made(engine, f"ROLE {group}", f"ROLE {group}_above"):
        run(engine, f"GRANT {group}_above TO {group}", f"GRANT {group} TO {reader.sql}")
        cases = [
            (f"GRANT SELECT ON account TO {reader.sql}", "account"),
            (f"GRANT UPDATE (price) ON number_check TO {reader.sql}", "number_check"),
            (f"GRANT DELETE ON batch TO {group}_above", f"batch (as the role {group}_above)"),
            (f"GRANT SELECT ON v_rejected_row TO {group}", f"v_rejected_row.payload (as the role {group})"),
            ("GRANT SELECT (payload) ON v_rejected_row TO PUBLIC", "v_rejected_row.payload (as everybody)"),
            (f"GRANT SELECT ON {database}.* TO {reader.sql}", "SELECT on everything"),
            (f"GRANT INSERT ON `{database}%`.* TO {group}", f"INSERT on everything (as the role {group})"),
            (f"GRANT FILE ON *.* TO {reader.sql}", "FILE on everything"),
        ]
        for statement, what in cases:
            run(engine, statement)
            found = beyond(engine, reader)
            # What a role has from another one counts as its own, too.
            assert (found[-1], {entry.partition(" (")[0] for entry in found}) == (what, {what.partition(" (")[0]})
            run(engine, statement.replace("GRANT", "REVOKE", 1).replace(" TO ", " FROM "))
        run(engine, f"GRANT SELECT ON v_number_check TO {group}", f"GRANT PROCESS ON *.* TO {reader.sql}")
        assert beyond(engine, reader) == []
        assert beyond(engine, reader, masked=True) == [f"v_number_check (as the role {group})"]


@ON_POSTGRESQL
def test_a_database_that_is_not_open_to_everybody(engine: sa.Engine, reader: Role) -> None:
    """The job's own role is an ordinary one here: it may open its schema to readers, and not the database."""
    database = engine.url.database
    run(engine, f"REVOKE CONNECT ON DATABASE {database} FROM PUBLIC")
    with role(engine, "job") as job:
        run(
            engine,
            f"GRANT CONNECT ON DATABASE {database} TO {job.sql}",
            f"CREATE SCHEMA own AUTHORIZATION {job.sql}",
            f"ALTER ROLE {job.sql} SET search_path = own",
            f"ALTER ROLE {reader.sql} SET search_path = own",
        )
        with engine_for(engine.url.set(username=job.name)) as mine:
            migrate.upgrade(mine)
            done = grants.grant(mine, reader.name, masked=True)
        assert len(done.missing) == 1
        assert done.missing[0].startswith(f'GRANT CONNECT ON DATABASE "{database}" TO "Odd ""quoted""')
        with pytest.raises(sa.exc.OperationalError), reader.connected():
            pass
        run(engine, done.missing[0])
        assert reader.may(*[reads(view) for view in ALL]) == [reads(view) for view in MASKED]
        run(engine, f"ALTER ROLE {reader.sql} SET search_path = public")
        assert reader.may("SELECT run_id FROM v_sync_run") == []
