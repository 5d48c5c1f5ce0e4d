"""Where the files of a table are: in a directory of a local disk, or below a place in an object storage."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow.fs as pf
from deltalake.fs import DeltaStorageHandler

from etl.lake.storages import SLOW

_REMOTE = "://"


def require_sight(url: str) -> None:
    """Raise OSError where a directory may be there, and this user cannot see it: it must not pass for missing."""
    if _REMOTE not in url:
        with suppress(FileNotFoundError):
            Path(url).lstat()


def make(url: str) -> None:
    """Make the directory, where it is one. Raises OSError."""
    if _REMOTE not in url:
        Path(url).mkdir(parents=True, exist_ok=True)


def file_system(url: str, table: Any) -> Any:
    """What reads and writes files below this place. `table`: the Delta table there."""
    # The storage handler hides files of a local disk that it has not finished: kill -9 would leave them for ever.
    if _REMOTE not in url:
        return pf.SubTreeFileSystem(str(Path(url).resolve()), pf.LocalFileSystem())
    return pf.PyFileSystem(DeltaStorageHandler.from_table(table._table, SLOW))


def settle(url: str, path: str) -> None:
    """When the power fails, the log must not outlive a file that it names. Storages see to that themselves."""
    if _REMOTE in url:
        return
    number = os.open(Path(url, path), os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
