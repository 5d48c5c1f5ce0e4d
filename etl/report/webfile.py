"""The report page as a file: the database at one moment, looked at once, as HTML."""

from __future__ import annotations

import datetime as dt
import importlib.util
import os
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from etl.core import planning
from etl.core.overview import AccountOverview, Backlog
from etl.core.planning import Why
from etl.core.window import Window
from etl.database.engine import connect, snapshot
from etl.database.sqlitefile import is_there
from etl.errors import Misconfigured
from etl.report import replacing
from etl.run.outlook import foreseen
from etl.schema import installed
from etl.settings import Settings, draft
from etl.store import accounts, glance

PACKAGES = ("jinja2", "pygal")
"""Those of the extra `report`."""


def write(
    path: Path,
    needed: Collection[Path],
    settings: Settings | None,
    moment: dt.datetime,
    ended: int | None = None,
) -> int:
    """Replace the file, or that which a link names, by the page as of `moment` (aware); how many bytes it has.

    `needed`: files that are not replaced. `settings`: None where some are wrong, which then have their defaults.
    `ended`: the exit status of the sync that makes the page. Raises EtlError, SQLAlchemyError, OSError.
    """
    replacing.require_replaceable(path, needed)
    content = page(settings or draft()[0], moment, ended).encode()
    replacing.replace(Path(os.path.realpath(path)), content)
    return len(content)


def page(settings: Settings, moment: dt.datetime, ended: int | None = None) -> str:
    """The page as of `moment` (aware). Raises EtlError, SQLAlchemyError."""
    require_packages()
    from etl.webpage import render  # noqa: PLC0415  (its packages are an extra, and few use it)

    return render.page(replace(overview(settings, moment), ended=ended))


def require_packages() -> None:
    """Raise Misconfigured, naming what to install, if the extra is not installed."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        problem = f"The report page needs packages that are not installed: {', '.join(missing)}."
        raise Misconfigured(problem, "pip install 'numbercheck-etl[report]'")


def overview(settings: Settings, moment: dt.datetime) -> AccountOverview:
    """What the page shows; an empty overview where there is no database or no schema yet."""
    window = Window.at(moment, settings)
    empty = AccountOverview(
        account=settings.account,
        window=window,
        first=window.first - glance.BEFORE,
        interval=settings.request_interval,
    )
    if not is_there(settings.database_url):
        return empty
    engine = connect(settings.database_url, patient=True)
    try:
        if installed.current(engine) is None:
            return empty
        installed.require_current(engine)
        with snapshot(engine) as connection:
            return _backlog(connection, glance.look(connection, empty), settings)
    finally:
        engine.dispose()


def _backlog(connection: sa.Connection, found: AccountOverview, settings: Settings) -> AccountOverview:
    """With what a run would have to fetch, as the lists say that the database keeps."""
    plan = foreseen(connection, accounts.find(connection, settings.account), settings, found.window)
    if plan is None:
        return found
    tasks = [task for task in plan.tasks if task.why in (Why.RESCUE, Why.FETCH)]
    fetch = planning.Plan(tasks, [], [])
    return replace(
        found,
        backlog=Backlog(len(tasks), fetch.requests, fetch.requests_at_least, fetch.requests_at_most),
    )
