"""URLs of databases: which ones this job can use, and with which driver."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote, urlsplit

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from etl.settings.kinds import BadSetting, require_whole_password
from etl.settings.urloptions import SECRET_OPTIONS, require_hosts, require_usable

_UTF8MB4 = {"charset": "utf8mb4"}
_DRIVERS = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mysql+pymysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "mariadb+pymysql": "mariadb+pymysql",
}
_MEMORY = ("", ":memory:")
_EPHEMERAL = {("mode", "memory"), ("vfs", "memdb")}
_OF_THE_SERVER = ("information_schema", "performance_schema", "mysql", "sys")


def target(value: str) -> sa.URL:
    """The URL of a database that this job writes to."""
    url = _make_url(value)
    if url.drivername not in _DRIVERS:
        raise BadSetting("must begin with sqlite:///, postgresql:// or mysql:// (or mariadb://)")
    if url.drivername.startswith("sqlite") and (_names_a_server(url) or _is_in_memory(url)):
        raise BadSetting(
            "must name a file, such as sqlite:///numbercheck.db: a database in memory is empty at the next run"
        )
    if url.drivername.startswith(("mysql", "mariadb")) and not url.database:
        raise BadSetting("must end with the name of a database, such as mysql://user:password@host/numbercheck")
    if url.drivername.startswith(("mysql", "mariadb")) and str(url.database).lower() in _OF_THE_SERVER:
        raise BadSetting("must not name a database that the server keeps for itself")
    return _with_driver(url)


def _names_a_server(url: sa.URL) -> bool:
    return any(part is not None for part in (url.username, url.password, url.host, url.port))


def _is_in_memory(url: sa.URL) -> bool:
    """Whether SQLite would keep the database of this URL in memory, or in a file that it removes at the end."""
    name = url.database or ""
    if not name.startswith("file:") or "uri" not in url.query:
        return name in _MEMORY
    parts = urlsplit(name)
    options = {*parse_qsl(parts.query), ("vfs", url.query.get("vfs"))}  # `mode` of the URL itself is an option
    return unquote(parts.path) in _MEMORY or bool(options & _EPHEMERAL)


def source(value: str) -> sa.URL:
    """The URL of a database that batches are read from: any that SQLAlchemy finds a dialect for."""
    url = _make_url(value)
    if url.drivername in _DRIVERS:
        return _with_driver(url)
    try:
        usable = not url.get_dialect().is_async
    except (NoSuchModuleError, ArgumentError, ImportError):
        usable = False
    if not usable:
        raise BadSetting("must begin with the name of a database that SQLAlchemy knows, without an async driver")
    return url


def _make_url(value: str) -> sa.URL:
    require_whole_password(value.strip())
    try:
        url = sa.make_url(value.strip())
    # ValueError: a port that is not a number, which may well be part of a password.
    except (ArgumentError, ValueError):
        raise BadSetting(
            "must be an SQLAlchemy URL such as postgresql://user:password@host/database "
            "(characters such as @ : / in a password are written %40 %3A %2F)"
        ) from None
    # The driver would take no notice of what comes behind it: another server, another user.
    if any("\0" in part for part in _parts(url)):
        raise BadSetting("must not contain %00")
    if url.port is not None and not 1 <= url.port <= 65535:
        raise BadSetting("must name a port from 1 to 65535")
    # SQLAlchemy would leave out what has no value, and so what the operator meant by it.
    empty = {name: "" for name, text in parse_qsl(value.partition("?")[2], keep_blank_values=True) if not text}
    return url.update_query_dict(empty)


def _parts(url: sa.URL) -> Iterator[str]:
    """The texts of this URL, decoded."""
    yield from (str(part) for part in (url.username, url.password, url.host, url.database) if part)
    for name, value in url.query.items():
        yield from (name, *((value,) if isinstance(value, str) else value))


def _with_driver(url: sa.URL) -> sa.URL:
    url = url.set(drivername=_DRIVERS[url.drivername])
    if url.host:
        require_hosts(url.host)
    require_usable(url)
    if url.drivername.endswith("+pymysql"):
        return url.set(query=_UTF8MB4 | dict(url.query))
    return url


def secrets(url: sa.URL) -> Iterator[str]:
    """Every text of this URL that no output may contain."""
    if url.password:
        yield str(url.password)
    for name in SECRET_OPTIONS:
        value = url.query.get(name, ())
        yield from (value,) if isinstance(value, str) else value
