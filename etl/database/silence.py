"""Limits how long the job waits for a database that has fallen silent."""

from __future__ import annotations

import functools
import time
from collections.abc import Generator
from typing import Any

import sqlalchemy as sa

SILENCE = 60.0
"""Seconds for which a server may be silent while a statement waits for it.

Longer than a server waits for a lock (MariaDB: 50 s); together with one request, shorter than a scheduler waits
for a run to end.
"""


def connect(dialect: sa.Dialect, seconds: float | None, args: Any, values: dict[str, Any]) -> Any:
    """Open a driver's connection that breaks after so many seconds of silence, as if it were lost; None: never.

    SQLite has no connection that could fall silent.
    """
    if seconds is not None and dialect.driver == "psycopg":
        return _postgresql_connection(seconds).connect(*args, **values)
    if seconds is not None and dialect.driver == "pymysql":
        values.setdefault("read_timeout", seconds)
    return dialect.connect(*args, **values)


@functools.cache
def _postgresql_connection(limit: float) -> Any:
    import psycopg  # noqa: PLC0415  (an extra)

    class Connection(psycopg.Connection[Any]):
        """The driver itself has no limit, and those of TCP do not apply to a peer that accepts what we send."""

        def wait(self, gen: Any, *args: Any, **options: Any) -> Any:
            return super().wait(self._listen(gen), *args, **options)

        def _listen(self, gen: Any) -> Generator[Any, Any, Any]:
            """Pass on what the driver waits for; the driver polls several times a second."""
            heard = time.monotonic()
            try:
                wanted = next(gen)
                while True:
                    if ready := (yield wanted):
                        heard = time.monotonic()
                    elif time.monotonic() - heard > limit:
                        self.close()
                        raise psycopg.OperationalError(f"the connection is lost: no answer for {limit:g} s")
                    wanted = gen.send(ready)
            except StopIteration as end:
                return end.value

    return Connection
