"""What several commands share: settings with their log, the database, moments and dates as options."""

from __future__ import annotations

import datetime as dt
import logging
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import click
import sqlalchemy as sa

from etl import log, settings
from etl.database.engine import connect
from etl.database.sqlitefile import exposed, is_there
from etl.errors import Misconfigured
from etl.schema import installed
from etl.settings import Settings
from etl.web.address import is_loopback


def load_settings() -> Settings:
    """The settings of this process, with the log set up so that it holds no secret."""
    log.configure(None, ())
    found = settings.load()
    _begin_log(found)
    return found


def draft_settings() -> tuple[Settings, dict[str, str]]:
    """As `load_settings`, but see `settings.draft` for settings that are wrong."""
    log.configure(None, ())
    found, wrong = settings.draft()
    _begin_log(found)
    return found, wrong


def _begin_log(found: Settings) -> None:
    log.configure(found.log_format, found.secrets())
    for warning in found.warnings:
        logging.getLogger(__name__).warning("%s", warning)


@contextmanager
def any_database(found: Settings, *, patient: bool = False) -> Iterator[sa.Engine]:
    """Open the database, whatever its schema. `patient`: see database/engine.py."""
    _warn_of_readers(found.database_url)
    engine = connect(found.database_url, patient=patient)
    try:
        yield engine
    finally:
        engine.dispose()


@cache
def _warn_of_readers(url: sa.URL) -> None:
    """Warn once of files of SQLite that others can read, as earlier versions made them under a usual umask."""
    files = exposed(url)
    if files:
        names = " ".join(shlex.quote(str(file)) for file in files)
        logging.getLogger(__name__).warning(
            "Other users of this machine may read the database, which holds phone numbers. Remedy: chmod 600 %s",
            names,
        )


@contextmanager
def open_database(found: Settings, *, patient: bool = False) -> Iterator[sa.Engine]:
    """Open the database, whose schema must be the one this version needs. `patient`: see database/engine.py."""
    with any_database(found, patient=patient) as engine:
        installed.require_current(engine)
        yield engine


def prepare_schema(found: Settings) -> None:
    """Bring the schema up to date if the settings say so."""
    if not found.auto_migrate:
        return
    with any_database(found) as engine:
        behind = installed.current(engine) != installed.head()
    if behind:
        from etl.schema import migrate  # noqa: PLC0415  (only where the schema changes)

        with any_database(found, patient=True) as engine:
            migrate.upgrade(engine)


def has_schema(found: Settings) -> bool:
    """Whether the database has ever had a schema. Creates nothing, not even the file of SQLite."""
    if not is_there(found.database_url):
        return False
    with any_database(found) as engine:
        return installed.current(engine) is not None


_YEARS = range(1970, 9000)
"""With the windows and deadlines around them, these are moments and dates that Python, servers and SQLite know."""


class Moment(click.ParamType[dt.datetime]):
    """A moment in ISO 8601; UTC if it names no zone."""

    name = "iso-8601"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> dt.datetime:
        """The moment, with its time zone."""
        try:
            moment = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a moment such as 2026-03-01T12:00:00+08:00", param, ctx)
        if moment.year not in _YEARS:
            self.fail(f"{value!r} is not in the years {_YEARS[0]} to {_YEARS[-1]}", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


class Date(click.ParamType[dt.date]):
    """yyyy-MM-dd."""

    name = "date"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> dt.date:
        """The date."""
        if isinstance(value, dt.date):
            return value
        try:
            return dt.datetime.strptime(str(value), "%Y-%m-%d").replace(tzinfo=dt.UTC).date()
        except ValueError:
            self.fail(f"{value!r} is not a date such as 2026-03-01", param, ctx)


def require_loopback(found: Settings) -> None:
    """Refuse `--now` against the real vendor. Raises Misconfigured."""
    if not is_loopback(found.api_url):
        raise Misconfigured(
            "--now is for drills against an emulator: it is refused unless NUMBERCHECK_API_URL names a loopback "
            "address.",
            "leave out --now, or start `numbercheck emulator`.",
        )
