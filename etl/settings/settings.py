"""Environment and `.env` file → one frozen object. The only place that reads the environment.

The name of each setting, what it may be and its default are in one table, `SETTINGS`. Texts are taken literally:
`${…}` in a `.env` file is not replaced.
"""

from __future__ import annotations

import contextlib
import difflib
import io
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from dotenv.parser import parse_stream

from etl.errors import Misconfigured
from etl.settings import kinds, urls
from etl.settings.kinds import BadSetting

PREFIX = "NUMBERCHECK_"
DOTENV = Path(".env")
"""The settings file, in the directory where the job is started."""
MAX_SECRET_BYTES = 64 * 1024
MAX_DOTENV_BYTES = 1024 * 1024
NO_KEY = (
    f"{PREFIX}PSEUDONYMS is true without {PREFIX}PRIVACY_KEY, which makes the pseudonyms. Remedy: set the key,"
    f" or put it into a file and set {PREFIX}PRIVACY_KEY_FILE to its path."
)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Setting:
    """A line of the table: NUMBERCHECK_`name`. A secret may come from a file; no message repeats it."""

    name: str
    parse: Callable[[str], Any]
    default: str | None = None
    secret: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The variables that may hold it."""
        name = PREFIX + self.name
        return (name, f"{name}_FILE") if self.secret else (name,)


SETTINGS = (
    Setting("ACCESS_KEY", kinds.header, secret=True),
    Setting("ACCESS_SECRET", kinds.secret, secret=True),
    Setting("APPKEY", kinds.secret, secret=True),
    Setting("ACCOUNT", kinds.name, "default"),
    Setting("API_URL", kinds.api_url, "http://api2.nxcloud.com/api/number/query", secret=True),
    Setting("SIGN_ALGORITHM", kinds.choice("md5", "sha256"), "md5"),
    Setting("DATABASE_URL", urls.target, "sqlite:///numbercheck.db", secret=True),
    Setting("BATCH_FILE", kinds.path),
    Setting("BATCH_DATABASE_URL", urls.source, secret=True),
    Setting("BATCH_QUERY", kinds.text),
    Setting("BATCH_TEMPLATE", kinds.template),
    Setting("WINDOW_DAYS", kinds.integer(1, 60), "14"),
    Setting("TIMEZONE", kinds.zone, "Asia/Shanghai"),
    Setting("SETTLE_HOURS", kinds.decimal(0, 72), "12"),
    Setting("SPILL_DAYS", kinds.integer(0, 7), "1"),
    Setting("LAST_LOOK", kinds.boolean, "true"),
    Setting("REQUEST_INTERVAL", kinds.decimal(0, 3600), "3.0"),
    Setting("MAX_IN_FLIGHT", kinds.integer(1, 32), "4"),
    Setting("TIMEOUT", kinds.decimal(0, 3600, above=True), "30"),
    Setting("MAX_ATTEMPTS", kinds.integer(1, 20), "6"),
    Setting("MAX_REQUESTS", kinds.integer(1)),
    Setting("MAX_SECONDS", kinds.decimal(0, above=True)),
    Setting("AUTO_MIGRATE", kinds.boolean),  # the default is true on SQLite, else false
    Setting("LOG_FORMAT", kinds.choice("text", "json")),
    Setting("METRICS_FILE", kinds.path),
    Setting("REPORT_FILE", kinds.path),
    Setting("PUSHGATEWAY_URL", kinds.web_url, secret=True),
    Setting("PING_URL", kinds.web_url, secret=True),
    Setting("COPY_TO_DATABASE_URL", urls.target, secret=True),
    Setting("PRIVACY_KEY", kinds.privacy_key, secret=True),
    Setting("PSEUDONYMS", kinds.boolean, "false"),
    Setting("RETENTION_DAYS", kinds.integer(1, 36500)),
    Setting("LAKE_URL", kinds.lake_url, secret=True),
    Setting("LAKE_MASKED", kinds.boolean, "false"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the environment asks for. Hours, seconds and days are plain numbers; None: not set.

    `warnings` are sentences for the log. What may contain a secret is left out of the repr.
    """

    access_key: str | None = field(repr=False)
    access_secret: str | None = field(repr=False)
    appkey: str | None = field(repr=False)
    account: str
    api_url: str = field(repr=False)
    sign_algorithm: str
    database_url: sa.URL = field(repr=False)
    batch_file: Path | None
    batch_database_url: sa.URL | None = field(repr=False)
    batch_query: str | None = field(repr=False)
    batch_template: str | None
    window_days: int
    timezone: ZoneInfo
    settle_hours: float
    spill_days: int
    last_look: bool
    request_interval: float
    max_in_flight: int
    timeout: float
    max_attempts: int
    max_requests: int | None
    max_seconds: float | None
    auto_migrate: bool
    log_format: str | None
    metrics_file: Path | None
    report_file: Path | None
    pushgateway_url: str | None = field(repr=False)
    ping_url: str | None = field(repr=False)
    copy_to_database_url: sa.URL | None = field(repr=False)
    privacy_key: str | None = field(repr=False)
    pseudonyms: bool
    retention_days: int | None
    lake_url: str | None = field(repr=False)
    lake_masked: bool
    warnings: tuple[str, ...]

    def credentials(self) -> tuple[str, str]:
        """The accessKey and its secret. Raises a Misconfigured that names what is missing."""
        if self.access_key and self.access_secret:
            return self.access_key, self.access_secret
        given = {"ACCESS_KEY": self.access_key, "ACCESS_SECRET": self.access_secret}
        missing = " and ".join(PREFIX + name for name, value in given.items() if not value)
        raise Misconfigured(
            f"Not set: {missing}.",
            "put the vendor's credentials there, "
            "or put each into a file and set the variable of the same name plus _FILE to the path of that file.",
        )

    def with_bounds(self, max_requests: int | None, max_seconds: float | None) -> Settings:
        """These settings, with their bounds replaced by those that the command line gives."""
        return replace(
            self,
            max_requests=self.max_requests if max_requests is None else max_requests,
            max_seconds=self.max_seconds if max_seconds is None else max_seconds,
        )

    def secrets(self) -> frozenset[str]:
        """Every text that no output may contain; the log masks them."""
        databases = (self.database_url, self.batch_database_url, self.copy_to_database_url)
        found = {self.access_key, self.access_secret, self.appkey, self.privacy_key}
        found.update(secret for url in databases if url is not None for secret in urls.secrets(url))
        found.update(_web_secrets(self.pushgateway_url or ""))
        # Anyone who knows the path of a ping URL can send pings.
        found.update(
            (self.ping_url, urlsplit(self.ping_url or "").path.strip("/"), *_web_secrets(self.ping_url or ""))
        )
        return frozenset(secret for secret in found if secret)


