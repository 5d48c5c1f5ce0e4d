"""What may be missing of an account although it counts as complete.

Retired batches are in no doubt. A batch day is in doubt once it is settled: before, it may still gain rows, or is
told as incomplete or lost. The view v_batch_summary has the first two rules too, in migrations/views/0004, for
batches of any age.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from etl.core import spreadsheet
from etl.core.doubt import ROUND, Doubt, DoubtKind, caps
from etl.database.types import UtcTime
from etl.store import accounts

SHOWN_FOR = dt.timedelta(days=42)
"""How long after its deadline a batch day's doubt is told; v_batch_summary shows it for ever."""
# A date leaves the window some weeks after it: a list may name it for longer than its deadline is known.
LISTED_FOR = SHOWN_FOR + dt.timedelta(days=14)


_TYPES: dict[str, sa.types.TypeEngine[Any]] = {"since": UtcTime(), "listed_since": sa.Date()}


def _query(text: str, *dates: str) -> sa.TextualSelect:
    """A query with typed parameters; `dates`: those of its columns that are dates."""
    parsed = sa.text(text)
    named = parsed.compile().params.keys() & _TYPES.keys()
    parsed = parsed.bindparams(*(sa.bindparam(name, type_=_TYPES[name]) for name in named))
    if "round" in parsed.compile().params:
        parsed = parsed.bindparams(sa.bindparam("round", expanding=True))
    return parsed.columns(**{name: sa.Date() for name in dates})


# A batch that has rows, or has a date that was not asked for yet, is left out, so that few lines remain.
_WITHOUT_ROWS = _query(
    """
    SELECT batch.batch_no, listed.first_date, listed.last_date, listed.entries, listed.dated,
        listed.submitted_rows,
        CASE WHEN EXISTS (
            SELECT 1 FROM batch_day
            WHERE batch_day.batch_id = batch.batch_id AND batch_day.reported_rows IS NOT NULL
        ) THEN 1 ELSE 0 END AS asked,
        CASE WHEN EXISTS (
            SELECT 1 FROM batch_day WHERE batch_day.batch_id = batch.batch_id AND NOT batch_day.spill
            AND batch_day.state = 'settled' AND batch_day.deadline >= :since
        ) THEN 1 ELSE 0 END AS settled,
        CASE WHEN EXISTS (
            SELECT 1 FROM batch_day WHERE batch_day.batch_id = batch.batch_id AND (batch_day.state = 'pending'
            OR batch_day.state = 'open' AND NOT batch_day.spill AND listed.dated = listed.entries)
        ) THEN 1 ELSE 0 END AS growing
    FROM (
        SELECT batch_id, min(check_date) AS first_date, max(check_date) AS last_date, count(*) AS entries,
            count(check_date) AS dated, sum(submitted_rows) AS submitted_rows
        FROM batch_listing WHERE check_date IS NULL OR check_date >= :listed_since GROUP BY batch_id
    ) listed
    JOIN batch ON batch.batch_id = listed.batch_id
    WHERE batch.account_id = :account_id AND batch.retired_at IS NULL
        AND NOT EXISTS (
            SELECT 1 FROM batch_day
            WHERE batch_day.batch_id = batch.batch_id
                AND (batch_day.reported_rows > 0 OR batch_day.stored_rows > 0)
        )
    """,
    "first_date",
    "last_date",
)
# Rows on the spill days that follow count: a batch may run past midnight.
_FEWER = _query(
    """
    SELECT found.batch_no, found.check_date, found.reported_rows + found.late_rows AS reported_rows,
        found.submitted_rows
    FROM (
        SELECT batch.batch_no, batch_day.check_date, batch_day.reported_rows, listed.submitted_rows, (
            SELECT coalesce(sum(late.reported_rows), 0) FROM batch_day late
            WHERE late.batch_id = batch_day.batch_id AND late.spill AND late.check_date > batch_day.check_date
                AND NOT EXISTS (
                    SELECT 1 FROM batch_day own WHERE own.batch_id = batch_day.batch_id AND NOT own.spill
                    AND own.check_date > batch_day.check_date AND own.check_date < late.check_date
                )
        ) AS late_rows
        FROM (
            SELECT batch_id, check_date, sum(submitted_rows) AS submitted_rows
            FROM batch_listing WHERE submitted_rows IS NOT NULL AND check_date >= :listed_since
            GROUP BY batch_id, check_date
        ) listed
        JOIN batch_day ON batch_day.batch_id = listed.batch_id AND batch_day.check_date = listed.check_date
        JOIN batch ON batch.batch_id = batch_day.batch_id
        WHERE batch.account_id = :account_id AND batch.retired_at IS NULL AND batch_day.state = 'settled'
            AND batch_day.deadline >= :since AND batch_day.reported_rows < listed.submitted_rows
    ) found
    WHERE found.reported_rows + found.late_rows < found.submitted_rows
    """,
    "check_date",
)
# A line without a date tells of all dates together.
_FEWER_IN_ALL = _query(
    """
    SELECT batch.batch_no, counted.reported_rows, listed.submitted_rows
    FROM (
        SELECT batch_id, sum(submitted_rows) AS submitted_rows
        FROM batch_listing WHERE batch_id IN (
            SELECT batch_id FROM batch_listing WHERE check_date IS NULL AND submitted_rows IS NOT NULL
        )
        GROUP BY batch_id
    ) listed
    JOIN batch ON batch.batch_id = listed.batch_id
    JOIN (
        SELECT batch_id, sum(reported_rows) AS reported_rows,
            count(CASE WHEN state = 'settled' AND deadline >= :since THEN 1 END) AS settled,
            count(CASE WHEN state = 'pending' OR state = 'open' AND reported_rows > 0 THEN 1 END) AS growing
        FROM batch_day WHERE batch_id IN (
            SELECT batch_id FROM batch_listing WHERE check_date IS NULL AND submitted_rows IS NOT NULL
        )
        GROUP BY batch_id
    ) counted ON counted.batch_id = listed.batch_id
    WHERE batch.account_id = :account_id AND batch.retired_at IS NULL
        AND counted.settled > 0 AND counted.growing = 0 AND counted.reported_rows < listed.submitted_rows
    """
)
# Where as many were submitted, they are all there.
_ROUND = _query(
    """
    SELECT found.batch_no, found.check_date, found.reported_rows, found.submitted_rows, (
        SELECT max(batch_day.reported_rows) FROM batch_day JOIN batch ON batch.batch_id = batch_day.batch_id
        WHERE batch.account_id = :account_id AND batch_day.deadline >= :since
    ) AS greatest
    FROM (
        SELECT batch.batch_no, batch_day.check_date, batch_day.reported_rows, (
            SELECT sum(batch_listing.submitted_rows) FROM batch_listing
            WHERE batch_listing.batch_id = batch_day.batch_id AND batch_listing.check_date = batch_day.check_date
        ) AS submitted_rows
        FROM batch_day
        JOIN batch ON batch.batch_id = batch_day.batch_id
        WHERE batch.account_id = :account_id AND batch.retired_at IS NULL AND batch_day.state = 'settled'
            AND batch_day.deadline >= :since AND batch_day.reported_rows IN :round
    ) found
    WHERE found.submitted_rows IS NULL OR found.submitted_rows <> found.reported_rows
    """,
    "check_date",
)
_NUMBERS = _query("SELECT batch_no FROM batch WHERE account_id = :account_id")


