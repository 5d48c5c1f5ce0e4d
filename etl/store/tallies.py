"""Checks, outcomes and cost of an account by date, country and carrier, with what UNKNOWN hides.

The views count what was found out, and not what the vendor called UNKNOWN; so this reads the rows themselves, and
no more of them than `READ_AT_MOST`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import replace
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from etl.core.overview import AccountOverview, Covered, Daily, Findings, Tally

READ_AT_MOST = 2_000_000
"""Rows that are read through; where there are more, the oldest dates are left out."""
MOST_LINES = 20_000
"""Combinations of country and carrier, or of date, kind and currency, that are told apart; the commonest first."""
RECENT = dt.timedelta(days=7)
"""What was checked on so many last dates is compared with what was checked before."""
_ASKED = ("validity", "reachable", "answered")
_WORDS = ("YES", "NO", "UNKNOWN")
_MILLION = 1_000_000

_ROWS_OF_DATES = """
    FROM batch_day
    JOIN batch ON batch.batch_id = batch_day.batch_id
    JOIN {} held ON held.batch_day_id = batch_day.batch_day_id
    WHERE batch.account_id = :account_id AND batch_day.check_date BETWEEN :first AND :last
"""
_RECENTLY = "CASE WHEN batch_day.check_date >= :recent THEN 1 ELSE 0 END"
_TALLIES = f"""
    SELECT coalesce(region.name, category.region_code) AS country, carrier.name AS carrier, counted.recent,
        sum(counted.checks) AS checks, {{added}}
    FROM (
        SELECT held.category_id, {_RECENTLY} AS recent, count(*) AS checks, {{counted}}
        {_ROWS_OF_DATES.format("number_check")}
        GROUP BY held.category_id, {_RECENTLY}
    ) counted
    JOIN category ON category.category_id = counted.category_id
    LEFT JOIN region ON region.code = category.region_code
    LEFT JOIN carrier ON carrier.carrier_id = category.carrier_id
    GROUP BY coalesce(region.name, category.region_code), carrier.name, counted.recent
    ORDER BY 4 DESC LIMIT :number
"""  # noqa: S608
# What has expired is in daily_total.
_DAILY = f"""
    SELECT counted.check_date, check_level.name AS kind, category.currency, sum(counted.checks) AS checks,
        sum(counted.priced) AS priced, sum(counted.reached) AS reached,
        sum(counted.units) AS units, sum(counted.millionths) AS millionths
    FROM (
        SELECT batch_day.check_date, held.category_id, count(*) AS checks, count(held.price) AS priced,
            count(CASE WHEN held.reachable = 'YES' THEN 1 END) AS reached, {{price}}
        {_ROWS_OF_DATES.format("number_check")}
        GROUP BY batch_day.check_date, held.category_id
        UNION ALL
        SELECT batch_day.check_date, held.category_id, sum(held.checked_rows), sum(held.priced_rows),
            sum(held.reachable_rows), {{cost}}
        {_ROWS_OF_DATES.format("daily_total")}
        GROUP BY batch_day.check_date, held.category_id
    ) counted
    JOIN category ON category.category_id = counted.category_id
    LEFT JOIN check_level ON check_level.code = category.check_level
    GROUP BY counted.check_date, check_level.name, category.currency
    ORDER BY 4 DESC LIMIT :number
"""  # noqa: S608
_AGES = """
    SELECT newest, count(*) AS phones FROM (
        SELECT number_check.phone, max(batch_day.check_date) AS newest
        FROM number_check
        JOIN batch_day ON batch_day.batch_day_id = number_check.batch_day_id
        JOIN batch ON batch.batch_id = batch_day.batch_id
        WHERE batch.account_id = :account_id AND number_check.phone <> 'erased'
        GROUP BY number_check.phone
    ) known GROUP BY newest
