"""What the text of a setting may be: each function turns it into a value, or says what is expected.

A `BadSetting` never contains the text itself, which may be a secret.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import string
from collections.abc import Callable
from pathlib import Path
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo

from etl.core.line import CONTROL, MAX_BATCH_NO
from etl.core.wholenumber import whole_number

LEAST_KEY_BYTES = 32
"""Of the key that pseudonyms are made with: as many as its codes have."""
LAKE_SCHEMES = ("s3", "az", "gs")
"""Object storages that a lake may be in; a path without any of them is a directory."""
_DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE | re.ASCII)
# An authority that starts with a slash is empty: then what follows is a path, such as that of an SQLite file.
_CUT = re.compile(r"\s*[^:/?#@]*://(?!/)(?:[^@/?#\\]*[/?#\\][^@]*@|[^@]*@[^@]*@)")
_OTHER_SIGN = re.compile(r"\\|%[0-9a-f]{2}", re.IGNORECASE)
_HALF_A_URL = re.compile(r"(file|s3a?|az|abfss?|gs):(?!//)", re.IGNORECASE)
_TRUTH = {
    "true": True,
    "1": True,
    "yes": True,
    "on": True,
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}


class BadSetting(Exception):
    """What a setting must be, as the rest of a sentence that begins with its name."""


def text(value: str) -> str:
    """Any text."""
    return value


def name(value: str) -> str:
    """A name of at most 64 characters."""
    if not value.strip() or len(value) > 64 or CONTROL.search(value):
        raise BadSetting("must be 1 to 64 characters without control characters")
    return value


def path(value: str) -> Path:
    """The path of a file; whether the file exists is not checked before it is used."""
    return Path(value)


def secret(value: str) -> str:
    """A secret, exactly as it is."""
    if CONTROL.search(value) or value != value.strip():
        raise BadSetting("must be one line without white space around it")
    return value


def privacy_key(value: str) -> str:
    """A secret of at least 32 bytes."""
    if len(secret(value).encode()) < LEAST_KEY_BYTES:
        raise BadSetting(f"must have at least {LEAST_KEY_BYTES} bytes: `openssl rand -base64 48` makes a good one")
    return value


def header(value: str) -> str:
    """A secret that travels in an HTTP header."""
    if not re.fullmatch(r"[!-~]([ -~]*[!-~])?", value):
        raise BadSetting("must be plain ASCII letters, digits and symbols, without white space around it")
    return value


def integer(low: int, high: int | None = None) -> Callable[[str], int]:
    """A whole number from `low` to `high`, both of which are allowed."""

    def parse(value: str) -> int:
        number = whole_number(value)
        if number is None or number < low or (high is not None and number > high):
            raise BadSetting(f"must be a whole number {_range(low, high)}")
        return number

    return parse


def decimal(low: float, high: float | None = None, *, above: bool = False) -> Callable[[str], float]:
    """A finite number within these bounds; with `above`, `low` itself is not allowed."""

    def parse(value: str) -> float:
        number = float(value) if _DECIMAL.fullmatch(value.strip()) else math.nan
        too_low = number <= low if above else number < low
        if not math.isfinite(number) or too_low or (high is not None and number > high):
            raise BadSetting(f"must be a number {_range(low, high, above)}")
        return number

    return parse


def _range(low: float, high: float | None, above: bool = False) -> str:
    if high is None:
        return f"above {low:g}" if above else f"of at least {low:g}"
    return f"above {low:g} and at most {high:g}" if above else f"from {low:g} to {high:g}"


def boolean(value: str) -> bool:
    """Yes or no."""
    try:
        return _TRUTH[value.strip().lower()]
    except KeyError:
        raise BadSetting("must be true or false (or 1, 0, yes, no, on, off)") from None


def choice(*allowed: str) -> Callable[[str], str]:
    """One of these words, in any case."""

    def parse(value: str) -> str:
        if value.strip().lower() not in allowed:
            raise BadSetting(f"must be {' or '.join(allowed)}")
        return value.strip().lower()

    return parse


def zone(value: str) -> ZoneInfo:
    """A time zone of the IANA database."""
    try:
        return ZoneInfo(value.strip())
    except (KeyError, ValueError, OSError):
        raise BadSetting("must be the name of a time zone, such as Asia/Shanghai or UTC") from None


def template(value: str) -> str:
    """A batch number in which `{date:…}` stands for the day."""
    example = "must be text that contains the day, such as {date:%Y%m%d}, and give at most 64 characters"
    try:
        fields = [part[1:] for part in string.Formatter().parse(value) if part[1] is not None]
        if not fields or any(field != "date" or "{" in (spec or "") or conv for field, spec, conv in fields):
            raise BadSetting(f"{example}; {{date}} is the only field")
        # The day whose names are among the longest: a Wednesday in September.
        batch_no = value.format(date=dt.date(2026, 9, 30)).strip()
        if batch_no == value.format(date=dt.date(2027, 10, 31)).strip():
            raise BadSetting(f"{example}; this one gives the same number for every day")
    except ValueError:
        raise BadSetting(example) from None
    if not 1 <= len(batch_no) <= MAX_BATCH_NO or CONTROL.search(batch_no):
        raise BadSetting(example)
    return value


def web_url(value: str) -> str:
    """An http or https URL; it may contain a password or a token."""
    _split_web_url(value)
    return value


def api_url(value: str) -> str:
    """An http or https URL without user, password or fragment."""
    parts = _split_web_url(value)
    if "@" in parts.netloc:
        raise BadSetting("must not contain a user or password: the vendor's credentials have their own settings")
    if parts.fragment:
        raise BadSetting("must not contain a '#'")
    return value


def lake_url(value: str) -> str:
    """A directory, or the place of one in an object storage, without a slash at the end."""
    value = value.strip()
    scheme, found, place = value.partition("://")
    if CONTROL.search(value) or (found and scheme not in LAKE_SCHEMES) or _HALF_A_URL.match(value):
        raise BadSetting("must be a path, or begin with s3://, az:// or gs://")
    if found and re.search(r"[@?#\\]", place):
        raise BadSetting("must not contain a user, a password or options: storages have variables for those")
    if found and not re.fullmatch(r"[A-Za-z0-9._-]+(/.*)?", place):
        raise BadSetting("must name a bucket or a container, such as s3://bucket/numbercheck")
    if _OTHER_SIGN.search(value):
        raise BadSetting(
            "must be written without \\ and % before two digits of 0 to F: engines take them for other signs"
        )
    return value.rstrip("/") or "/"


def require_whole_password(url: str) -> None:
    """Raise BadSetting unless everybody who reads this URL finds the same end of its password, if it has one.

    What comes behind a password that was cut in two counts as the host, and is printed where no host is found.
    """
    if _CUT.match(url):
        raise BadSetting(
            "must be a URL with at most one '@', and none of / ? # \\ before it: "
            "write @ as %40, / as %2F, ? as %3F, # as %23 and \\ as %5C"
        )


def _split_web_url(value: str) -> SplitResult:
    require_whole_password(value)
    expected = "must be a URL such as https://example.org/path (http or https, with a host)"
    try:
        parts = urlsplit(value)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        raise BadSetting(expected) from None
    if not good or re.search(r"\s", value) or CONTROL.search(value):
        raise BadSetting(expected)
    return parts
