"""What the report page shows of one account, from few queries whose results are bounded, whatever is stored."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from etl.core.batchday import UNFINISHED
from etl.core.overview import AccountOverview, Amount, Covered, CoveredBatch, Ran
from etl.core.window import AT_RISK
from etl.database.types import UtcTime
from etl.store import accounts, doubts, figures, tallies

BEFORE = dt.timedelta(days=14)
"""So much before the window is shown date by date."""
AFTER = dt.timedelta(days=1)
"""So much after it: more is there as of a moment that is past, and then it may be any number of dates."""
ONE_BY_ONE = 30
"""Batch days of one date that are named one by one; where there are more, they are counted by state."""
MOST_NAMED = 20
"""Doubts and new codes that are named; the others are only counted."""
LAST_RUNS = 10

_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "first": sa.Date(),
    "last": sa.Date(),
    "check_date": sa.Date(),
    "risk": UtcTime(),
    "since": UtcTime(),
    "until": UtcTime(),
    "deadline": UtcTime(),
    "started_at": UtcTime(),
    "finished_at": UtcTime(),
}


def _query(text: str, *columns: str) -> sa.TextualSelect:
    """A query with typed parameters; `columns`: those that are dates or moments."""
    parsed = sa.text(text)
    given = parsed.compile().params.keys() & _TYPES.keys()
    typed = parsed.bindparams(*(sa.bindparam(name, type_=_TYPES[name]) for name in given))
    return typed.columns(**{name: _TYPES[name] for name in columns})


_COVERED = _query(
    """
    SELECT check_date, state, count(*) AS batch_days, sum(reported_rows) AS reported, sum(stored_rows) AS stored,
        sum(CASE WHEN missing_rows > 0 THEN missing_rows ELSE 0 END) AS missing
    FROM v_coverage WHERE account = :account AND check_date BETWEEN :first AND :last
    GROUP BY check_date, state ORDER BY check_date, state
    """,
    "check_date",
)
_EARLIER = _query(
    """
    SELECT state, count(*) AS batch_days,
        sum(CASE WHEN state = 'archived' OR expired_at IS NOT NULL THEN 0 ELSE stored_rows END) AS stored
    FROM v_coverage WHERE account = :account AND check_date < :first GROUP BY state ORDER BY state
    """
)
_BATCHES = sa.text(
    "SELECT check_date, batch_no, state, reported_rows, stored_rows FROM v_coverage "
    "WHERE account = :account AND check_date IN :dates ORDER BY check_date, batch_no"
).bindparams(sa.bindparam("dates", type_=sa.Date(), expanding=True))
# As long as a batch day is not complete, at least one row may be missing.
_LACKING = """
    SELECT count(*) AS batch_days, min(deadline) AS deadline,
        sum(CASE WHEN lacking > 1 THEN lacking ELSE 1 END) AS lacking
    FROM (
        SELECT deadline, coalesce(missing_rows, submitted_rows) AS lacking
        FROM v_coverage WHERE account = :account AND {}
    ) found
"""
_RISK = _query(_LACKING.format("state IN ('pending', 'incomplete') AND deadline <= :risk"), "deadline")
_LOST = _query(_LACKING.format("state = 'lost'"), "deadline")
_FIRST_DATES = _query(
    """
    SELECT state, min(check_date) AS check_date, count(*) AS batch_days
    FROM v_coverage WHERE account = :account GROUP BY state
    """,
    "check_date",
)
_REQUESTS = _query(
    "SELECT started_at, requests FROM v_sync_run "
    "WHERE account = :account AND started_at >= :since AND started_at < :until",
    "started_at",
)
_RUNS = _query(
    """
    SELECT started_at, finished_at, status, exit_code, requests, rows_inserted, rows_updated,
        CASE WHEN narrowed = 'YES' THEN 1 ELSE 0 END AS narrowed
    FROM v_sync_run WHERE account = :account ORDER BY started_at DESC LIMIT :number
    """,
    "started_at",
    "finished_at",
)
_REJECTED = _query(
    "SELECT reason, count(*) AS times FROM v_rejected_row WHERE account = :account "
    "GROUP BY reason ORDER BY 2 DESC, 1"
)
# A new code is named so when it is added (store/lookups.py).
_NEW_CODES = _query(
    """
    SELECT 'kind of check' AS code, name FROM check_level WHERE name LIKE 'Unknown (%'
    UNION ALL SELECT 'country', name FROM region WHERE name LIKE 'Unknown (%'
    UNION ALL SELECT 'response', name FROM call_response WHERE name LIKE 'Unknown (%'
    UNION ALL SELECT 'kind of number', name FROM number_type WHERE name LIKE 'unknown_%'
    ORDER BY 1, 2 LIMIT :number
    """
)


def look(connection: sa.Connection, empty: AccountOverview) -> AccountOverview:
    """The overview of an account without its backlog; the caller's transaction is the snapshot."""
    account_id = accounts.find(connection, empty.account)
    if account_id is None:
        return replace(empty, others=len(accounts.numbered(connection)))
    found = _covered(connection, replace(empty, known=True))
    held = sum(map(tallies.held_here, found.covered))
    earlier = _ask(connection, _EARLIER, account=found.account, first=found.first)
    found = replace(found, earlier={line["state"]: int(line["batch_days"]) for line in earlier})
    found = _settled_until(connection, found, account_id)
    found = _doubted(connection, _of_runs(connection, found, account_id))
    return tallies.of_rows(connection, found, account_id, held + sum(int(line["stored"]) for line in earlier))