"""


def of_rows(connection: sa.Connection, found: AccountOverview, account_id: int, held: int) -> AccountOverview:
    """The overview with what its rows say; `held`: how many rows the account has."""
    ages = _ages(connection, account_id) if held <= READ_AT_MOST else None
    first = _counted_from(found.covered)
    if first is None:
        return replace(found, ages=ages)
    recent = found.window.last - RECENT + dt.timedelta(days=1)
    dates = {"account_id": account_id, "first": first, "last": found.window.last, "number": MOST_LINES + 1}
    daily, lines = _daily(connection, dates), _tallies(connection, dates | {"recent": recent})
    return replace(
        found,
        ages=ages,
        counted_from=first,
        recent_from=recent if first < recent else None,
        daily=daily,
        tallies=lines,
        cut=max(len(daily), len(lines)) > MOST_LINES,
    )


def held_here(day: Covered) -> int:
    """How many of its rows can be read: what is archived has left, and still counts as stored."""
    return 0 if day.state == "archived" else day.stored


def _counted_from(covered: Collection[Covered]) -> dt.date | None:
    """The first of the dates whose rows can all be read; None where there is no date."""
    first, rows = None, 0
    newest_first = sorted(covered, key=attrgetter("date"), reverse=True)
    for date, days in groupby(newest_first, attrgetter("date")):
        rows += sum(map(held_here, days))
        if first is not None and rows > READ_AT_MOST:
            break
        first = date
    return first


def _daily(connection: sa.Connection, dates: dict[str, Any]) -> tuple[Daily, ...]:
    """By date, kind and currency, in this order."""
    price, cost = (_sum_of(connection.dialect, f"held.{column}") for column in ("price", "cost"))
    query = _typed(_DAILY.format(price=price, cost=cost)).columns(check_date=sa.Date())
    lines = connection.execute(query, dates)
    found = (_day(line) for line in lines)
    return tuple(sorted(found, key=lambda day: (day.date, day.kind or "", day.currency or "")))


def _sum_of(dialect: sa.Dialect, column: str) -> str:
    """The sum of a price in whole units and in millionths, which is exact on SQLite too: there it is a text."""
    if dialect.name != "sqlite":
        return f"sum({column}) AS units, 0 AS millionths"
    point = f"instr({column}, '.')"
    digits = f"CAST(substr(substr({column}, {point} + 1) || '00000', 1, 6) AS INTEGER)"
    signed = f"{digits} * CASE WHEN substr({column}, 1, 1) = '-' THEN -1 ELSE 1 END"
    millionths = f"sum(CASE WHEN {point} = 0 THEN 0 ELSE {signed} END)"
    return f"sum(CAST({column} AS INTEGER)) AS units, {millionths} AS millionths"


def _day(line: Any) -> Daily:
    checks, priced, reached = map(int, line[3:6])
    return Daily(line.check_date, line.kind, line.currency, checks, priced, reached, _exact(line))


def _exact(line: Any) -> Decimal | None:
    return None if line.units is None else Decimal(line.units) + Decimal(line.millionths or 0) / _MILLION


def _tallies(connection: sa.Connection, dates: dict[str, Any]) -> tuple[Tally, ...]:
    """By country, carrier and whether it is recent, the commonest first."""
    names = [(column, word, f"{column}_{word.lower()}") for column in _ASKED for word in _WORDS]
    counted = ", ".join(
        f"count(CASE WHEN held.{column} = '{word}' THEN 1 END) AS {name}" for column, word, name in names
    )
    added = ", ".join(f"sum(counted.{name}) AS {name}" for _, _, name in names)
    lines = connection.execute(_typed(_TALLIES.format(counted=counted, added=added)), dates)
    return tuple(_tally(*line[:2], *map(int, line[2:])) for line in lines)


def _tally(country: str | None, carrier: str | None, recent: int, checks: int, *counts: int) -> Tally:
    outcomes = (Findings(*counts[start : start + len(_WORDS)]) for start in range(0, len(counts), len(_WORDS)))
    return Tally(country, carrier, bool(recent), checks, *outcomes)


def _ages(connection: sa.Connection, account_id: int) -> dict[dt.date, int]:
    query = sa.text(_AGES).columns(newest=sa.Date(), phones=sa.BigInteger())
    return {date: int(phones) for date, phones in connection.execute(query, {"account_id": account_id})}


def _typed(text: str) -> sa.TextClause:
    parsed = sa.text(text)
    dates = parsed.compile().params.keys() & {"first", "last", "recent"}
    return parsed.bindparams(*(sa.bindparam(name, type_=sa.Date()) for name in dates))
