"""What a run still takes, seen from outside: from the database alone, while another process may be at work."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from etl.core import planning
from etl.core.batchday import UNFINISHED, BatchDay
from etl.core.planning import Rules
from etl.core.window import Window
from etl.errors import Misconfigured
from etl.run.gather import gather
from etl.settings import Settings
from etl.store import accounts, figures, lock


@dataclass(frozen=True, slots=True)
class Outlook:
    """`run`: of the run at work, when it began and its requests so far; None: there is none.

    `requests`: expected to be needed, by that run or else by the next one; `seconds`: how long the pace makes them
    take, 0 without one. `trouble`: the batch day that was asked for last without success, with its note.
    """

    run: dict[str, Any] | None = None
    requests: int = 0
    seconds: float = 0.0
    trouble: dict[str, Any] | None = None


def look(connection: sa.Connection, settings: Settings, window: Window) -> Outlook:
    """The outlook at the window's moment. Reads no list anew: what the last run read is in the database."""
    account_id = accounts.find(connection, settings.account)
    if account_id is None:
        return Outlook()
    run = figures.running(connection, settings.account)
    if run and not lock.taken(connection, account_id):
        run = None  # it was killed
    requests = _left(connection, account_id, settings, window, run["started_at"] if run else None)
    trouble = figures.last_trouble(connection, settings.account, window)
    return Outlook(run, requests, requests * settings.request_interval, trouble)


def _left(
    connection: sa.Connection, account_id: int, settings: Settings, window: Window, since: dt.datetime | None
) -> int:
    """Requests that the plan takes, without what the run that began at `since` has looked at already."""
    plan = foreseen(connection, account_id, settings, window)
    return sum(task.requests for task in plan.tasks if not _seen(task.day, since)) if plan else 0


def foreseen(
    connection: sa.Connection, account_id: int | None, settings: Settings, window: Window
) -> planning.Plan | None:
    """What a run at the window's moment would ask for, by the lists in the database; None: no batch is known."""
    rules = Rules(settings.spill_days, settings.last_look)
    try:
        facts = gather(connection, account_id, (), settings, window, rules).facts
    except Misconfigured:
        return None
    return planning.make(facts, window, rules)


def _seen(day: BatchDay, since: dt.datetime | None) -> bool:
    """Whether that run has read it: it is complete, and was asked for since."""
    if since is None or day.last_asked_at is None or day.state in UNFINISHED:
        return False
    return day.last_asked_at >= since
