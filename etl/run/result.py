"""The result of a run: the summary for people, the JSON for programs, the exit status."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from etl.core.batchday import UNFINISHED, BatchDay, State
from etl.core.doubt import Doubt
from etl.core.window import Window
from etl.errors import STATUS, EtlError
from etl.store.checks import Stored

DAY_COUNTS = ("planned", "settled", "open", "incomplete", "lost")
ROW_COUNTS = ("received", "inserted", "updated", "unchanged", "rejected")
# Where several apply, the first of these counts.
PRECEDENCE = (78, 65, 75, 0)


class Unasked(Enum):
    """Why a narrowed run asks for nothing; the value says it in words."""

    OUTSIDE = "no --date lies in the window"
    UNKNOWN = "no batch that is looked for fits --batch and --date"
    NOT_DUE = "all that fits --batch and --date is complete or lost, or is not due yet"


@dataclass(slots=True)
class InFull:
    """A reading in full: when it began (UTC), perhaps in an earlier run, and how many batch days are left."""

    began: dt.datetime
    left: int

    def as_json(self) -> dict[str, Any]:
        """As `plan --full --json` gives it."""
        return {"began_at": moment_text(self.began), "batch_days_left": self.left}

    def __str__(self) -> str:
        """The same for people."""
        left = f"{self.left:,} {'batch day' if self.left == 1 else 'batch days'} left" if self.left else "finished"
        return f"began {self.began:%Y-%m-%d %H:%M} UTC, {left}"


@dataclass(slots=True)
class Result:
    """The figures of one run.

    `failed`: how many batch days could not be read to their end; each was logged when it happened. `reasons`: what
    else kept the run from ending with 0; the command has yet to report it. `full`: with --full. `narrowed`: it was
    limited to some batches or dates; `unasked`: why that left nothing to ask for. `doubts` are those of the whole
    account. `new_codes`: codes and carriers that were never seen before.
    """

    run_id: str
    window: Window
    planned: int = 0
    days: list[BatchDay] = field(default_factory=list)
    lost: list[BatchDay] = field(default_factory=list)
    requests: int = 0
    retries: int = 0
    throttled: int = 0
    new_codes: int = 0
    rows: Stored = field(default_factory=Stored)
    seconds: float = 0.0
    reasons: list[EtlError] = field(default_factory=list)
    failed: int = 0
    full: InFull | None = None
    narrowed: bool = False
    unasked: Unasked | None = None
    doubts: list[Doubt] = field(default_factory=list)

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
        """The exit status as a word."""
        return STATUS[self.exit_code]

    @property
    def at_risk(self) -> list[BatchDay]:
        """Batch days that are not complete and leave the window within 48 hours, nearest deadline first."""
        return at_risk(self.days, self.window)

    def _counted(self) -> tuple[int, ...]:
        """Batch days, as `DAY_COUNTS` names them."""
        states = Counter(day.state for day in self.days)
        unfinished = sum(states[state] for state in UNFINISHED)
        return self.planned, states[State.SETTLED], states[State.OPEN], unfinished, len(self.lost)

    def as_json(self) -> dict[str, Any]:
        """The object of `sync --json`; `doubtful_rows` only where there are some."""
        doubts = {"doubtful_rows": self.rows.doubtful} if self.rows.doubtful else {}
        return {
            "run_id": self.run_id,
            "status": self.status,
            "exit_code": self.exit_code,
            "window": window_as_json(self.window),
            "batch_days": dict(zip(DAY_COUNTS, self._counted(), strict=True)),
            "requests": self.requests,
            "retries": self.retries,
            "rows": {name: getattr(self.rows, name) for name in ROW_COUNTS},
            "at_risk": risks_as_json(self.at_risk, self.window),
            "doubts": doubts_as_json(self.doubts),
            "seconds": round(self.seconds, 3),
        } | doubts


def nothing_as_json(exit_status: int, status: str, window: Window | None) -> dict[str, Any]:
    """The object of a `sync --json` that could not begin; what is not known is null."""
    return {
        "run_id": None,
        "status": status,
        "exit_code": exit_status,
        "window": window_as_json(window),
        "batch_days": dict.fromkeys(DAY_COUNTS, 0),
        "requests": 0,
        "retries": 0,
        "rows": dict.fromkeys(ROW_COUNTS, 0),
        "at_risk": [],
        "doubts": [],
        "seconds": 0.0,
    }


def at_risk(days: Iterable[BatchDay], window: Window) -> list[BatchDay]:
    """Those of `days` that are not complete and leave the window within 48 hours, nearest deadline first."""
    unfinished = (day for day in days if day.state in UNFINISHED)
    return sorted(
        (day for day in unfinished if window.is_at_risk(day.date)), key=lambda day: (day.date, day.batch_no)
    )


def window_as_json(window: Window | None) -> dict[str, str | None]:
    """The dates of a window as every `--json` gives them; null where none is known."""
    if window is None:
        return {"first": None, "last": None}
    return {"first": window.first.isoformat(), "last": window.last.isoformat()}


def risks_as_json(days: Iterable[BatchDay], window: Window) -> list[dict[str, Any]]:
    """Batch days with their deadlines, as `sync --json` and `plan --json` give them."""
    return [
        {
            "batch_no": day.batch_no,
            "date": day.date.isoformat(),
            "deadline": moment_text(window.deadline(day.date)),
            "missing_rows": missing_rows(day),
        }
        for day in days
    ]


def missing_rows(day: BatchDay) -> int | None:
    """As v_coverage counts them: of what was lost without an answer, all that was submitted is missing."""
    return day.submitted if day.state is State.LOST and day.reported is None else day.missing


def doubts_as_json(doubts: Iterable[Doubt]) -> list[dict[str, Any]]:
    """Doubts, as `sync --json` and `status --json` give them."""
    return [
        {
            "batch_no": doubt.batch_no,
            "date": doubt.date and doubt.date.isoformat(),
            "kind": doubt.kind.value,
            "reported_rows": doubt.reported,
            "submitted_rows": doubt.submitted,
        }
        for doubt in doubts
    ]


def moment_text(moment: dt.datetime) -> str:
    """A moment as ISO 8601 in UTC, to the second."""
    return moment.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
