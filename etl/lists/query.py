"""Batches from a query on another database, which is only read."""

from __future__ import annotations

import datetime as dt
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from urllib.parse import quote
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from etl.core.line import Line
from etl.core.wholenumber import EXACT, whole_number
from etl.database import inherited, opening
from etl.database.driver import require_driver
from etl.database.explain import Database, explain
from etl.errors import Misconfigured, TryLater
from etl.lists.listing import BadLine, Collector, Listing, failed, line_of, positions
from etl.scrub import scrub
from etl.settings.urls import secrets

_SETTING = "NUMBERCHECK_BATCH_QUERY"
SOURCE = Database("NUMBERCHECK_BATCH_DATABASE_URL")
_DATABASE = f"The database of {SOURCE.setting}"
CONNECT_SECONDS = 10
QUERY_SECONDS = 600.0
"""How long that database may be silent: searching years of submissions takes a while."""
STREAMED_ROWS = 1000

# The environment may name another encoding, as an SQL_ASCII database does by itself.
_CAREFUL = {
    "psycopg": {"connect_timeout": str(CONNECT_SECONDS), "client_encoding": "utf8"},
    "pymysql": {"connect_timeout": str(CONNECT_SECONDS)},
}
_READ_ONLY = {
    "sqlite": "PRAGMA query_only = ON",
    "postgresql": "SET TRANSACTION READ ONLY",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
    "mariadb": "SET SESSION TRANSACTION READ ONLY",
}
# What a database that does answer says to a user who is not let in: waiting would not help. For drivers of which
# `explain` knows nothing.
_NOT_LET_IN = re.compile(
    r"authentication failed|does not exist|no pg_hba\.conf entry|no password supplied|permission denied"
    r"|access denied|unknown database|unable to open database file|invalid connection option"
    r"|unexpected keyword argument",
    re.IGNORECASE,
)
_BUSY = re.compile(r"database is locked|lock wait timeout|deadlock|wsrep|primary component", re.IGNORECASE)
_MOMENT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9:.]+)(?: ?(Z|UTC|GMT|[+-][0-9:]+))?", re.IGNORECASE)


def read_query(url: sa.URL, query: str, first: dt.date, last: dt.date, zone: ZoneInfo) -> Listing:
    """The batches that `query` returns; its `:first_date` and `:last_date` stand for these. Never raises.

    A moment that says how far it is from UTC counts as its date in `zone`, any other moment as the date it names.
    """
    unknown = sorted(set(_names(query)) - {"first_date", "last_date"})
    if unknown:
        remedy = r"use only :first_date and :last_date; write any other colon as \:."
        return _wrong(f"{_SETTING} uses :{unknown[0]}.", remedy)
    try:
        engine = _engine(url)
    except Misconfigured as error:
        return _wrong(f"{_DATABASE} cannot be used: {error.problem}", error.remedy)
    except (SQLAlchemyError, TypeError, ValueError) as error:
        return _wrong(f"{_DATABASE} cannot be used: {_reason(error, url)}")
    try:
        with _connected(engine) as connection:
            dates = {"first_date": first, "last_date": last}
            return _read(connection, query, {name: dates[name] for name in _names(query)}, zone)
    except NotConnected as error:
        return _not_connected(error.__cause__, _reason(error.__cause__, url))
    except (SQLAlchemyError, ValueError, OverflowError) as error:
        return _query_failed(error, url)
    finally:
        engine.dispose()


@contextmanager
def opened(url: sa.URL) -> Iterator[sa.Connection]:
    """A connection to a source, which can only be read. Raises NotConnected."""
    try:
        engine = _engine(url)
    except (SQLAlchemyError, Misconfigured, TypeError, ValueError) as error:
        raise NotConnected from error
    try:
        with _connected(engine) as connection:
            yield connection
    finally:
        engine.dispose()


def _engine(url: sa.URL) -> sa.Engine:
    require_driver(url)
    engine = sa.create_engine(_careful(url), poolclass=sa.NullPool, hide_parameters=True)
    opening.listen(engine, SOURCE, QUERY_SECONDS)
    inherited.prepare_source(engine)
    return engine


def _names(query: str) -> list[str]:
    return list(sa.text(query).compile().params)


def _careful(url: sa.URL) -> sa.URL:
    """This URL with a limit on how long connecting takes; SQLite must not create a file that does not exist."""
    if url.get_driver_name() in _CAREFUL:
        return url.set(query=_CAREFUL[url.get_driver_name()] | dict(url.query))
    if (
        url.get_backend_name() == "sqlite"
        and url.database
        and "uri" not in url.query
        and url.database != ":memory:"
    ):
        file = f"file:{quote(os.path.realpath(url.database))}"
        return url.set(database=file).update_query_dict({"mode": "rw", "uri": "true"})
    return url


