"""The options in the URL of a database: those that its driver knows, and what they may be.

A driver's own complaint comes only from the commands that connect, and often as a defect.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import sqlalchemy as sa

from etl.settings import kinds
from etl.settings.kinds import BadSetting

SECRET_OPTIONS = ("password", "passwd", "sslpassword", "ssl_key_password", "oauth_client_secret")

Accepts = Callable[[str], object]


def _whole(low: int, high: int = 10**9) -> Accepts:
    """A whole number in plain digits: drivers take no other spelling."""

    def check(value: str) -> None:
        if not re.fullmatch(r"[0-9]{1,10}", value) or not low <= int(value) <= high:
            raise BadSetting(f"must be a whole number from {low} to {high}")

    return check


def _one_of(*allowed: str) -> Accepts:
    """One of these words, as drivers write them."""

    def check(value: str) -> None:
        if value not in allowed:
            raise BadSetting(f"must be {', '.join(allowed[:-1])} or {allowed[-1]}")

    return check


def _there(*words: str) -> Accepts:
    """The path of a file or a directory that exists, or one of these words."""

    def check(value: str) -> None:
        if value not in words and not Path(value).exists():
            raise BadSetting("must be the path of a file that exists")

    return check


def _ports(value: str) -> None:
    for port in value.split(","):
        _whole(1, 65535)(port)


_FLAG = _one_of("0", "1")
_TLS_VERSION = _one_of("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
# What libpq itself would find out late, or not at all. It knows all names (see _libpq).
_POSTGRESQL_OPTIONS: dict[str, Accepts] = {
    "port": _ports,
    "connect_timeout": _whole(0),
    "keepalives": _FLAG,
    "keepalives_idle": _whole(0),
    "keepalives_interval": _whole(0),
    "keepalives_count": _whole(0),
    "tcp_user_timeout": _whole(0),
    "sslmode": _one_of("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": _one_of("postgres", "direct"),
    "sslcertmode": _one_of("disable", "allow", "require"),
    "sslcompression": _FLAG,
    "sslsni": _FLAG,
    "ssl_min_protocol_version": _TLS_VERSION,
    "ssl_max_protocol_version": _TLS_VERSION,
    "sslrootcert": _there("system"),
    "sslcert": _there(),
    "sslkey": _there(),
    "sslcrl": _there(),
    "sslcrldir": _there(),
    "passfile": _there(),
    "channel_binding": _one_of("disable", "prefer", "require"),
    "gssencmode": _one_of("disable", "prefer", "require"),
    "gssdelegation": _FLAG,
    "load_balance_hosts": _one_of("disable", "random"),
    "target_session_attrs": _one_of("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
}
_LIST = ("host", "hostaddr", "port")
# Of what the driver takes, the part that works from a URL. `ssl_verify_cert` forgets `ssl_ca`, so it is not here.
_MYSQL_OPTIONS: dict[str, Accepts] = {
    "connect_timeout": _whole(1, 31_536_000),
    "read_timeout": _whole(1),
    "write_timeout": _whole(1),
    "charset": kinds.text,
    "unix_socket": kinds.text,
    "bind_address": kinds.text,
    "program_name": kinds.text,
    "init_command": kinds.text,
    "read_default_file": _there(),
    "read_default_group": kinds.text,
    "ssl_ca": _there(),
    "ssl_capath": _there(),
    "ssl_cert": _there(),
    "ssl_key": _there(),
    "ssl_cipher": kinds.text,
    "ssl_check_hostname": kinds.boolean,
}
_SQLITE_OPTIONS: dict[str, Accepts] = {
    "timeout": kinds.decimal(0),
    "check_same_thread": kinds.boolean,
    "cached_statements": _whole(0),
    "uri": kinds.boolean,
}
_SQLITE_FILE_OPTIONS: dict[str, Accepts] = {
    "mode": _one_of("ro", "rw", "rwc"),
    "cache": _one_of("shared", "private"),
    "immutable": _FLAG,
    "nolock": _FLAG,
    "psow": _FLAG,
    "vfs": kinds.text,
}
# What people write because other programs call it that, in lower case, and what it is called here.
_SCHEMA = dict.fromkeys(("schema", "currentschema", "search_path"), "options=-csearch_path=NAME")
_NO_POOLER = dict.fromkeys(("pgbouncer", "prepare_threshold", "preparethreshold"), "")
_PG_TLS = dict.fromkeys(("ssl", "usessl", "ssl_mode", "requiressl", "tls", "encrypt"), "sslmode=require")
_MY_TLS = dict.fromkeys(
    ("ssl", "usessl", "requiressl", "sslmode", "ssl_mode", "tls", "ssl_verify_cert", "ssl_verify_identity"),
    "ssl_ca=FILE",
)
_CALLED_HERE = {"postgresql": _SCHEMA | _NO_POOLER | _PG_TLS, "mysql": _MY_TLS, "mariadb": _MY_TLS}


def require_usable(url: sa.URL) -> None:
    """Raise BadSetting, which names the option, if the driver cannot use one of this URL's options.

    `url`: with one of our drivers. Options without a value have an empty one. No value is repeated.
    """
    known = _known(url)
    for name, value in url.query.items():
        if known is not None and name not in known:
            raise BadSetting(f"has {_called(url, name)} that does not exist: {_instead(url, name, known)}")
        kind = _POSTGRESQL_OPTIONS.get(name, kinds.text) if known is None else known[name]
        _require(name, value, kind)


def _require(name: str, value: str | tuple[str, ...], kind: Accepts) -> None:
    values = (value,) if isinstance(value, str) else value
    if len(values) > 1 and name not in _LIST:
        raise BadSetting(f"has the option {name} more than once")
    for each in values:
        if not each:
            raise BadSetting(f"has the option {name} without a value")
        try:
            kind(each)
        except BadSetting as error:
            raise BadSetting(f"has the option {name}, which {error}") from None


def _known(url: sa.URL) -> Mapping[str, Accepts] | None:
    """The options of this database; None: not known, because the driver is not installed."""
    if url.get_backend_name() == "postgresql":
        names = _libpq()
        return None if names is None else {name: _POSTGRESQL_OPTIONS.get(name, kinds.text) for name in names}
    if url.get_backend_name() != "sqlite":
        return _MYSQL_OPTIONS
    return _SQLITE_OPTIONS | (_SQLITE_FILE_OPTIONS if "uri" in url.query else {})


@functools.cache
def _libpq() -> frozenset[str] | None:
    try:
        from psycopg import pq  # noqa: PLC0415  (an extra)
    except ImportError:
        return None
    names = frozenset(option.keyword.decode() for option in pq.Conninfo.get_defaults())
    return names - {"replication"}  # a connection on which no query can be sent


def _called(url: sa.URL, name: str) -> str:
    """The option; without its name where that may be the rest of a password with an '&' in it."""
    plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]{0,40}", name)
    return f"an option {name!r}" if plain and not set(SECRET_OPTIONS) & set(url.query) else "an option"


def _instead(url: sa.URL, name: str, known: Mapping[str, Accepts]) -> str:
    backend = url.get_backend_name()
    here = _CALLED_HERE.get(backend, {}).get(name.lower())
    if here is None and backend == "sqlite" and name in _SQLITE_FILE_OPTIONS:
        return "without sqlite:///file:PATH and uri=true"
    if here is None and (close := difflib.get_close_matches(name, known, n=1, cutoff=0.75)):
        return f"did you mean {close[0]}?"
    return f"write {here}" if here else "leave it out, or write & in a value as %26"
