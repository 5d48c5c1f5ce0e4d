"""Standard streams that are closed, full or no longer read: no defect, and no reason to work differently."""

from __future__ import annotations

import errno
import io
import os
import select
import stat
import sys
from typing import TYPE_CHECKING, TextIO

from etl.errors import TryLater

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What the operating system says where there is no room."""
_NOBODY_READS = frozenset({errno.EPIPE, errno.EBADF})


def prepare() -> None:
    """Open what is closed, and replace the standard streams by some that know what to do."""
    _open()
    encoding, errors = (sys.stdin.encoding, sys.stdin.errors) if sys.stdin is not None else ("utf-8", "strict")
    sys.stdin = io.TextIOWrapper(io.BufferedReader(_Input(0, "r", closefd=False)), encoding, errors)
    sys.stdout = _text(_Output(1, "w", closefd=False), sys.stdout)
    sys.stderr = _text(_Complaints(2, "w", closefd=False), sys.stderr)


def _open() -> None:
    """A closed stream's number would go to the next file that is opened, which may be the database."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


def _text(raw: io.FileIO, before: TextIO | None) -> TextIO:
    encoding = before.encoding if before is not None else "utf-8"
    lines = raw.isatty() or raw.fileno() == 2
    buffered = io.BufferedWriter(raw)
    return io.TextIOWrapper(buffered, encoding, errors="backslashreplace", line_buffering=lines)


class _Input(io.FileIO):
    """Waits for more where nothing has come yet: else the first half of a list would pass for the whole of it."""

    def readinto(self, buffer: WriteableBuffer) -> int:
        while (count := super().readinto(buffer)) is None:
            select.select([self], [], [])
        return count

    # Those of FileIO itself do not call `readinto`.
    read = io.RawIOBase.read  # type: ignore[assignment]
    readall = io.RawIOBase.readall


class _Patient(io.FileIO):
    """Waits where the other end of a stream that does not block is slow."""

    def write(self, data: ReadableBuffer) -> int:
        while (written := super().write(data)) is None:
            select.select([], [self], [])
        return written


class _Output(_Patient):
    """Results: whoever reads no further has what he wanted; anything else that fails is said."""

    def write(self, data: ReadableBuffer) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if self._nobody_reads(error):
                return memoryview(data).nbytes
            # What is still in the buffer would be written, and fail, once more when the process ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            if error.errno in FULL:
                raise
            raise TryLater(f"The output cannot be written ({error.strerror}).", "send it elsewhere.") from error

    def _nobody_reads(self, error: OSError) -> bool:
        """Whether the other end of a pipe or a socket was closed, or the terminal has vanished."""
        kind = os.fstat(self.fileno()).st_mode
        hung_up = stat.S_ISCHR(kind) and error.errno == errno.EIO
        return hung_up or stat.S_ISSOCK(kind) or error.errno in _NOBODY_READS


class _Complaints(_Patient):
    """Logs and messages: where they cannot be written, there is nobody to tell."""

    def write(self, data: ReadableBuffer) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes
