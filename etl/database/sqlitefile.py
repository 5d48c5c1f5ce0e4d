"""The file of an SQLite database: where it is, whether it exists, and who may read it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import sqlalchemy as sa

from etl.database.explain import Database
from etl.errors import Misconfigured

MEMORY = (None, "", ":memory:")
OTHERS = 0o077
"""The permissions of everybody but the owner."""
_TRUE = ("true", "yes", "on", "y", "t", "1")  # as SQLAlchemy understands it
_IN_MEMORY = {("mode", "memory"), ("vfs", "memdb")}


def file_of(url: sa.URL) -> Path | None:
    """The file that `url` names, as a path or as a URI of its own; None: another database, or one in memory.

    `file:PATH` is such a URI only with `uri=true`. Otherwise it is the name of a file, as for SQLite.
    """
    name = url.database
    if url.get_backend_name() != "sqlite" or name is None or name in MEMORY:
        return None
    if not (name.startswith("file:") and str(url.query.get("uri")).lower() in _TRUE):
        return Path(name)
    parts = urlsplit(name)
    options = {*parse_qsl(parts.query), *((key, value) for key, value in url.query.items())}
    path = unquote(parts.path)
    return None if path in MEMORY or options & _IN_MEMORY else Path(path)


def is_there(url: sa.URL) -> bool:
    """Whether it can be read without creating an empty file. A server or a database in memory always can.

    A file that this user cannot even look for counts as one: opening it says why.
    """
    file = file_of(url)
    try:
        return file is None or file.exists()
    except OSError:
        return True


def require_place(file: Path, database: Database) -> None:
    """Raise Misconfigured, about `database`, where no file of SQLite is or can be."""
    # Not the methods of Path, which raise where a name is too long or a directory is closed to this user.
    if not os.path.isdir(file.parent):  # noqa: PTH112
        problem = f"The directory of the SQLite file {file} does not exist."
        raise Misconfigured(problem, f"create it, or correct {database.setting}.", database.called)
    if os.path.exists(file) and not os.path.isfile(file):  # noqa: PTH110, PTH113
        problem = f"{file} is a directory, a device or a pipe, so it cannot be an SQLite database."
        raise Misconfigured(problem, f"name a file in {database.setting}.", database.called)


def create_private(url: sa.URL) -> None:
    """Create the file where SQLite would, so that only its owner can read it, whatever the umask.

    SQLite gives the files beside it (`-wal`, `-shm`, `-journal`) the same permissions. What cannot be created is
    left to SQLite, which says why.
    """
    file = file_of(url)
    if file is None or url.query.get("mode", "rwc") != "rwc":
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(os.path.realpath(file), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        os.fchmod(descriptor, 0o600)
        os.close(descriptor)


def files_of(url: sa.URL) -> list[Path]:
    """The file that `url` names, and those that SQLite keeps beside it, whether they exist or not."""
    file = file_of(url)
    if file is None:
        return []
    return [file, *(Path(f"{file}{ending}") for ending in ("-wal", "-shm", "-journal"))]


def exposed(url: sa.URL) -> list[Path]:
    """Those of the files of a database that others than their owner may read or write."""
    return [each for each in files_of(url) if os.path.isfile(each) and each.stat().st_mode & OTHERS]  # noqa: PTH113
