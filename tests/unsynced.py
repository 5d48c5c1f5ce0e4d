"""SQLite without its waits for the disk, which take most of the time of a test that makes thousands of commits."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa


def unsynced(engine: sa.Engine) -> None:
    """From now on, what `engine` commits may be lost in a power cut, but not if a process dies."""
    if engine.url.get_backend_name() == "sqlite":
        sa.event.listen(engine, "connect", _do_not_wait)
        engine.dispose()


def _do_not_wait(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous = OFF")
