"""Logs on standard error: text for a person at a terminal, else one JSON object a line.

No secret and no whole phone number is written, whatever was logged: messages and tracebacks are masked when a
record is written. Of a call's `extra`, only run_id, account, batch, date and page are shown, unmasked.
"""

from __future__ import annotations

import copy
import datetime as dt
import json
import logging
import re
import sys
from collections.abc import Iterable
from typing import TextIO
from urllib.parse import quote, quote_plus

from pythonjsonlogger.json import JsonFormatter

from etl import stopping
from etl.escape import escaped, on_one_line
from etl.scrub import scrub

MASK = "***"
RECORD_FIELDS = ("run_id", "account", "batch", "date", "page")
# Counts of rows have up to six digits, phone numbers have more.
PHONE_DIGITS = 7
# A shorter secret is part of every other word; masking it would reveal more than it hides.
SHORTEST_SECRET = 4

_bound: dict[str, object] = {}


def configure(log_format: str | None, secrets: Iterable[str]) -> None:
    """Send the root logger's records (from INFO) to standard error as "text" or "json".

    None means "text" if standard error is a terminal, else "json". `secrets` are masked wherever they appear.
    Another call replaces what the last one set up, and forgets what was bound.
    """
    _bound.clear()
    handler = SafeHandler(secrets)
    text = sys.stderr.isatty() if log_format is None else log_format == "text"
    handler.setFormatter(TextFormatter() if text else _json_formatter())
    root = logging.getLogger()
    for old in [known for known in root.handlers if isinstance(known, SafeHandler)]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    # Alembic logs at INFO which dialect it found, each time that it reads the schema.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.captureWarnings(True)


def bind(**fields: object) -> None:
    """Put these fields (of RECORD_FIELDS) into every later record, in all threads; None removes one."""
    _bound.update(fields)
    for name in [name for name, value in _bound.items() if value is None]:
        del _bound[name]


def stamp(record: logging.LogRecord) -> None:
    """Give the record the bound fields that it does not have itself."""
    for name in RECORD_FIELDS:
        setattr(record, name, getattr(record, name, _bound.get(name)))


class SafeHandler(logging.StreamHandler[TextIO]):
    """Writes to whatever `sys.stderr` is at that moment, so that a progress display can take its place."""

    def __init__(self, secrets: Iterable[str]) -> None:
        logging.Handler.__init__(self)
        self._secrets = _pattern(secrets)
        self.addFilter(_is_news)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr

    def format(self, record: logging.LogRecord) -> str:
        """The record as text, masked; the record itself is unchanged, because other handlers get it too."""
        record = copy.copy(record)
        if record.exc_info:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        message = record.getMessage()
        record.msg, record.args, record.exc_info = self._mask(message, getattr(record, "batch", None)), None, None
        record.exc_text = record.exc_text and self._mask(record.exc_text)
        record.stack_info = record.stack_info and self._mask(record.stack_info)
        stamp(record)
        return super().format(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  (logging's name)
        """Say that a record is lost. The base class would print its arguments, which may be secret."""
        try:
            sys.stderr.write(f"A log record of {record.name}, line {record.lineno}, could not be written.\n")
        except (OSError, ValueError):  # standard error is no longer read
            return

    def _mask(self, text: str, batch: object = None) -> str:
        """The text without secrets and phone numbers; the number of the batch that it is about is kept."""
        kept = batch if isinstance(batch, str) else ""
        return scrub(self._secrets.sub(MASK, text), PHONE_DIGITS, kept)


def _is_news(record: logging.LogRecord) -> bool:
    """Not that a cursor could not be closed of a connection that was given up because of a signal."""
    of_pool = record.name.startswith("sqlalchemy.pool")
    return not (of_pool and record.exc_info and stopping.has_led_to(record.exc_info[1]))


class TextFormatter(logging.Formatter):
    """`2026-11-23T06:06:00Z INFO message batch=B date=2026-11-22 page=3`."""

    def format(self, record: logging.LogRecord) -> str:
        record.message = record.getMessage().rstrip()
        given = {name: getattr(record, name, None) for name in RECORD_FIELDS}
        fields = "".join(f" {name}={value}" for name, value in given.items() if value is not None)
        line = on_one_line(f"{_time(record)[:19]}Z {record.levelname} {record.message}{fields}")
        return "\n".join(escaped(part) for part in (line, record.exc_text, record.stack_info) if part)


class _JsonFormatter(JsonFormatter):
    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        return _time(record)

    def process_log_record(self, log_data: dict[str, object]) -> dict[str, object]:
        known = ("time", "level", "logger", "message", *RECORD_FIELDS, "exception", "stack")
        return {name: log_data[name] for name in known if log_data.get(name) is not None}


def _json_formatter() -> logging.Formatter:
    names = {"asctime": "time", "levelname": "level", "name": "logger"}
    names |= {"exc_info": "exception", "stack_info": "stack"}
    return _JsonFormatter(["asctime", "levelname", "name", "message", *RECORD_FIELDS], rename_fields=names)


def _time(record: logging.LogRecord) -> str:
    moment = dt.datetime.fromtimestamp(record.created, dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _pattern(secrets: Iterable[str]) -> re.Pattern[str]:
    """Matches the secrets in every form in which a message may contain them; longer forms come first."""
    forms = {
        form
        for secret in secrets
        if len(secret) >= SHORTEST_SECRET
        for form in (
            secret,
            quote(secret, safe=""),
            quote_plus(secret),
            repr(secret)[1:-1],
            json.dumps(secret)[1:-1],
        )
    }
    longest_first = sorted(forms, key=lambda form: (-len(form), form))
    return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
