"""What the database knows of an account: of all its batch days and runs, not of this run alone."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from etl.core.batchday import State
from etl.core.window import AT_RISK
from etl.database.engine import connect, reading
from etl.database.types import UtcTime
from etl.schema.tables import sync_run
from etl.store import accounts

_STATES = sa.text(
    "SELECT state, count(*) AS batch_days, sum(rejected_rows) AS rejected_rows FROM v_coverage "
    "WHERE account = :account GROUP BY state"
)
_AT_RISK = sa.text(
    "SELECT missing_rows, submitted_rows FROM v_coverage "
    "WHERE account = :account AND state IN ('pending', 'incomplete') AND deadline <= :risk"
).bindparams(sa.bindparam("risk", type_=UtcTime()))


@dataclass(frozen=True, slots=True)
class Ledger:
    """An account's figures. `last_success` (UTC): the end of its last complete run; None: there was none."""

    batch_days: dict[State, int]
    rows_at_risk: int
    rejected_rows: int
    last_success: dt.datetime | None


def read(url: sa.URL, account: str, moment: dt.datetime) -> Ledger | None:
    """The figures at `moment` (aware); None where there is no database yet. Raises SQLAlchemyError, EtlError."""
    if not _is_there(url):
        return None
    engine = connect(url)
    try:
        with reading(engine).connect() as connection:
            return _read(connection, account, moment)
    finally:
        engine.dispose()


def _read(connection: sa.Connection, account: str, moment: dt.datetime) -> Ledger:
    states = connection.execute(_STATES, {"account": account}).all()
    risks = connection.execute(_AT_RISK, {"account": account, "risk": moment + AT_RISK}).all()
    counted = {State(row.state): int(row.batch_days) for row in states}
    return Ledger(
        batch_days={state: counted.get(state, 0) for state in State},
        rows_at_risk=sum(_rows(risk) for risk in risks),
        rejected_rows=sum(int(row.rejected_rows) for row in states),
        last_success=_last_success(connection, accounts.find(connection, account)),
    )


def _rows(risk: sa.Row[tuple[int | None, int | None]]) -> int:
    """At least one: of a batch day that is not complete, nobody knows that nothing is missing."""
    missing = risk.submitted_rows if risk.missing_rows is None else risk.missing_rows
    return max(1, int(missing or 0))


def _last_success(connection: sa.Connection, account_id: int | None) -> dt.datetime | None:
    mine = (sync_run.c.account_id == account_id, sync_run.c.status == "complete", sync_run.c.exit_code == 0)
    query = sa.select(sa.func.max(sync_run.c.finished_at, type_=UtcTime())).where(*mine)
    found: dt.datetime | None = connection.execute(query).scalar_one()
    return found


def _is_there(url: sa.URL) -> bool:
    """Looking must not make an empty SQLite file."""
    name = (url.database or "").removeprefix("file:").partition("?")[0]
    return url.get_backend_name() != "sqlite" or Path(name).exists()