def _covered(connection: sa.Connection, found: AccountOverview) -> AccountOverview:
    """With the batch days of each date, and by name where a date has few."""
    last = found.window.last + AFTER
    lines = _ask(connection, _COVERED, account=found.account, first=found.first, last=last)
    covered = tuple(Covered(*map(_whole, line.values())) for line in lines)
    total = Counter[dt.date]()
    for day in covered:
        total[day.date] += day.batch_days
    few = [date for date, number in total.items() if number <= ONE_BY_ONE]
    named = _ask(connection, _BATCHES.columns(check_date=sa.Date()), account=found.account, dates=few)
    return replace(found, covered=covered, batches=tuple(CoveredBatch(*line.values()) for line in named))


def _settled_until(connection: sa.Connection, found: AccountOverview, account_id: int) -> AccountOverview:
    """With how far everything is complete, what is at risk and what is lost."""
    lines = _ask(connection, _FIRST_DATES, account=found.account)
    waiting = [line for line in lines if line["state"] in UNFINISHED]
    return replace(
        found,
        known_from=min((line["check_date"] for line in lines), default=None),
        planned_to=accounts.planned_to(connection, account_id),
        unfinished=sum(line["batch_days"] for line in waiting),
        unfinished_from=min((line["check_date"] for line in waiting), default=None),
        open_from=min((line["check_date"] for line in lines if line["state"] == "open"), default=None),
        risk=_amount(connection, _RISK, account=found.account, risk=found.window.moment + AT_RISK),
        lost=_amount(connection, _LOST, account=found.account),
    )


def _amount(connection: sa.Connection, query: sa.TextualSelect, **values: Any) -> Amount:
    (line,) = _ask(connection, query, **values)
    return Amount(line["batch_days"], int(line["lacking"] or 0), line["deadline"])


def _of_runs(connection: sa.Connection, found: AccountOverview, account_id: int) -> AccountOverview:
    """With what the runs did."""
    requests, window = Counter[dt.date](), found.window
    dates = {"since": window.start(found.first), "until": window.end(window.last + AFTER)}
    for line in _ask(connection, _REQUESTS, account=found.account, **dates):
        requests[line["started_at"].astimezone(window.zone).date()] += line["requests"]
    runs = _ask(connection, _RUNS, account=found.account, number=LAST_RUNS)
    last_good = figures.last_success(connection, account_id)
    return replace(
        found, requests=dict(requests), runs=tuple(Ran(*run.values()) for run in runs), last_good=last_good
    )


def _doubted(connection: sa.Connection, found: AccountOverview) -> AccountOverview:
    """With what may be missing or wrong although it counts as complete."""
    doubtful = doubts.of_account(connection, found.account, found.window.moment)
    rejected = _ask(connection, _REJECTED, account=found.account)
    codes = _ask(connection, _NEW_CODES, number=MOST_NAMED)
    return replace(
        found,
        doubts=tuple(doubtful[:MOST_NAMED]),
        doubt_counts=doubts.count(doubtful),
        doubtful_rows=figures.doubtful_rows(connection, found.account),
        rejected={line["reason"]: line["times"] for line in rejected},
        new_codes=tuple(f"{line['code']}: {line['name']}" for line in codes),
    )


def _ask(connection: sa.Connection, query: sa.Executable, **values: Any) -> list[sa.RowMapping]:
    return [line._mapping for line in connection.execute(query, values)]


def _whole(value: Any) -> Any:
    # MariaDB and PostgreSQL add whole numbers up to a decimal one.
    return value if value is None or isinstance(value, str | dt.date) else int(value)