class NotConnected(Exception):
    """Connecting to the database failed; the reason is this exception's cause."""


@contextmanager
def _connected(engine: sa.Engine) -> Iterator[sa.Connection]:
    try:
        connection = engine.connect()
    except (SQLAlchemyError, Misconfigured) as error:
        raise NotConnected from error
    with connection:
        if engine.dialect.name in _READ_ONLY:
            connection.exec_driver_sql(_READ_ONLY[engine.dialect.name])
        yield connection


def _read(connection: sa.Connection, query: str, dates: Mapping[str, dt.date], zone: ZoneInfo) -> Listing:
    iso = connection.dialect.name == "sqlite"
    values = {name: date.isoformat() if iso else date for name, date in dates.items()}
    options = {"stream_results": True, "yield_per": STREAMED_ROWS}
    with connection.execute(sa.text(query), values, execution_options=options) as result:
        try:
            places = positions(result.keys())
        except BadLine as error:
            remedy = "its columns must be batch_no and, where they are known, date, rows and appkey."
            return _wrong(f"{_SETTING} cannot be used ({error}).", remedy)
        collector = Collector("query", _SETTING, "row", result.keys())
        for number, row in enumerate(result, 1):
            collector.add(number, lambda row=row: _line(row, places, zone))  # type: ignore[misc]
    return collector.listing()


def _line(row: Sequence[object], places: Mapping[str, int], zone: ZoneInfo) -> Line:
    texts = {name: _text(row[place], zone) for name, place in places.items()}
    moment = _MOMENT.fullmatch(texts.get("date", "").strip())
    if moment:
        date, time, offset = moment.groups()
        offset = offset if offset is None or offset[0] in "+-" else "+00:00"
        texts["date"] = _date_there(f"{date}T{time}{offset}", zone) if offset else date
    return line_of(**texts)


def _date_there(moment: str, zone: ZoneInfo) -> str:
    """The date in `zone` at a moment that says how far from UTC it is."""
    try:
        return dt.datetime.fromisoformat(moment).astimezone(zone).date().isoformat()
    except (ValueError, OverflowError):
        raise BadLine("the date is not a real date as yyyy-MM-dd") from None


def _text(value: object, zone: ZoneInfo) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, bytes):
        return value.decode(errors="surrogateescape")
    if isinstance(value, dt.datetime):
        return _date_there(value.isoformat(), zone) if value.tzinfo else value.date().isoformat()
    if isinstance(value, float) and EXACT < abs(value) < math.inf:
        raise BadLine("a column is a floating-point number, too large to be exact")
    if isinstance(value, (Decimal, float)) and (number := whole_number(value)) is not None:
        value = number
    if isinstance(value, (int, Decimal, float, dt.date, UUID)) and not isinstance(value, bool):
        return str(value)
    raise BadLine(f"a column is of type {type(value).__name__}")


def _not_connected(error: BaseException | None, reason: str) -> Listing:
    if isinstance(error, Misconfigured):
        return _wrong(error.problem, error.remedy)
    known = explain(error, SOURCE) if error else None
    if isinstance(known, Misconfigured) or _NOT_LET_IN.search(reason):
        remedy = "correct NUMBERCHECK_BATCH_DATABASE_URL, or give its user access."
        return _wrong(f"{_DATABASE} cannot be opened: {reason}.", remedy)
    return failed("query", TryLater(f"{_DATABASE} does not answer: {reason}. The next run tries again."))


def _query_failed(error: Exception, url: sa.URL) -> Listing:
    reason = _reason(error, url)
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    # PostgreSQL's driver raises OperationalError only for what is not the query's fault; other drivers do not.
    lost = lost or (isinstance(error, OperationalError) and url.get_backend_name() == "postgresql")
    if lost or _BUSY.search(reason):
        return failed("query", TryLater(f"{_DATABASE} broke off the query: {reason}. The next run tries again."))
    return _wrong(f"{_SETTING} fails: {reason}.", "correct the query.")


def _wrong(problem: str, remedy: str = "") -> Listing:
    return failed("query", Misconfigured(problem, remedy))


def _reason(error: BaseException | None, url: sa.URL) -> str:
    """The first line of what the driver says, without the URL's secrets and whole phone numbers."""
    said = str(getattr(error, "orig", None) or error).strip()
    for secret in secrets(url):
        said = said.replace(secret, "***")
    first_line = (said.splitlines() or ["no reason given"])[0]
    return scrub(first_line[:300]).rstrip(".")
