"""Roles of a server for tests: created with a password, and dropped afterwards."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from etl.database.engine import connect
from etl.schema import views
from tests.servers import PASSWORD

_NUMBERS = itertools.count()
ODD = "Odd \"quoted\" 'name' `of` 50% :x ñ"


@dataclass(frozen=True)
class Role:
    """A login role (PostgreSQL) or a user (MariaDB), with ways to act as it."""

    name: str
    sql: str
    admin: sa.Engine

    @contextlib.contextmanager
    def connected(self) -> Iterator[sa.Connection]:
        """A session of this role, each statement on its own."""
        engine = connect(self.admin.url.set(username=self.name))
        try:
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                yield connection
        finally:
            engine.dispose()

    def may(self, *statements: str) -> list[str]:
        """Those of the statements that the server lets this role do."""
        done = []
        with self.connected() as connection:
            for statement in statements:
                try:
                    connection.exec_driver_sql(statement.replace("%", "%%"))
                except sa.exc.DBAPIError as error:
                    if not is_refusal(error):
                        raise
                else:
                    done.append(statement)
        return done


def is_refusal(error: sa.exc.DBAPIError) -> bool:
    """Whether the server says that the role is not permitted, and not that the statement is wrong."""
    state = getattr(error.orig, "sqlstate", None)
    number = error.orig.args[0] if error.orig else None
    # 55000: nobody can write to any view of ours.
    return state in ("42501", "55000") or number in (1044, 1045, 1142, 1143, 1227, 1345, 1370, 1410)


@contextlib.contextmanager
def role(admin: sa.Engine, words: str = "Reader", options: str = "") -> Iterator[Role]:
    """A new role whose name begins with `words`."""
    name = f"{words} {next(_NUMBERS)}"
    quoted = quote(admin, name)
    mariadb = admin.dialect.name == "mariadb"
    sql = f"{quoted}@'127.0.0.1'" if mariadb else quoted
    made = f"CREATE USER {sql} IDENTIFIED BY" if mariadb else f"CREATE ROLE {sql} LOGIN {options} PASSWORD"
    run(admin, f"{made} '{PASSWORD}'")
    try:
        yield Role(name, sql, admin)
    finally:
        run(admin, *([f"DROP USER {sql}"] if mariadb else [f"DROP OWNED BY {sql} CASCADE", f"DROP ROLE {sql}"]))


@contextlib.contextmanager
def made(admin: sa.Engine, *what: str) -> Iterator[None]:
    """Users and roles of MariaDB, such as `ROLE readers`, for as long as this lasts."""
    try:
        for one in what:
            run(admin, f"CREATE {one}")
        yield
    finally:
        for one in what:
            run(admin, one.replace("ROLE", "DROP ROLE IF EXISTS", 1).replace("USER", "DROP USER IF EXISTS", 1))


def quote(engine: sa.Engine, name: str) -> str:
    """A name quoted for `run`."""
    return engine.dialect.identifier_preparer.quote_identifier(name).replace("%%", "%")


def run(engine: sa.Engine, *statements: str) -> None:
    """Run statements as they are, in a transaction."""
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement.replace("%", "%%"))


def reads(view: str) -> str:
    """The query for everything that a reader may read of a view."""
    found = next(one for one in views.VIEWS if one.name == view)
    columns = ", ".join(name for name in found.columns if name not in found.hidden)
    return f"SELECT {columns} FROM {view}"  # noqa: S608  (our own names)
