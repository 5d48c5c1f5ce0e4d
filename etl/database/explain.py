"""What a database's error means for the person on duty, as one table of data."""

from __future__ import annotations

import os
import re
import sqlite3
import ssl
from dataclasses import dataclass
from typing import Any

from etl.errors import DatabaseUnreachable, EtlError, Misconfigured
from etl.scrub import scrub


@dataclass(frozen=True, slots=True)
class Database:
    """A database as messages know it.

    `setting`: the setting that names it. `called`: its name in messages, if it is not the job's own. `keeps`:
    whether what was written before an error stays.
    """

    setting: str
    called: str = ""
    keeps: bool = True


OWN = Database("NUMBERCHECK_DATABASE_URL")
TARGET = Database("NUMBERCHECK_COPY_TO_DATABASE_URL", "The target", keeps=False)


@dataclass(frozen=True, slots=True)
class Meaning:
    """A sentence, a remedy, and the error to raise, which decides the exit status.

    In `remedy`, {setting} is the setting that names the database, and {kept} is added if that keeps its rows.
    """

    sentence: str
    remedy: str
    error: type[EtlError] = DatabaseUnreachable


_DOWN = Meaning("The database does not answer", "start it, or correct {setting}; then run this again")
_LOST = Meaning("The connection to the database was lost", "run this again once it answers{kept}")
_CROWDED = Meaning("The database has no connection or memory left", "free some, then run this again")
_FULL = Meaning("The disk of the database is full", "make room, then run this again")
_DISK = Meaning("The database cannot read or write its files", "check its disk, then run this again")
_READ_ONLY = Meaning(
    "The database is read-only", "name one that can be written to, or allow writing; then run this again"
)
_BUSY = Meaning(
    "Another connection holds a lock on the database, or the statement took too long",
    "end that connection, or run this again later",
)
_CONFLICT = Meaning(
    "Another transaction got in the way of this one",
    "run this again; on a cluster, let all jobs name the same node in {setting}",
)
_NO_QUORUM = Meaning(
    "This node of the cluster takes no statements: it has lost most of the other nodes, or is not ready yet",
    "bring the cluster together again, or name a node that works in {setting}, the same for all jobs; "
    "then run this again{kept}",
)
_LOGIN = Meaning(
    "The database refuses this user",
    "correct the user and the password in {setting}, or let this host in",
    Misconfigured,
)
_TLS = Meaning(
    "The connection cannot be encrypted as asked for",
    "correct sslmode and sslrootcert (ssl_ca on MariaDB) in {setting}, or set TLS up on the server",
    Misconfigured,
)
_OPTION = Meaning(
    "The database or its driver refuses an option of the connection",
    "correct the options in {setting}",
    Misconfigured,
)
_UNKNOWN = Meaning("There is no such database", "create it, or correct {setting}", Misconfigured)
_FORBIDDEN = Meaning(
    "The database user is not permitted to do this", "grant it to the user, or name another", Misconfigured
)
_NO_SCHEMA = Meaning(
    "The user's search_path names no schema that exists", "create it, or correct the path", Misconfigured
)
_CANNOT_OPEN = Meaning(
    "The database file cannot be opened",
    "allow this user to write it and its directory, or correct {setting}",
    Misconfigured,
)
_NO_DATABASE = Meaning(
    "The file is damaged, or is not an SQLite database", "name another, or restore a backup", Misconfigured
)

_CHANGED = Meaning(
    "A table or a column that this version needs is missing", "see `numbercheck db check`", Misconfigured
)

_DEPENDED_ON = Meaning(
    "Something of yours is built upon what this drops",
    "drop what is named, or build it upon something else; then run this again",
    Misconfigured,
)

_TAKEN = Meaning(
    "Something that is not ours has a name that this needs",
    "drop or rename it, or give numbercheck a database or a schema of its own",
    Misconfigured,
)
_TRIGGER = Meaning("A trigger of yours in this database refuses this", "correct it, or drop it", Misconfigured)

_TOO_LARGE = Meaning(
    "A statement is larger than the database accepts",
    "allow larger ones (max_allowed_packet on MariaDB and MySQL), then run this again",
    Misconfigured,
)

_POOLED = Meaning(
    "The connection goes through a pooler that gives out single statements, and this job needs transactions",
    "let the pooler give this user sessions (PgBouncer: pool_mode = session), or connect to the server itself",
)
_POOL_EMPTY = Meaning(
    "The pooler before the database has no connection left for this one",
    "let it give this user more at once (PgBouncer: pool_size), then run this again",
)
_ENGINE = Meaning(
    "The server makes no tables of the engine InnoDB",
    "unset enforce_storage_engine on the server, or name another",
    Misconfigured,
)
_ROW_FORMAT = Meaning(
    "The server makes tables whose keys may not be as long as this job's",
    "set innodb_default_row_format to dynamic on the server, or name another",
    Misconfigured,
)
_BINLOG = Meaning(
    "The server logs statements, which does not go with the isolation that this job needs",
    "set binlog_format to MIXED or ROW on the server",
    Misconfigured,
)

