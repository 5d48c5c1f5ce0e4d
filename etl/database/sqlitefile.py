"""The file of an SQLite database: where it is, and whether it is there."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import sqlalchemy as sa

MEMORY = (None, "", ":memory:")


def file_of(url: sa.URL) -> Path | None:
    """The file that `url` names, as a plain path or as `file:PATH`; None: another database, or one in memory."""
    name = url.database
    if url.get_backend_name() != "sqlite" or name is None or name in MEMORY:
        return None
    return Path(unquote(urlsplit(name).path)) if name.startswith("file:") else Path(name)


def is_there(url: sa.URL) -> bool:
    """Whether it can be looked at without making an empty file. A server, and memory, can."""
    file = file_of(url)
    return file is None or file.exists()
