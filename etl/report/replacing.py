"""A file that others read is replaced as a whole, and nothing else is touched in its place."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from etl.errors import Misconfigured

MODE = 0o644
"""Of a new file: whoever reads it runs as another user."""
SHOWN_OF_NAME = 40


def replace(path: Path, content: bytes) -> None:
    """Replace the file at this real path. A reader sees either the old one or the new one. Raises OSError.

    Who may read the old one may read the new one, and as far as this user can see to it, nobody else.
    """
    # A collector reads every file of its suffix in this directory, so an unfinished file has another one.
    # It begins with no more than a part of the name, which may be as long as a name can be.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:SHOWN_OF_NAME]}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _permit(file.fileno(), path)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _permit(descriptor: int, path: Path) -> None:
    """Give the new file the owner and the mode of the old one at this path, if there is one."""
    mode = MODE
    with suppress(FileNotFoundError, PermissionError):
        old = path.stat()
        mode = old.st_mode & 0o777
        os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fchmod(descriptor, mode)


def require_usable(path: Path, needed: Collection[Path], called: str, setting: str) -> None:
    """Raise Misconfigured where the file could not be replaced. `called`: what it is, in a sentence."""
    try:
        require_replaceable(path, needed)
        with tempfile.TemporaryFile(dir=Path(os.path.realpath(path)).parent):
            pass
    except OSError as error:
        problem = f"{called} {str(path)!r} cannot be written ({error.strerror})."
        raise Misconfigured(problem, f"correct {setting}, or let this user write there.") from None


def require_replaceable(path: Path, needed: Collection[Path]) -> None:
    """Raise OSError for what is no regular file: a device or a pipe would be gone for everybody.

    `needed`: files of another purpose, such as the database, which are not replaced either.
    """
    if os.path.realpath(path) in map(os.path.realpath, needed):
        raise OSError(errno.EINVAL, "the job needs this file for something else")
    with suppress(FileNotFoundError):
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        if any(os.path.samestat(found, stream) for stream in _streams()):
            raise OSError(errno.EINVAL, "it is a standard stream of this process")


def _streams() -> Iterator[os.stat_result]:
    """The files that `/dev/stdout` and the like, or a log that cron writes, lead to."""
    for descriptor in range(3):
        with suppress(OSError):
            yield os.fstat(descriptor)
