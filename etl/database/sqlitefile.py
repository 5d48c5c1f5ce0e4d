"""The file of an SQLite database: where it is, and whether it exists."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import sqlalchemy as sa

MEMORY = (None, "", ":memory:")
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
