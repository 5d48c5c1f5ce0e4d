"""What the database knows about an account as a whole: all of its batch days and runs, not those of one run."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from etl.core.batchday import UNFINISHED, State
from etl.core.doubt import DoubtKind
from etl.core.window import AT_RISK, Window
from etl.database.engine import connect, reading
from etl.database.sqlitefile import is_there
from etl.database.types import UtcTime
from etl.schema.tables import account as accounts_table
from etl.schema.tables import batch, batch_day, sync_run
from etl.store import accounts, doubts, lakedates

ARCHIVED = "archived"
"""What `v_coverage` says instead of the state of a batch day whose rows have left for the lake."""
Figures = list[dict[str, Any]]
"""Rows of a view, column → value. Dates and times are typed, times are in UTC, and counts are whole numbers."""

# The rule of `Window.is_at_risk`, in SQL.
_RISKY = "account = :account AND state IN :unfinished AND deadline <= :risk"
_NAMED = (
    "SELECT batch_no, check_date, deadline, missing_rows, note FROM v_coverage WHERE {} "
    "ORDER BY deadline, batch_no"
)


def _with_risk(query: str) -> sa.TextClause:
    return sa.text(query).bindparams(
        sa.bindparam("risk", type_=UtcTime()), sa.bindparam("unfinished", list(UNFINISHED), expanding=True)
    )


_STATES = sa.text(
    "SELECT state, count(*) AS batch_days, sum(rejected_rows) AS rejected_rows FROM v_coverage "
    "WHERE account = :account GROUP BY state"
)
_RISKS = _with_risk(f"SELECT missing_rows, submitted_rows FROM v_coverage WHERE {_RISKY}")  # noqa: S608
_COVERAGE = sa.text(
    "SELECT state, count(*) AS batch_days, sum(stored_rows) AS stored_rows, sum(missing_rows) AS missing_rows, "
    "sum(unresolved_rows) AS unresolved_rows, sum(rejected_rows) AS rejected_rows FROM v_coverage "
    "WHERE account = :account AND check_date BETWEEN :first AND :last GROUP BY state ORDER BY state"
).bindparams(sa.bindparam("first", type_=sa.Date()), sa.bindparam("last", type_=sa.Date()))
_DAYS: dict[str, sa.types.TypeEngine[Any]] = {"check_date": sa.Date(), "deadline": UtcTime()}
_AT_RISK = _with_risk(_NAMED.format(_RISKY)).columns(**_DAYS)
_LOST = sa.text(_NAMED.format("account = :account AND state = 'lost'")).columns(**_DAYS)
_DOUBTFUL = (
    sa.select(sa.func.coalesce(sa.func.sum(batch_day.c.doubtful_rows), 0))
    .join_from(batch_day, batch)
    .join(accounts_table)
    .where(accounts_table.c.name == sa.bindparam("account"))
)
_RUNS = sa.text(
    "SELECT run_id, started_at, finished_at, status, exit_code, requests, rows_inserted, rows_updated, narrowed "
    "FROM v_sync_run WHERE account = :account ORDER BY started_at DESC LIMIT :runs"
).columns(started_at=UtcTime(), finished_at=UtcTime())


_RUNNING = sa.text(
    "SELECT started_at, requests, retries FROM v_sync_run WHERE account = :account AND status = 'running' "
    "ORDER BY started_at DESC LIMIT 1"
).columns(started_at=UtcTime())
_TROUBLE = (
    sa.select(batch.c.batch_no, batch_day.c.check_date, batch_day.c.note, batch_day.c.last_asked_at)
    .join_from(batch_day, batch)
    .join(accounts_table)
    .where(accounts_table.c.name == sa.bindparam("account"), batch_day.c.check_date >= sa.bindparam("first"))
    .where(batch_day.c.state.in_(UNFINISHED), batch_day.c.note.is_not(None))
    .order_by(batch_day.c.last_asked_at.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Ledger:
    """An account's figures.

    `batch_days`: how many in each state of `v_coverage`; archived ones only where there are any.
    `last_success` (UTC): the end of its last complete run; None if there was none.
    `lake_exported` (UTC): the moment whose rows its lake has; None if it has no lake.
    """

    batch_days: dict[str, int]
    rows_at_risk: int
    rejected_rows: int
    last_success: dt.datetime | None
    doubts: dict[DoubtKind, int] = field(default_factory=dict)
    doubtful_rows: int = 0
    lake_exported: dt.datetime | None = None


def read(url: sa.URL, account: str, moment: dt.datetime) -> Ledger | None:
    """The figures at `moment` (aware); None if there is no database yet. Raises SQLAlchemyError, EtlError."""
    if not is_there(url):
        return None
    engine = connect(url)
    try:
        with reading(engine).connect() as connection:
            return _read(connection, account, moment)
    finally:
        engine.dispose()


def coverage(connection: sa.Connection, account: str, window: Window) -> Figures:
    """The batch days of the window and their rows, counted by state."""
    return _lines(connection, _COVERAGE, account=account, first=window.first, last=window.last)


def at_risk(connection: sa.Connection, account: str, moment: dt.datetime) -> Figures:
    """Batch days that are not complete and leave the window within 48 hours of `moment`, or have left it."""
    return _lines(connection, _AT_RISK, account=account, risk=moment + AT_RISK)


def lost(connection: sa.Connection, account: str) -> Figures:
    """The lost batch days, of any date: a list may name one long after its date."""
    return _lines(connection, _LOST, account=account)


def doubtful_rows(connection: sa.Connection, account: str) -> int:
    """Rows held with a value that its column could not take, of any date."""
    return int(connection.execute(_DOUBTFUL, {"account": account}).scalar_one())


def last_runs(connection: sa.Connection, account: str, number: int) -> Figures:
    """The last runs, the newest first."""
    return _lines(connection, _RUNS, account=account, runs=number)


def last_success(connection: sa.Connection, account_id: int | None) -> dt.datetime | None:
    """When the last run of the whole window that ended with 0 ended (UTC); None: there was none."""
    mine = (sync_run.c.account_id == account_id, sync_run.c.status == "complete", sync_run.c.exit_code == 0)
    # What is complete of some batches or dates says nothing about the others.
    whole = sync_run.c.narrowed == sa.false()
    query = sa.select(sa.func.max(sync_run.c.finished_at, type_=UtcTime())).where(*mine, whole)
    found: dt.datetime | None = connection.execute(query).scalar_one()
    return found


def running(connection: sa.Connection, account: str) -> dict[str, Any] | None:
    """When the run began that is recorded as running, and its requests so far; it may have been killed."""
    return next(iter(_lines(connection, _RUNNING, account=account)), None)


def last_trouble(connection: sa.Connection, account: str, window: Window) -> dict[str, Any] | None:
    """The batch day of the window that was asked for last without success, and its note."""
    return next(iter(_lines(connection, _TROUBLE, account=account, first=window.first)), None)


def _lines(connection: sa.Connection, query: sa.Executable, **values: Any) -> Figures:
    # In MariaDB and PostgreSQL, the sum of whole numbers is a decimal.
    return [
        {name: int(value) if isinstance(value, Decimal) else value for name, value in row._mapping.items()}
        for row in connection.execute(query, values)
    ]


def _read(connection: sa.Connection, account: str, moment: dt.datetime) -> Ledger:
    states = _lines(connection, _STATES, account=account)
    risks = _lines(connection, _RISKS, account=account, risk=moment + AT_RISK)
    counted = {line["state"]: line["batch_days"] for line in states}
    archived = {ARCHIVED: counted[ARCHIVED]} if ARCHIVED in counted else {}
    account_id = accounts.find(connection, account)
    return Ledger(
        batch_days={str(state): counted.get(state, 0) for state in State} | archived,
        rows_at_risk=sum(_rows_at_risk(**risk) for risk in risks),
        rejected_rows=sum(line["rejected_rows"] for line in states),
        last_success=last_success(connection, account_id),
        doubts=doubts.count(doubts.of_account(connection, account, moment)),
        doubtful_rows=doubtful_rows(connection, account),
        lake_exported=None if account_id is None else lakedates.last_export(connection, account_id),
    )


def _rows_at_risk(missing_rows: int | None, submitted_rows: int | None) -> int:
    """At least one: as long as a batch day is not complete, rows may be missing."""
    return max(1, (submitted_rows if missing_rows is None else missing_rows) or 0)
