"""What a session must not inherit, whatever is set for the server, the database, the role or this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import sqlalchemy as sa

from etl.database import packets
from etl.database.explain import Database
from etl.errors import Misconfigured

# Limits that a server may set for people, and the version that brought them; this job has its own (silence.py).
_LIMITS = {
    "statement_timeout": 0,
    "lock_timeout": 0,
    "idle_in_transaction_session_timeout": 0,
    "idle_session_timeout": 140_000,
    "transaction_timeout": 170_000,
}
_POSTGRESQL_SESSION = {
    "timezone": "UTC",
    "datestyle": "ISO, MDY",
    "intervalstyle": "postgres",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
    "transform_null_equals": "off",
    "quote_all_identifiers": "off",
    "restrict_nonsystem_relation_kind": "",
    # The server also has to notice that this host is gone: until then it keeps our lock.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
# Only what this server has. Each function is named with its schema and given its own types: others may have one
# that fits better.
_SET_POSTGRESQL_SESSION = """
    SELECT pg_catalog.set_config(s.name, w.value, false)
    FROM unnest(%s::text[], %s::text[]) AS w(name, value)
    JOIN pg_catalog.pg_settings s ON pg_catalog.lower(s.name) = w.name
"""
# One schema: where our tables are, else where they would be made. Nothing in another one is taken for ours.
_SET_SCHEMA = """
    SELECT pg_catalog.set_config('search_path', pg_catalog.concat(schema, ', pg_temp'), false)
    FROM (SELECT coalesce(
        (SELECT relnamespace::pg_catalog.regnamespace::text FROM pg_catalog.pg_class
            WHERE oid = pg_catalog.to_regclass('number_check')::oid),
        pg_catalog.quote_ident(pg_catalog.current_schema()::text)
    ) AS schema) AS ours
    WHERE schema IS NOT NULL
"""
_MYSQL_SESSION = {
    "time_zone": "'+00:00'",
    "sql_mode": "'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
    "NO_ENGINE_SUBSTITUTION,ONLY_FULL_GROUP_BY'",
    # The server has no keep-alives of its own: it drops a host that is gone, and its lock, after half an hour.
    "wait_timeout": "1800",
    "completion_type": "0",
    "foreign_key_checks": "1",
    "unique_checks": "1",
    "sql_big_selects": "1",
    "sql_safe_updates": "0",
    "sql_select_limit": "18446744073709551615",
    "sql_quote_show_create": "1",
    "default_storage_engine": "InnoDB",
    # Who waits for longer seems to have lost the server (silence.py), and nobody is told that a lock is held.
    "lock_wait_timeout": "50",
    "innodb_lock_wait_timeout": "50",
}
_MARIADB_ALONE = {
    "max_statement_time": "0",
    "idle_transaction_timeout": "0",
    "idle_readonly_transaction_timeout": "0",
    "idle_write_transaction_timeout": "0",
    "check_constraint_checks": "1",
    "alter_algorithm": "'DEFAULT'",
}
_MYSQL_ALONE = {"max_execution_time": "0"}


# `insert=True` below: also before SQLAlchemy itself asks the server for what it has to know.


def prepare_postgresql(engine: sa.Engine, database: Database) -> None:
    """Prepare each new session of this engine. Raises Misconfigured, about `database`, if it cannot hold UTF-8."""

    def prepare(connection: Any, _record: object) -> None:
        with _closed_on_failure(connection):
            _require_utf8(connection, database)
            # Not as start-up options: poolers refuse those, and a URL may have options of its own.
            connection.autocommit = True
            connection.execute(_without_limits(connection.info.server_version, engine.url))
            values = _POSTGRESQL_SESSION
            connection.execute(_SET_POSTGRESQL_SESSION, (list(values), list(values.values())))
            connection.execute(_SET_SCHEMA)
            connection.autocommit = False

    sa.event.listen(engine, "connect", prepare, insert=True)


def _without_limits(version: int, url: sa.URL) -> str:
    """What lifts the limits, before one of them ends the other preparations; those in the URL's `options` stay."""
    asked = str(url.query.get("options", "")).lower().replace("-", "_")
    return "; ".join(
        f"SET {name} = 0" for name, since in _LIMITS.items() if since <= version and name not in asked
    )


@contextmanager
def _closed_on_failure(connection: Any) -> Iterator[None]:
    """SQLAlchemy forgets a connection that could not be prepared, and leaves it open."""
    try:
        yield
    except BaseException:
        with suppress(Exception):
            connection.close()
        raise


def _require_utf8(connection: Any, database: Database) -> None:
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise Misconfigured(
            f"The database has the encoding {encoding}, in which not every text can be kept.",
            "create one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0, "
            f"and name it in {database.setting}.",
            database.called,
        )


def prepare_source(engine: sa.Engine) -> None:
    """Prepare sessions of a database that somebody else designed a query for: only what the driver has to read."""

    def prepare(connection: Any, _record: object) -> None:
        with _closed_on_failure(connection):
            connection.autocommit = True
            connection.execute("SET datestyle TO ISO")  # not the order of day and month, which a query may rely on
            connection.autocommit = False

    if engine.dialect.driver == "psycopg":
        sa.event.listen(engine, "connect", prepare, insert=True)


def prepare_mysql(engine: sa.Engine) -> None:
    """Prepare each new session of this engine."""

    def prepare(connection: Any, _record: object) -> None:
        alone = _MARIADB_ALONE if "MariaDB" in connection.get_server_info() else _MYSQL_ALONE
        values = ", ".join(f"SESSION {name} = {value}" for name, value in (_MYSQL_SESSION | alone).items())
        with _closed_on_failure(connection), connection.cursor() as cursor:
            cursor.execute(f"SET {values}")

    sa.event.listen(engine, "connect", prepare, insert=True)
    sa.event.listen(engine, "connect", packets.remember_limit)
