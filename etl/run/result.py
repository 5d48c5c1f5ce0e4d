"""What a run came to: the summary for people, the JSON for programs, the exit status."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from etl.core.batchday import UNFINISHED, BatchDay, State
from etl.core.window import Window
from etl.errors import EtlError
from etl.store.checks import Stored

STATUS = {0: "complete", 65: "lost", 75: "incomplete", 78: "misconfigured"}
# Where several apply, the first of these.
PRECEDENCE = (78, 65, 75, 0)


@dataclass(slots=True)
class Result:
    """The figures of one run.

    `failed`: batch days that could not be read to their end, each of which was logged when it happened. `reasons`:
    what else kept the run from ending with 0, which the command has yet to tell.
    """

    run_id: str
    window: Window
    planned: int = 0
    days: list[BatchDay] = field(default_factory=list)
    lost: list[BatchDay] = field(default_factory=list)
    requests: int = 0
    retries: int = 0
    throttled: int = 0
    rows: Stored = field(default_factory=Stored)
    seconds: float = 0.0
    reasons: list[EtlError] = field(default_factory=list)
    failed: int = 0

    @property
    def exit_code(self) -> int:
        """The exit status (CONTRACT: Exit status)."""
        found = {reason.exit_status for reason in self.reasons}
        if self.failed:
            found.add(75)
        if self.lost:
            found.add(65)
        if any(day.state in UNFINISHED for day in self.days):
            found.add(75)
        return next((status for status in PRECEDENCE if status in found), 0)

    @property
    def status(self) -> str:
        """The exit status in a word."""
        return STATUS[self.exit_code]

    @property
    def at_risk(self) -> list[BatchDay]:
        """Batch days that are not complete and leave the window within 48 hours, nearest deadline first."""
        return at_risk(self.days, self.window)

    def as_json(self) -> dict[str, Any]:
        """The object of `sync --json`."""
        states = Counter(day.state for day in self.days)
        return {
            "run_id": self.run_id,
            "status": self.status,
            "exit_code": self.exit_code,
            "window": {"first": self.window.first.isoformat(), "last": self.window.last.isoformat()},
            "batch_days": {
                "planned": self.planned,
                "settled": states[State.SETTLED],
                "open": states[State.OPEN],
                "incomplete": states[State.INCOMPLETE] + states[State.PENDING],
                "lost": len(self.lost),
            },
            "requests": self.requests,
            "retries": self.retries,
            "rows": {
                "received": self.rows.received,
                "inserted": self.rows.inserted,
                "updated": self.rows.updated,
                "unchanged": self.rows.unchanged,
                "rejected": self.rows.rejected,
            },
            "at_risk": [risk_as_json(day, self.window) for day in self.at_risk],
            "seconds": round(self.seconds, 3),
        }


def at_risk(days: Iterable[BatchDay], window: Window) -> list[BatchDay]:
    """Those of `days` that are not complete and leave the window within 48 hours, nearest deadline first."""
    unfinished = (day for day in days if day.state in UNFINISHED)
    return sorted(
        (day for day in unfinished if window.is_at_risk(day.date)), key=lambda day: (day.date, day.batch_no)
    )


def risk_as_json(day: BatchDay, window: Window) -> dict[str, Any]:
    """A batch day at risk, as `sync --json` and `status --json` tell it."""
    return {
        "batch_no": day.batch_no,
        "date": day.date.isoformat(),
        "deadline": moment_text(window.deadline(day.date)),
        "missing_rows": day.missing,
    }


def moment_text(moment: dt.datetime) -> str:
    """A moment as ISO 8601 in UTC, to the second."""
    return moment.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
