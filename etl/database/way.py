"""The way to a server: whether it leads to one of several, and whether what is sent can be read on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from etl.database.types import MYSQL_FAMILY


@dataclass(frozen=True, slots=True)
class Way:
    """`host`: as it was named; empty for a file or a socket of this machine. `encrypted`: by TLS.

    `checked`: whether the server's certificate was compared with the host's name.
    """

    host: str
    encrypted: bool = False
    checked: bool = False


def way_of(connection: sa.Connection) -> Way:
    """How this connection travels, as the driver knows it: a pooler in between is its end."""
    driver: Any = connection.connection.driver_connection
    match connection.dialect.driver, connection.dialect.name:
        case "psycopg", _:
            mode = driver.info.get_parameters().get("sslmode")
            return Way(_remote(driver.info.host), driver.pgconn.ssl_in_use, mode == "verify-full")
        case "pymysql", name if name in MYSQL_FAMILY:
            status = connection.exec_driver_sql("SHOW SESSION STATUS LIKE 'Ssl_version'").first()
            checked = driver.ssl and driver.ctx.check_hostname
            return Way("" if driver.unix_socket else driver.host, bool(status and status[1]), bool(checked))
    return Way("")


def is_of_galera(connection: sa.Connection) -> bool:
    """Whether the server is a node of a Galera cluster, whose named locks do not hold on the other nodes."""
    if connection.dialect.name not in MYSQL_FAMILY:
        return False
    variable = connection.exec_driver_sql("SHOW SESSION VARIABLES LIKE 'wsrep_on'").first()
    return variable is not None and variable[1] == "ON"


def _remote(host: str) -> str:
    """The host, unless it is the directory of a socket."""
    return "" if host.startswith(("/", "@")) else host
