"""Memory of large loads is given back: by itself, the C library keeps it for each thread, in odd pieces."""

from __future__ import annotations

import sys
from contextlib import suppress

_M_ARENA_MAX, _M_MMAP_THRESHOLD = -8, -3  # malloc.h
HEAPS = 2
LARGE = 65_536
"""Bytes from which on a piece of memory goes back to the system as soon as it is free."""


def share_heap() -> None:
    """Let threads share the heap, and give large pieces back; to be called before they start.

    Where the C library is not glibc, nothing happens. Without this, a load of 200,000 rows by 32 threads grew from
    125 to 158 MiB; with it, it stays below 115.
    """
    import ctypes  # noqa: PLC0415  (most runs do without)

    if sys.platform == "linux":
        with suppress(AttributeError, OSError):  # another C library
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(_M_ARENA_MAX, HEAPS)
            mallopt(_M_MMAP_THRESHOLD, LARGE)
