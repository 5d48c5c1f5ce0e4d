"""The options in the URL of a database: those that its driver knows, and what they may be.

A driver's own complaint comes only from the commands that connect, and often as a defect.
"""

from __future__ import annotations

import configparser
import difflib
import functools
import ipaddress
import os
import re
import ssl
from collections.abc import Callable, Mapping

import sqlalchemy as sa

from etl.settings import kinds
from etl.settings.kinds import BadSetting

SECRET_OPTIONS = (
    *("password", "passwd", "sslpassword", "ssl_key_password"),
    *("oauth_client_secret", "scram_client_key", "scram_server_key"),
)

LONGEST_SOCKET = 107
"""Bytes of the path of a socket that Linux takes."""

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


def _there(value: str) -> None:
    """The path of something that exists."""
    if not os.path.exists(value):  # noqa: PTH110  (Path's own raises where a name is too long)
        raise BadSetting("must be the path of a file that exists")


def _directory(value: str) -> None:
    if not os.path.isdir(value):  # noqa: PTH112
        raise BadSetting("must be the path of a directory that exists")


def _file(value: str) -> None:
    """The path of a file that this user may read."""
    if not os.path.isfile(value) or not os.access(value, os.R_OK):  # noqa: PTH113
        raise BadSetting("must be the path of a file that exists and that this user may read")


def _certificates(*words: str) -> Accepts:
    """The path of a file with certificates, or one of these words."""

    def check(value: str) -> None:
        if value in words:
            return
        _file(value)
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=value)
        except OSError:  # an error of TLS is one too
            raise BadSetting("must be the path of a file with certificates (PEM)") from None

    return check


def _option_file(value: str) -> None:
    """An option file of MySQL that the driver can read: it would quote a wrong line, which may hold a password."""
    path = os.path.expanduser(value)  # noqa: PTH111  (as the driver does)
    _file(path)
    try:
        configparser.RawConfigParser(allow_no_value=True).read(path)
    except (configparser.Error, UnicodeError):
        raise BadSetting("must be the path of an option file: lines such as [client] and user=name") from None


def require_hosts(value: str) -> None:
    """Raise BadSetting unless this is a host, or several with commas between them, that can be looked for."""
    for host in value.split(","):
        try:
            host.encode("idna")  # as it is sent to who knows its address
        except UnicodeError:
            usable = False
        else:
            usable = _HOST.fullmatch(host) is not None
        if not usable:
            raise BadSetting(
                "must name a host such as db.example.org or [::1]; the way to a socket is an option: "
                "?host=/run/postgresql, or ?unix_socket=/run/mysqld/mysqld.sock"
            )


def _host_or_socket(value: str) -> None:
    if not value.startswith(("/", "@")):
        host, _, port = value.rpartition(":")
        require_hosts(host if host and re.fullmatch(r"[0-9]+", port) else value)


def _socket(value: str) -> None:
    if len(os.fsencode(value)) > LONGEST_SOCKET:
        raise BadSetting(f"must be the path of a socket, of at most {LONGEST_SOCKET} bytes")


def _addresses(value: str) -> None:
    for each in value.split(","):
        try:
            ipaddress.ip_address(each)
        except ValueError:
            raise BadSetting("must be an IP address") from None


def _ports(value: str) -> None:
    for port in value.split(","):
        _whole(1, 65535)(port)


# Letters of any script, or an IPv6 address with the zone that it may have.
_HOST = re.compile(r"[\w.-]+|[0-9a-fA-F:.]+(%[\w.-]+)?")
_FLAG = _one_of("0", "1")
_TLS_VERSION = _one_of("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
# What libpq itself would find out late, or not at all. It knows all names (see _libpq).
_POSTGRESQL_OPTIONS: dict[str, Accepts] = {
    "host": _host_or_socket,
    "hostaddr": _addresses,
    "port": _ports,
    "connect_timeout": _whole(0),
    "keepalives": _FLAG,
    "keepalives_idle": _whole(1, 32767),
    "keepalives_interval": _whole(1, 32767),
    "keepalives_count": _whole(1, 127),
    "tcp_user_timeout": _whole(0),
    "sslmode": _one_of("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": _one_of("postgres", "direct"),
    "sslcertmode": _one_of("disable", "allow", "require"),
    "sslcompression": _FLAG,
    "sslsni": _FLAG,
    "ssl_min_protocol_version": _TLS_VERSION,
    "ssl_max_protocol_version": _TLS_VERSION,
    "sslrootcert": _certificates("system"),
    "sslcert": _certificates(),
    "sslkey": _there,
    "sslcrl": _file,
    "sslcrldir": _directory,
    "passfile": _there,
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
    "unix_socket": _socket,
    "bind_address": _addresses,
    "program_name": kinds.text,
    "init_command": kinds.text,
    "read_default_file": _option_file,
    "read_default_group": kinds.text,
    "ssl_ca": _certificates(),
    "ssl_capath": _directory,
    "ssl_cert": _certificates(),
    "ssl_key": _file,
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


def _libpq() -> frozenset[str] | None:
    try:
        return _names_of_libpq()
    except ImportError:
        return None


@functools.cache
def _names_of_libpq() -> frozenset[str]:
    from psycopg import pq  # noqa: PLC0415  (an extra)

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
        return "write sqlite:///file:PATH?uri=true with it"
    if here is None and (close := difflib.get_close_matches(name, known, n=1, cutoff=0.75)):
        return f"did you mean {close[0]}?"
    return f"write {here}" if here else "leave it out, or write & in a value as %26"