NAMED_OBJECTS = 5
"""How many of the views and tables that are built upon ours a message names."""
LONGEST_SAID = 1000
"""Characters of what a database says that a message repeats: it may quote a setting that is long by mistake."""
_DEPENDENTS_EXIST = "2BP01"

# Prefixes of PostgreSQL's SQLSTATE, the longest first.
_POSTGRESQL = {
    _DEPENDENTS_EXIST: _DEPENDED_ON,
    "P0001": _TRIGGER,
    "42703": _CHANGED,
    "42P01": _CHANGED,
    "42P07": _TAKEN,
    "42710": _TAKEN,
    "42809": _TAKEN,
    "57014": _BUSY,
    "25006": _READ_ONLY,
    "25P": _LOST,
    "40001": _BUSY,
    "40P01": _BUSY,
    "55P03": _BUSY,
    "53100": _FULL,
    "42501": _FORBIDDEN,
    "3D000": _UNKNOWN,
    "3F000": _NO_SCHEMA,
    "08": _LOST,
    "54": _TOO_LARGE,
    "28": _LOGIN,
    "53": _CROWDED,
    "57": _LOST,
    "58": _DISK,
}
# A pooler gives the same SQLSTATE to whatever it says.
_OF_POOLER = "08P01"
_SAID_BY_POOLER = {
    "statement pooling mode": _POOLED,
    "query_wait_timeout": _POOL_EMPTY,
    "no more connections allowed": _POOL_EMPTY,
}
# A refused connection carries no SQLSTATE, only words; a server that speaks another language is _DOWN.
_REFUSALS = {
    r"number of parameters must be between": _TOO_LARGE,
    r"password authentication failed|no password supplied|pg_hba\.conf|role .* does not exist": _LOGIN,
    r"database .* does not exist": _UNKNOWN,
    r"permission denied|not permitted": _FORBIDDEN,
    r"too many (clients|connections)|remaining connection slots": _CROWDED,
    r"server closed the connection|consuming input failed|the connection is (closed|lost)": _LOST,
    r"SSL SYSCALL|unexpected eof": _DOWN,
    r"SSL|[Ss]slmode|sslrootcert|certificate|private key|TLS": _TLS,
    r"invalid .*(value|option|port)|bad value|unrecognized configuration parameter|startup parameter|"
    r"command-line argument|could not (parse|match)|channel binding|authentication method|requires a .*value|"
    r"service file|definition of service|SCRAM (client|server) key|GSSAPI encryption required|setsockopt": _OPTION,
}
# What else the client reads of the environment that can make a connection impossible.
_ENVIRONMENT = (
    *("PGSERVICE", "PGSERVICEFILE", "PGSYSCONFDIR", "PGOPTIONS", "PGTZ", "PGDATESTYLE", "PGGEQO"),
    *("PGSSLMODE", "PGREQUIRESSL", "PGSSLNEGOTIATION", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY", "PGSSLCERTMODE"),
    *("PGSSLCRL", "PGSSLCRLDIR", "PGSSLMINPROTOCOLVERSION", "PGSSLMAXPROTOCOLVERSION", "PGREQUIREAUTH"),
    *("PGREQUIREPEER", "PGCHANNELBINDING", "PGGSSENCMODE", "PGTARGETSESSIONATTRS", "PGLOADBALANCEHOSTS"),
    *("PGMINPROTOCOLVERSION", "PGMAXPROTOCOLVERSION"),
)
_PREVENTED = 1290  # by an option that it names
_MYSQL = {
    _CHANGED: (1054, 1146),
    _TRIGGER: (1644,),
    _DOWN: (2002, 2003, 2005),
    _DEPENDED_ON: (1217, 1451, 3730),
    _TAKEN: (1050, 1061, 1347, 1965, 4090, 4092),
    _TOO_LARGE: (1153, 1301, 1390, 2020),
    _LOST: (0, 1053, 1077, 1079, 1080, 1152, 1158, 1159, 1160, 1161, 1927, 2006, 2013, 2014, 2055),
    _CROWDED: (1037, 1038, 1040, 1041, 1203, 1226),
    _FULL: (1021, 1114),
    _DISK: (3, 1005, 1026, 1030),
    _READ_ONLY: (_PREVENTED, 1792, 1836),
    _BUSY: (1205, 1317, 1969, 3024),
    _CONFLICT: (1213,),
    _NO_QUORUM: (1047,),
    _LOGIN: (1045, 1129, 1130, 1251, 1698, 1820, 1862, 2059, 2061, 3118),
    _UNKNOWN: (1046, 1049),
    _TLS: (2026,),
    _ROW_FORMAT: (1071, 1709),
    _BINLOG: (1665,),
    _FORBIDDEN: (1044, 1142, 1143, 1227, 1370, 1410),
}
# Galera says it in a COMMIT under codes that have other meanings, too.
_SAID_BY_GALERA = re.compile("WSREP|Primary Component")
# SQLite has no separate codes for these.
_SAID_BY_SQLITE = {
    r"no such (table|column)|table .* has no column": _CHANGED,
    r"error in view": _DEPENDED_ON,
    r"(table|view|index) .* already exists|there is already|use DROP ": _TAKEN,
    r"too many SQL variables|query string is too large": _TOO_LARGE,
}
_SQLITE = {
    sqlite3.SQLITE_CONSTRAINT_TRIGGER: _TRIGGER,
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_PROTOCOL: _BUSY,
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_IOERR: _DISK,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: _CANNOT_OPEN,
    sqlite3.SQLITE_PERM: _CANNOT_OPEN,
    sqlite3.SQLITE_AUTH: _CANNOT_OPEN,
    sqlite3.SQLITE_CORRUPT: _NO_DATABASE,
    sqlite3.SQLITE_NOTADB: _NO_DATABASE,
    sqlite3.SQLITE_TOOBIG: _TOO_LARGE,
}


def explain(error: BaseException, database: Database = OWN) -> EtlError | None:
    """What to show for an error of SQLAlchemy or a driver, about `database`; None: a defect of this job."""
    driver_error = getattr(error, "orig", None) or error
    meaning = _meaning(driver_error)
    if meaning is None and getattr(error, "connection_invalidated", False):
        meaning = _LOST
    if meaning is None:
        return None
    said = " ".join(words(driver_error).split())[:LONGEST_SAID].rstrip(".") or "nothing"
    kept = "; what was stored is kept" if database.keeps else ""
    remedy = meaning.remedy.format(setting=database.setting, kept=kept) + _environment(meaning, driver_error)
    return meaning.error(f"{meaning.sentence} (it says: {said}).", f"{remedy}.", database.called)


def _environment(meaning: Meaning, error: BaseException) -> str:
    """Which variables may be what is to be corrected, apart from the URL."""
    of_libpq = type(error).__module__.startswith("psycopg") and meaning in (_OPTION, _TLS)
    names = [name for name in _ENVIRONMENT if of_libpq and os.environ.get(name)]
    return f"; the environment also sets {', '.join(names)}" if names else ""


def words(error: BaseException) -> str:
    """What a driver's error says, without the rows that PostgreSQL and MariaDB put into it."""
    told: Any = getattr(error, "diag", None)
    text = getattr(told, "message_primary", None) or " ".join(part for part in error.args if isinstance(part, str))
    if getattr(error, "sqlstate", None) == _DEPENDENTS_EXIST:
        # Here alone the details hold names of tables and views, not rows.
        objects = (told.message_detail or "").splitlines()
        more = [f"and {len(objects) - NAMED_OBJECTS} more"] if len(objects) > NAMED_OBJECTS else []
        text = f"{text}: {'; '.join(objects[:NAMED_OBJECTS] + more)}"
    # MariaDB quotes whole keys: Duplicate entry '<message id>-<phone>' for key 'PRIMARY'.
    return scrub(re.sub(r"(entry|value:?) '.*?'( for|$)", r"\1 '…'\2", text))


def _meaning(error: BaseException) -> Meaning | None:
    match type(error).__module__.partition(".")[0]:
        case "sqlite3":
            said = (meaning for pattern, meaning in _SAID_BY_SQLITE.items() if re.match(pattern, str(error)))
            code = getattr(error, "sqlite_errorcode", 0)
            return next(said, _SQLITE.get(code) or _SQLITE.get(code & 0xFF))
        case "psycopg":
            return _of_postgresql(error)
        case "pymysql":
            return _of_mysql(error)
    return None


def _of_postgresql(error: BaseException) -> Meaning | None:
    state = getattr(error, "sqlstate", None)
    if state == _OF_POOLER:
        return next((what for said, what in _SAID_BY_POOLER.items() if said in str(error)), _LOST)
    if state:
        return next((what for prefix, what in _POSTGRESQL.items() if state.startswith(prefix)), None)
    if type(error).__name__ not in ("OperationalError", "ConnectionTimeout"):
        return None
    text = " ".join(str(error).split())  # a name that the server repeats may have line feeds
    return next((what for pattern, what in _REFUSALS.items() if re.search(pattern, text)), _DOWN)


def _of_mysql(error: BaseException) -> Meaning | None:
    number = error.args[0] if error.args else None
    if number in _MYSQL[_DOWN] and _distrusts(getattr(error, "original_exception", None)):
        return _TLS
    if number == _PREVENTED and "NO_ENGINE_SUBSTITUTION" in words(error):
        return _ENGINE
    if _SAID_BY_GALERA.search(words(error)):
        return _NO_QUORUM
    return next((what for what, numbers in _MYSQL.items() if number in numbers), None)


def _distrusts(error: object) -> bool:
    """Whether TLS failed by what the two sides want, and not by a connection that broke."""
    broken = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
    return isinstance(error, ssl.SSLError) and not isinstance(error, broken)