def of_account(connection: sa.Connection, account: str, moment: dt.datetime) -> list[Doubt]:
    """The doubts about an account's batches at `moment` (aware), by batch and date."""
    account_id = accounts.find(connection, account)
    if account_id is None:
        return []
    known = {"account_id": account_id, "since": moment - SHOWN_FOR, "listed_since": (moment - LISTED_FOR).date()}
    found = [*_without_rows(connection, known), *_round_totals(connection, known)]
    for query in (_FEWER, _FEWER_IN_ALL):
        found += [_fewer(line) for line in _ask(connection, query, known)]
    return sorted(found, key=lambda doubt: doubt.key)


def _without_rows(connection: sa.Connection, known: dict[str, Any]) -> Iterator[Doubt]:
    """Batches without a row on any of their dates, and what a spreadsheet may have made of their numbers."""
    lines = {line["batch_no"]: line for line in _ask(connection, _WITHOUT_ROWS, known)}
    without = {name for name, line in lines.items() if line["settled"] and not line["growing"]}
    numbers = connection.execute(_NUMBERS, {"account_id": known["account_id"]}).scalars().all() if lines else []
    changed = {*spreadsheet.traces(lines, numbers), *spreadsheet.shorter(without, numbers)}
    for kind, names in ((DoubtKind.NO_ROWS, without), (DoubtKind.LOOKS_LIKE_SPREADSHEET, changed)):
        yield from (_about_all_dates(kind, lines[name]) for name in names)


def _about_all_dates(kind: DoubtKind, line: dict[str, Any]) -> Doubt:
    """A doubt about a batch without rows, with its date where the lists give it just one."""
    one = line["dated"] == line["entries"] and line["first_date"] == line["last_date"]
    date = line["first_date"] if one else None
    return Doubt(line["batch_no"], date, kind, 0 if line["asked"] else None, _whole(line["submitted_rows"]))


def _fewer(line: dict[str, Any]) -> Doubt:
    reported, submitted = _whole(line["reported_rows"]), _whole(line["submitted_rows"])
    return Doubt(line["batch_no"], line.get("check_date"), DoubtKind.FEWER_THAN_SUBMITTED, reported, submitted)


def _round_totals(connection: sa.Connection, known: dict[str, Any]) -> Iterator[Doubt]:
    """Batch days whose total is likely to be a limit."""
    lines = _ask(connection, _ROUND, known | {"round": ROUND})
    likely = caps([line["reported_rows"] for line in lines], max((line["greatest"] for line in lines), default=0))
    for line in lines:
        if (total := line["reported_rows"]) in likely:
            submitted = _whole(line["submitted_rows"])
            yield Doubt(line["batch_no"], line["check_date"], DoubtKind.ROUND_TOTAL, total, submitted)


def count(doubts: list[Doubt]) -> dict[DoubtKind, int]:
    """How many doubts there are of each kind, also of those that there are none of."""
    counted = Counter(doubt.kind for doubt in doubts)
    return {kind: counted[kind] for kind in DoubtKind}


def _ask(connection: sa.Connection, query: sa.TextualSelect, known: dict[str, Any]) -> list[dict[str, Any]]:
    names = query.compile().params.keys()
    return [dict(row._mapping) for row in connection.execute(query, {name: known[name] for name in names})]


def _whole(rows: Any) -> int | None:
    # MariaDB and PostgreSQL add whole numbers up to a decimal one.
    return None if rows is None else int(rows)
