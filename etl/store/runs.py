"""The record of runs."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa

from etl.core.window import Window
from etl.schema.tables import sync_run


def begin(connection: sa.Connection, run_id: str, account_id: int, window: Window, version: str) -> None:
    """Record that a run began. The lock is held, so any other run that is recorded as running was killed."""
    died = sa.update(sync_run).where(sync_run.c.account_id == account_id, sync_run.c.status == "running")
    connection.execute(died.values(status="interrupted"))
    connection.execute(
        sa.insert(sync_run).values(
            run_id=run_id,
            account_id=account_id,
            started_at=window.moment,
            status="running",
            window_first=window.first,
            window_last=window.last,
            version=version,
        )
    )


def update(connection: sa.Connection, run_id: str, **figures: Any) -> None:
    """Bring a run's figures up to date; the names are those of the columns."""
    connection.execute(sa.update(sync_run).where(sync_run.c.run_id == run_id).values(**figures))


def finish(connection: sa.Connection, run_id: str, moment: dt.datetime, status: str, exit_code: int) -> None:
    """Record how a run ended."""
    update(connection, run_id, finished_at=moment, status=status, exit_code=exit_code)
