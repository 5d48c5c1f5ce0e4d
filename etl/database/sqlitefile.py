"""The file of an SQLite database: where it is, whether it exists, and who may read it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import sqlalchemy as sa

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
    """Whether it can be read without creating an empty file. A server or a database in memory always can."""
    file = file_of(url)
    return file is None or file.exists()


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
    return [file, *(file.with_name(file.name + ending) for ending in ("-wal", "-shm", "-journal"))]


def exposed(url: sa.URL) -> list[Path]:
    """Those of the files of a database that others than their owner may read or write."""
    return [each for each in files_of(url) if each.is_file() and each.stat().st_mode & OTHERS]