def _web_secrets(url: str) -> tuple[str | None, ...]:
    password = urlsplit(url).password
    return (password, unquote(password)) if password else ()


def load(environ: Mapping[str, str] | None = None, dotenv: Path | None = DOTENV) -> Settings:
    """The settings in `environ` (default: this process's), which take precedence over those in the file `dotenv`.

    An empty variable counts as not set, whatever the file says. Raises a Misconfigured that names every setting
    that is wrong.
    """
    found, wrong = draft(environ, dotenv)
    if wrong:
        raise Misconfigured("\n".join(wrong.values()))
    return found


def draft(
    environ: Mapping[str, str] | None = None, dotenv: Path | None = DOTENV
) -> tuple[Settings, dict[str, str]]:
    """As `load`, with the default of each setting that is wrong, and what is wrong, by names such as ACCOUNT.

    Raises Misconfigured where the file `dotenv` cannot be read: then nobody knows what it says.
    """
    file = {} if dotenv is None else _read_dotenv(dotenv)
    given = _given(os.environ if environ is None else environ, file)
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for setting in SETTINGS:
        try:
            values[setting.name.lower()] = _value(setting, given)
        except BadSetting as error:
            wrong[setting.name] = str(error)
            values[setting.name.lower()] = _value(setting, {})
    if wrong.keys().isdisjoint(("BATCH_QUERY", "BATCH_DATABASE_URL")):
        wrong.update(("BATCH_QUERY", problem) for problem in _incomplete_source(values))
    if values["pseudonyms"] and not values["privacy_key"] and "PRIVACY_KEY" not in wrong:
        wrong["PSEUDONYMS"] = NO_KEY
    if values["auto_migrate"] is None:
        values["auto_migrate"] = values["database_url"].get_backend_name() == "sqlite"
    return Settings(**values, warnings=tuple(_unknown(given))), wrong


def usable(names: Iterable[str]) -> dict[str, Any]:
    """The settings with these names (as in Settings), whatever else is wrong; None for the wrong ones.

    For what has to be reported even where `load` raises.
    """
    try:
        dotenv = _read_dotenv(DOTENV)
    except Misconfigured:
        dotenv = {}
    given, found = _given(os.environ, dotenv), dict.fromkeys(names)
    for setting in SETTINGS:
        with contextlib.suppress(BadSetting):
            if setting.name.lower() in found:
                found[setting.name.lower()] = _value(setting, given)
    return found


