"""The moment that a run treats as now: the real one, or another for drills and tests (--now)."""

from __future__ import annotations

import datetime as dt


class Clock:
    """Starts at `start` (aware; None: now) and runs at the pace of the real clock. Times are UTC."""

    def __init__(self, start: dt.datetime | None = None) -> None:
        real = dt.datetime.now(dt.UTC)
        self._offset = (start - real) if start else dt.timedelta()

    def now(self) -> dt.datetime:
        """The present moment, UTC."""
        return dt.datetime.now(dt.UTC) + self._offset
