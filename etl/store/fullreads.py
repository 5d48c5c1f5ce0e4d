"""Readings in full that are not finished: when they began, so that the next run goes on with them."""

from __future__ import annotations

import datetime as dt
import hashlib
import json

import sqlalchemy as sa

from etl.core.planning import Selection
from etl.core.window import Window
from etl.schema.tables import full_read


def began(connection: sa.Connection, account_id: int, selection: Selection, window: Window) -> dt.datetime | None:
    """When the unfinished reading in full of just this selection began (UTC); None: there is none to go on with.

    One that began before the window did is over: none of the dates that it still had to read is left.
    """
    found = connection.execute(sa.select(full_read.c.began_at).where(_mine(account_id, selection))).scalar()
    return found if found is not None and found >= window.start(window.first) else None


def begin(connection: sa.Connection, account_id: int, selection: Selection, moment: dt.datetime) -> None:
    """Note that a reading in full of this selection begins at `moment` (UTC)."""
    finish(connection, account_id, selection)
    values = {"account_id": account_id, "scope": _scope(selection), "began_at": moment}
    connection.execute(sa.insert(full_read).values(values))


def finish(connection: sa.Connection, account_id: int, selection: Selection) -> None:
    """Forget the reading in full of this selection: it has been through everything."""
    connection.execute(sa.delete(full_read).where(_mine(account_id, selection)))


def _mine(account_id: int, selection: Selection) -> sa.ColumnElement[bool]:
    return sa.and_(full_read.c.account_id == account_id, full_read.c.scope == _scope(selection))


def _scope(selection: Selection) -> str:
    if not selection.narrow:
        return ""
    parts = [sorted(selection.batches), sorted(date.isoformat() for date in selection.dates)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
