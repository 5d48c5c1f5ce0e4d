"""URLs of databases: which ones this job can use, and with which driver."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qsl

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from etl.settings.kinds import BadSetting, require_whole_password
from etl.settings.urloptions import SECRET_OPTIONS, require_usable

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
_MEMORY = (None, "", ":memory:")


def target(value: str) -> sa.URL:
    """The URL of a database that this job writes to."""
    url = _make_url(value)
    if url.drivername not in _DRIVERS:
        raise BadSetting("must begin with sqlite:///, postgresql:// or mysql:// (or mariadb://)")
    if url.drivername.startswith("sqlite") and (url.host or _in_memory(url)):
        raise BadSetting(
            "must name a file, such as sqlite:///numbercheck.db: a database in memory is empty at the next run"
        )
    if url.drivername.startswith(("mysql", "mariadb")) and not url.database:
        raise BadSetting("must end with the name of a database, such as mysql://user:password@host/numbercheck")
    return _with_driver(url)


def _in_memory(url: sa.URL) -> bool:
    """Whether SQLite would keep it in memory, also where it is written as a URI of SQLite's own."""
    name = str(url.database or "")
    if "uri" not in url.query or not name.startswith("file:"):
        return name in _MEMORY
    path, _, options = name.removeprefix("file:").partition("?")
    return path in _MEMORY or "mode=memory" in options or "memdb" in (options, url.query.get("vfs"))


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
    if url.port is not None and not 1 <= url.port <= 65535:
        raise BadSetting("must name a port from 1 to 65535")
    # SQLAlchemy would leave out what has no value, and so what the operator meant by it.
    empty = {name: "" for name, text in parse_qsl(value.partition("?")[2], keep_blank_values=True) if not text}
    return url.update_query_dict(empty)


def _with_driver(url: sa.URL) -> sa.URL:
    url = url.set(drivername=_DRIVERS[url.drivername])
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
