"""How PostgreSQL (or SQLite) answers the usual questions as rows grow. Fills an empty database by SQL alone.

    python -m benchmarks.plans URL                   5 million rows: plan and latency of each question, size of a row
    python -m benchmarks.plans URL --steps 1,5,20    the same at 1, 5 and 20 million rows, and the rate of upserts

Each date has 12,500 rows in three or four batch days, so 5 million rows are 400 dates, like the history of one
account. The latency is how long a client waits for all rows of the answer: the median of five, after one to warm up.
"""

from __future__ import annotations

import argparse
import datetime as dt
import itertools
import json
import statistics
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from etl.core.checkrow import CheckRow
from etl.core.page import Page
from etl.database.engine import connect
from etl.schema import migrate, tables
from etl.store import checks
from etl.store.lookups import Lookups, combination

MILLION = 1_000_000
BATCH_ROWS = (2_000, 5_000, 3_000, 2_500)  # of the batch days of one date
DAY_ROWS = sum(BATCH_ROWS)
FIRST_DATE = dt.date(2025, 1, 1)
PHONES = 8 * MILLION
CARRIERS = 40  # the first has 29 % of the rows, the 20th 1.4 %
BLOCK = 40  # dates that one transaction fills

# a date, batches (one a date and size), their rows; {first}, {last}: numbers of dates
FILL_POSTGRESQL = (
    """
    INSERT INTO batch (batch_id, account_id, batch_no)
    SELECT d * 4 + b, 1, 'B' || d || '-' || b FROM generate_series({first}, {last}) d, generate_series(0, 3) b
    """,
    """
    INSERT INTO batch_day (batch_day_id, batch_id, check_date, deadline, state, reported_rows, stored_rows)
    SELECT d * 4 + b, d * 4 + b, DATE '{date}' + d, DATE '{date}' + d + 14, 'settled', r, r
    FROM generate_series({first}, {last}) d, unnest(ARRAY{sizes}) WITH ORDINALITY AS s (r, n), LATERAL (SELECT n - 1 AS b) x
    """,
    """
    INSERT INTO number_check (message_id, phone, batch_day_id, category_id, pre_check, country_code,
        national_number, standard_number, price, validity, reachable, roaming, mcc, mnc, ported, active,
        early, answered, response, first_seen_at, last_changed_at)
    SELECT md5(day::text) || '-' || lpad(i::text, 6, '0'), '84' || local, day, category_id,
        CASE WHEN i % 50 = 0 THEN 'NO' ELSE 'YES' END, '84', local, '+84 ' || local, 0.0056 + (i % 5) * 0.0001,
        CASE hlr WHEN 1 THEN 'YES' END, CASE hlr WHEN 1 THEN CASE WHEN dice < 0.7 THEN 'YES' ELSE 'NO' END END,
        CASE hlr WHEN 1 THEN 'NO' END, CASE hlr WHEN 1 THEN '452' END, CASE hlr WHEN 1 THEN '04' END,
        CASE hlr WHEN 1 THEN 'NO' END, CASE hlr WHEN 1 THEN 'YES' END,
        CASE call WHEN 1 THEN 'YES' END, CASE call WHEN 1 THEN CASE WHEN dice < 0.3 THEN 'YES' ELSE 'NO' END END,
        CASE call WHEN 1 THEN 'bell' END, seen, seen
    FROM (
        SELECT batch_day_id AS day, i, (900000000 + floor(random() * {phones}))::bigint::text AS local,
            check_date + INTERVAL '20 hours' AS seen, random() AS dice,
            CASE WHEN i % 10 < 7 THEN 1 END AS hlr, CASE WHEN i % 10 IN (7, 8) THEN 1 END AS call,
            CASE WHEN i % 10 < 7 THEN 5 WHEN i % 10 < 9 THEN 4 ELSE 1 END AS level,
            CASE WHEN i % 20 = 0 THEN 'PH' ELSE 'VN' END AS region, (i % 3)::text AS kind,
            CASE WHEN i % 50 > 0 THEN 1 + floor(40 * power(random(), 3)) ELSE 0 END AS carrier
        FROM batch_day, generate_series(1, stored_rows) i
        WHERE batch_day_id BETWEEN {first} * 4 AND {last} * 4 + 3 OFFSET 0
    ) made
    JOIN category ON check_level = level AND region_code = region AND number_type = kind
        AND coalesce(carrier_id, 0) = carrier
    """,
)
# SQLite has no md5 and no series: the same shape by other means.
FILL_SQLITE = (
    """
    INSERT INTO batch (batch_id, account_id, batch_no) WITH RECURSIVE n (i) AS
        (SELECT {first} * 4 UNION ALL SELECT i + 1 FROM n WHERE i < {last} * 4 + 3)
    SELECT i, 1, 'B' || (i / 4) || '-' || (i % 4) FROM n
    """,
    """
    INSERT INTO batch_day (batch_day_id, batch_id, check_date, deadline, state, reported_rows, stored_rows)
    SELECT batch_id, batch_id, date('{date}', '+' || (batch_id / 4) || ' days'),
        date('{date}', '+' || (batch_id / 4 + 14) || ' days') || 'T00:00:00.000000+00:00', 'settled',
        {size}, {size}
    FROM batch WHERE batch_id BETWEEN {first} * 4 AND {last} * 4 + 3
    """,
    """
    INSERT INTO number_check (message_id, phone, batch_day_id, category_id, pre_check, country_code,
        national_number, standard_number, price, validity, reachable, roaming, mcc, mnc, ported, active,
        early, answered, response, first_seen_at, last_changed_at)
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
    SELECT printf('%032d-%06d', day, i), '84' || local, day, category_id,
        CASE WHEN i % 50 = 0 THEN 'NO' ELSE 'YES' END, '84', local, '+84 ' || local, '0.005' || (6 + i % 4),
        CASE hlr WHEN 1 THEN 'YES' END, CASE hlr WHEN 1 THEN CASE WHEN dice < 0.7 THEN 'YES' ELSE 'NO' END END,
        CASE hlr WHEN 1 THEN 'NO' END, CASE hlr WHEN 1 THEN '452' END, CASE hlr WHEN 1 THEN '04' END,
        CASE hlr WHEN 1 THEN 'NO' END, CASE hlr WHEN 1 THEN 'YES' END,
        CASE call WHEN 1 THEN 'YES' END, CASE call WHEN 1 THEN CASE WHEN dice < 0.3 THEN 'YES' ELSE 'NO' END END,
        CASE call WHEN 1 THEN 'bell' END, seen, seen
    FROM (
        SELECT batch_day_id AS day, i, 900000000 + abs(random() % {phones}) AS local,
            abs(random() % 1000000) / 1000000.0 AS dice, check_date || 'T20:00:00.000000+00:00' AS seen,
            CASE WHEN i % 10 < 7 THEN 1 END AS hlr, CASE WHEN i % 10 IN (7, 8) THEN 1 END AS call
        FROM batch_day CROSS JOIN n
        WHERE batch_day_id BETWEEN {first} * 4 AND {last} * 4 + 3 AND i <= stored_rows
        LIMIT -1
    )
    JOIN category ON combination =
        CASE WHEN i % 10 < 7 THEN '5' WHEN i % 10 < 9 THEN '4' ELSE '1' END || '|'
        || CASE WHEN i % 20 = 0 THEN 'PH' ELSE 'VN' END || '|' || (i % 3) || '|'
        || CASE WHEN i % 50 > 0 THEN 1 + CAST(40 * dice * dice * dice AS INTEGER) ELSE '' END || '|USD'
    """,
)