def _given(environ: Mapping[str, str], dotenv: Mapping[str, str | None]) -> dict[str, str]:
    """What is given. A setting that the environment names, in whichever form, is not looked for in the file."""
    decided = set(environ)
    for setting in SETTINGS:
        if not decided.isdisjoint(setting.names):
            decided.update(setting.names)
    merged = {name: value for name, value in dotenv.items() if name not in decided} | dict(environ)
    return {name: value for name, value in merged.items() if name.startswith(PREFIX) and value and value.strip()}


def _value(setting: Setting, given: Mapping[str, str]) -> Any:
    name = PREFIX + setting.name
    value, source = given.get(name), name
    if setting.secret and f"{name}_FILE" in given:
        if value is not None:
            raise BadSetting(f"{name} and {name}_FILE are both set. Remedy: unset one of them.")
        value, source = _read_secret(f"{name}_FILE", given[f"{name}_FILE"]), f"The content of {name}_FILE"
    value = setting.default if value is None else value
    if value is None:
        return None
    try:
        return setting.parse(_storable(value))
    except BadSetting as error:
        raise BadSetting(f"{source} {error}" + ("." if setting.secret else f", not {_clip(value)}.")) from None


def _storable(value: str) -> str:
    if _UNSTORABLE.search(value):
        raise BadSetting("must be UTF-8 text without NUL characters")
    return value


def _clip(value: str, limit: int = 60) -> str:
    return repr(value) if len(value) <= limit else repr(value[:limit]) + "…"


def _incomplete_source(values: Mapping[str, Any]) -> Iterator[str]:
    if (values["batch_query"] is None) != (values["batch_database_url"] is None):
        there, missing = "BATCH_QUERY", "BATCH_DATABASE_URL"
        if values["batch_query"] is None:
            there, missing = missing, there
        yield f"{PREFIX}{there} is set without {PREFIX}{missing}. Remedy: set both or neither."


def _unknown(given: Mapping[str, str]) -> Iterator[str]:
    names = [name.removeprefix(PREFIX) for setting in SETTINGS for name in setting.names]
    for name in sorted({name.removeprefix(PREFIX) for name in given}.difference(names)):
        close = difflib.get_close_matches(name, names, n=1, cutoff=0.75)
        hint = f"did you mean {PREFIX}{close[0]}?" if close else "it is ignored."
        shown = _shown(name)
        if shown != name:
            hint = "it is ignored. A setting is written NAME=value."
        yield f"There is no setting {PREFIX}{shown}: {hint}"


def _shown(name: str) -> str:
    """A name that does not exist, as a message repeats it: where a '=' was forgotten, a secret may follow."""
    if re.fullmatch("[A-Z0-9_]{1,60}", name):
        return name
    known = [setting.name for setting in SETTINGS if name.startswith(setting.name)]
    return (max(known, key=len) if known else re.sub("[^A-Z0-9_].*", "", name, flags=re.DOTALL)[:60]) + "…"


def _read_secret(variable: str, path: str) -> str:
    try:
        value = _read_text(Path(path), MAX_SECRET_BYTES)
    except BadSetting as error:
        raise BadSetting(f"{variable}: the file {_place(path)}{error}.") from None
    value = value.removesuffix("\n").removesuffix("\r") if value.endswith("\n") else value
    if not value.strip():
        raise BadSetting(f"{variable}: the file {_place(path)}is empty.")
    return value


def _place(path: str) -> str:
    """A path as a message repeats it: what looks like none may be the secret itself, put there by mistake."""
    return "that it names " if "/" not in path or "://" in path else f"{_clip(path, 400)} "


def _read_text(path: Path, limit: int) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
        if len(content) > limit:
            raise BadSetting(f"is larger than {limit // 1024} KiB")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadSetting("is not UTF-8 text") from None
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        reason = getattr(error, "strerror", None) or "its path is not usable"
        raise BadSetting(f"cannot be read ({reason})") from None


def _read_dotenv(path: Path) -> dict[str, str | None]:
    try:
        content = _read_text(path, MAX_DOTENV_BYTES) if os.path.lexists(path) else ""
    except BadSetting as error:
        raise Misconfigured(f"The settings file {path} {error}.") from None
    bindings = list(parse_stream(io.StringIO(content)))
    for binding in bindings:
        if binding.error:
            raise Misconfigured(
                f"The settings file {path}: line {binding.original.line} is not of the form NAME=value. "
                "Put a value that contains quotes into quotes of the other kind."
            )
    return {binding.key: binding.value for binding in bindings if binding.key is not None}