def questions(connection: sa.Connection, dates: int) -> Iterator[tuple[str, str]]:
    """Each question and its SQL; its days are in the middle of the history."""
    day = FIRST_DATE + dt.timedelta(days=dates // 2)
    month = f"check_date BETWEEN '{day}' AND '{day + dt.timedelta(days=29)}'"
    phone = connection.exec_driver_sql(
        f"SELECT phone FROM number_check WHERE batch_day_id = {dates // 2 * 4} LIMIT 1"
    ).scalar()
    yield "a day", f"SELECT * FROM v_number_check WHERE check_date = '{day}'"
    yield "a batch", f"SELECT * FROM v_number_check WHERE batch_no = 'B{dates // 2}-1'"
    yield "a phone", f"SELECT * FROM v_number_check WHERE phone = '{phone}'"
    yield "a carrier (1.4 %), 30 days", f"SELECT * FROM v_number_check WHERE carrier = 'carrier 20' AND {month}"
    yield "the largest carrier, 30 days", f"SELECT * FROM v_number_check WHERE carrier = 'carrier 1' AND {month}"
    yield "daily summary, a day", f"SELECT * FROM v_daily_summary WHERE check_date = '{day}'"
    yield "daily summary, 30 days", f"SELECT * FROM v_daily_summary WHERE {month}"
    yield "newest check of a phone", f"SELECT * FROM v_phone_latest WHERE phone = '{phone}'"
    yield "summary of a batch", f"SELECT * FROM v_batch_summary WHERE batch_no = 'B{dates // 2}-1'"


def fill(engine: sa.Engine, first: int, last: int) -> None:
    """The dates from the `first` to before the `last`, in transactions of BLOCK dates."""
    postgresql = engine.dialect.name == "postgresql"
    size = "CASE batch_id % 4 " + " ".join(f"WHEN {n} THEN {r}" for n, r in enumerate(BATCH_ROWS)) + " END"
    for begin in range(first, last, BLOCK):
        names = {"first": begin, "last": min(begin + BLOCK, last) - 1, "date": FIRST_DATE, "phones": PHONES}
        with engine.begin() as connection:
            if postgresql:  # the rows are right by construction: skip the checks of foreign keys
                connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            for statement in FILL_POSTGRESQL if postgresql else FILL_SQLITE:
                made = statement.format(**names, sizes=list(BATCH_ROWS), size=size)
                connection.exec_driver_sql(made.replace("%", "%%") if postgresql else made)


def seed(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.insert(tables.account), {"account_id": 1, "name": "default"})
        connection.execute(sa.insert(tables.currency), {"code": "USD"})
        numbers = range(1, CARRIERS + 1)
        carriers = [{"carrier_id": number, "name": f"carrier {number}"} for number in numbers]
        connection.execute(sa.insert(tables.carrier), carriers)
        names = ("check_level", "region_code", "number_type", "carrier_id", "currency")
        combined = itertools.product((1, 4, 5), ("VN", "PH"), "012", (None, *numbers), ("USD",))
        categories = [
            dict(zip(names, each, strict=True)) | {"combination": combination(each)} for each in combined
        ]
        connection.execute(sa.insert(tables.category), categories)


def tidy(engine: sa.Engine) -> None:
    """Leave the tables as autovacuum would have."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM (ANALYZE)" if engine.dialect.name == "postgresql" else "ANALYZE")


# -- what is measured --------------------------------------------------------------------------------------


def median_ms(task: Callable[[], object]) -> float:
    times = []
    for _ in range(6):
        began = time.perf_counter()
        task()
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:]) * 1000


def explain(connection: sa.Connection, query: str) -> str:
    """The plan on one line: how each table is reached, rows × loops, and the buffers of the whole query."""
    if connection.dialect.name == "sqlite":
        return "; ".join(row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}"))
    answer = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}").scalar_one()
    plan = (answer if isinstance(answer, list) else json.loads(answer))[0]
    top = plan["Plan"]
    parts = [part for part in nodes(top) if part]
    return (
        f"{'; '.join(parts)} | hit {top['Shared Hit Blocks']:,}, read {top['Shared Read Blocks']:,}, "
        f"planning {plan['Planning Time']:.1f} ms, execution {plan['Execution Time']:.1f} ms"
    )


def nodes(node: dict[str, Any]) -> Iterator[str]:
    kind = node["Node Type"]
    where = node.get("Index Name") or node.get("Relation Name", "")
    shown = "Scan" in kind or "Join" in kind or kind in ("Aggregate", "Sort", "WindowAgg", "Gather", "Nested Loop")
    if shown and node.get("Actual Loops"):
        yield f"{kind} {where}".strip() + f" {node['Actual Rows']:,.0f}×{node['Actual Loops']:,}"
    for child in node.get("Plans", []):
        yield from nodes(child)


def sizes(connection: sa.Connection, rows: int) -> str:
    found = connection.exec_driver_sql(
        "SELECT relname, pg_table_size(oid), pg_indexes_size(oid) FROM pg_class "
        "WHERE relkind = 'r' AND relname = 'number_check'"
    ).all()
    parts = [f"{name} {table / rows:.0f} + {index / rows:.0f}" for name, table, index in found]
    whole = sum(table + index for _, table, index in found)
    return f"{whole / rows:.0f} bytes a check ({whole / 2**30:.2f} GiB): table + indexes {', '.join(parts)}"


def upserts(engine: sa.Engine, step: int) -> str:
    """100 pages of 100 rows, a transaction for each, through the job's own store: new rows, then the same again."""
    day = 100_000_000 + step
    with engine.begin() as connection:
        do = connection.exec_driver_sql
        do(f"INSERT INTO batch (batch_id, account_id, batch_no) VALUES ({day}, 1, 'upsert-{step}')")
        do(
            "INSERT INTO batch_day (batch_day_id, batch_id, check_date, deadline) "
            f"VALUES ({day}, {day}, '2024-12-31', '2025-01-14 00:00:00+00:00')"
        )
    pages = [made_page(step, number) for number in range(1, 101)]
    rates = []
    lookups = Lookups()
    for _ in range(2):
        began = time.perf_counter()
        for page in pages:
            with engine.begin() as connection:
                moment = dt.datetime.now(dt.UTC)
                checks.store(connection, lookups, day, page, at_page=page.number, moment=moment)
        rates.append(10_000 / (time.perf_counter() - began))
    return f"{rates[0]:,.0f} new rows/s, {rates[1]:,.0f} unchanged rows/s"


def made_page(step: int, number: int) -> Page:
    rows = []
    for place in range(100):
        local = str(900_000_000 + (step * 7 + number * 100 + place) * 7919 % PHONES)
        values: dict[str, Any] = dict.fromkeys(CheckRow._fields)
        values |= {"message_id": f"upsert-{step:026}-{number * 100 + place:06}", "phone": f"84{local}"}
        values |= {"check_level": 5, "pre_check": "YES", "region_code": "VN", "country_code": "84"}
        values |= {"national_number": local, "standard_number": f"+84 {local}", "number_type": "2"}
        values |= {"carrier": f"carrier {1 + place % CARRIERS}", "price": Decimal("0.0056"), "currency": "USD"}
        values |= {"validity": "YES", "reachable": "YES", "roaming": "NO", "mcc": "452", "mnc": "04"}
        rows.append(CheckRow(**values))
    return Page(number, 10_000, tuple(rows), (), {}, {}, 100, "page")


def measure(engine: sa.Engine, dates: int) -> None:
    with engine.connect() as connection:
        for name, query in questions(connection, dates):
            took = median_ms(lambda query=query: connection.exec_driver_sql(query).all())  # type: ignore[misc]
            rows = len(connection.exec_driver_sql(query).all())
            print(f"{name}: {took:.1f} ms, {rows:,} rows\n    {explain(connection, query)}", flush=True)


def main() -> None:
    """Fill and measure, step by step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="SQLAlchemy URL of an empty database")
    parser.add_argument("--steps", default="5", help="millions of rows, in rising order")
    given = parser.parse_args()
    engine = connect(sa.make_url(given.url))
    migrate.upgrade(engine)
    seed(engine)
    filled = 0
    for step in [float(word) for word in given.steps.split(",")]:
        dates = int(step * MILLION) // DAY_ROWS
        began = time.perf_counter()
        fill(engine, filled, dates)
        tidy(engine)
        added = (dates - filled) * DAY_ROWS
        filled = dates
        print(f"\n== {dates * DAY_ROWS:,} rows; {added:,} of them filled in {time.perf_counter() - began:.0f} s")
        if engine.dialect.name == "postgresql":
            with engine.connect() as connection:
                print(sizes(connection, dates * DAY_ROWS))
        measure(engine, dates)
        print(f"upserts: {upserts(engine, int(step))}", flush=True)
    engine.dispose()


if __name__ == "__main__":
    main()
