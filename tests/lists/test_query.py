"""The query on another database: what its rows may be, and what is reported when something is wrong with it."""

from __future__ import annotations

import datetime as dt
import gc
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from etl.core.line import Line
from etl.lists import query
from etl.lists.listing import BadLine, Listing
from etl.lists.query import read_query
from etl.settings import urls
from tests.cli.support import rows
from tests.clocks import HandSet
from tests.patience import count_by
from tests.ports import closed_port
from tests.running import HANG, wait_until
from tests.servers import MARIADB, POSTGRESQL

__all__ = ["closed_port"]

FIRST, LAST = dt.date(2026, 11, 1), dt.date(2026, 11, 14)
DAY = dt.date(2026, 11, 2)
ZONE = ZoneInfo("Asia/Shanghai")
SECRET = "s3cr3t-value"


@pytest.fixture
def url(tmp_path: Path) -> sa.URL:
    """A customer's database with a table of submissions, in a folder whose name needs quoting in a URI."""
    folder = tmp_path / "a b%20?#é"
    folder.mkdir()
    url = sa.URL.create("sqlite", database=str(folder / "customer.db"))
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE sent (batch TEXT, day TEXT, n INTEGER, phone TEXT)")
        connection.exec_driver_sql(
            "INSERT INTO sent VALUES ('批次-1', '2026-11-02', 5, '84981234567'), ('批次-1', '2026-11-02', 6, '')"
        )
        connection.exec_driver_sql(
            "INSERT INTO sent VALUES ('old', '2026-10-01', 1, ''), ('undated', NULL, NULL, '')"
        )
    engine.dispose()
    return url


def read(url: sa.URL, sql: str) -> Listing:
    return read_query(url, sql, FIRST, LAST, ZONE)


def message_of(found: Listing, exit_status: int) -> str:
    assert (found.source, found.lines, found.whole) == ("query", (), False)
    (problem,) = found.problems
    assert problem.exit_status == exit_status
    return str(problem)


@pytest.mark.parametrize(
    ("sql", "lines"),
    [
        (
            "SELECT batch AS batch_no, day AS date, n AS rows FROM sent",
            [Line("批次-1", DAY, 11), Line("old", dt.date(2026, 10, 1), 1), Line("undated")],
        ),
        (
            "SELECT batch AS BATCH_NO, day AS Date, sum(n) AS Rows, 'k' AS AppKey, 1 AS other FROM sent"
            " WHERE day BETWEEN :first_date AND :last_date GROUP BY batch, day;",
            [Line("批次-1", DAY, 11, "k")],
        ),
        (
            "SELECT DISTINCT batch AS batch_no FROM sent WHERE day >= :last_date OR n IS NULL",
            [Line("undated")],
        ),
        ("SELECT batch AS batch_no FROM sent WHERE batch LIKE '%ld' AND '\\:x' <> '12:30'", [Line("old")]),
        ("SELECT batch AS batch_no FROM sent WHERE 0", []),
    ],
)
def test_good_queries(url: sa.URL, sql: str, lines: list[Line]) -> None:
    assert read(url, sql) == Listing("query", tuple(lines))


def test_dates_are_bound_and_never_pasted(url: sa.URL) -> None:
    found = read(url, "SELECT :first_date || '..' || :last_date AS batch_no, typeof(:first_date) AS appkey")
    assert found.lines == (Line("2026-11-01..2026-11-14", None, None, "text"),)


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ("'B' AS batch_no, '2026-11-02 10:30:00' AS date", Line("B", DAY)),
        ("'B' AS batch_no, '2026-11-02T10:30:00.5+08:00' AS date", Line("B", DAY)),
        ("'B' AS batch_no, '2026-11-01T16:00:00Z' AS date", Line("B", DAY)),
        ("'B' AS batch_no, '2026-11-02 15:59:59.999999+00' AS date", Line("B", DAY)),
        ("'B' AS batch_no, '2026-11-02 00:30:00+09:00' AS date", Line("B", DAY - dt.timedelta(days=1))),
        ("'B' AS batch_no, '2026-11-01 20:00-0500' AS date", Line("B", DAY)),
        ("'B' AS batch_no, '2026-11-01 16:30:00.1234567 +00:00' AS date", Line("B", DAY)),
        ("'B' AS batch_no, '2026-11-01 16:30:00 UTC' AS date", Line("B", DAY)),
        ("'B' AS batch_no, '2026-11-01t16:30z' AS date", Line("B", DAY)),
        ("'B' AS batch_no, '2026-11-02 23:59:59' AS date", Line("B", DAY)),
        ("'B' AS batch_no, '' AS date, '' AS rows, NULL AS appkey", Line("B")),
        ("101713775788 AS batch_no, 5.0 AS rows", Line("101713775788", None, 5)),
        ("CAST('批' AS BLOB) AS batch_no, '7' AS rows", Line("批", None, 7)),
        ("' B  ' AS batch_no", Line("B")),
    ],
)
def test_values_of_sqlite(url: sa.URL, row: str, line: Line) -> None:
    assert replace(read(url, f"SELECT {row}"), notices=()) == Listing("query", (line,))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (dt.date(2026, 11, 2), "2026-11-02"),
        (dt.datetime(2026, 11, 2, 23, 59), "2026-11-02"),
        (dt.datetime(2026, 11, 2, 15, 59, 59, 999999, dt.UTC), "2026-11-02"),
        (dt.datetime(2026, 11, 2, 16, tzinfo=dt.UTC), "2026-11-03"),
        (dt.datetime(2026, 11, 2, 0, 30, tzinfo=ZoneInfo("Asia/Tokyo")), "2026-11-01"),
        (dt.datetime(2026, 11, 1, 12, tzinfo=ZoneInfo("America/New_York")), "2026-11-02"),
        (Decimal("5"), "5"),
        (Decimal("5.00"), "5"),
        (Decimal("5.5"), "5.5"),
        (Decimal("1.01713775788E+11"), "101713775788"),
        (101713775788.0, "101713775788"),
        (float(2**53), str(2**53)),
        (Decimal(10) ** 30, "1" + "0" * 30),
        (Decimal("1E+999999999"), "1E+999999999"),  # as text: its digits would take all memory
        (Decimal("NaN"), "NaN"),
        (Decimal("Infinity"), "Infinity"),
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    ],
)
def test_values_of_other_drivers(value: object, text: str) -> None:
    assert query._text(value, ZONE) == text


def test_the_zone_is_the_one_that_is_set() -> None:
    moment = dt.datetime(2026, 11, 2, 16, tzinfo=dt.UTC)
    assert [query._text(moment, ZoneInfo(zone)) for zone in ("UTC", "Asia/Tokyo", "Pacific/Honolulu")] == [
        "2026-11-02", "2026-11-03", "2026-11-02",
    ]  # fmt: skip


@pytest.mark.parametrize("server", [POSTGRESQL], indirect=True)
def test_a_moment_of_a_server_is_its_date_in_the_vendors_zone(database: sa.URL) -> None:
    moments = (
        "timestamptz '2026-11-02 15:59:59+00'",
        "timestamptz '2026-11-02 16:00+00'",
        "timestamp '2026-11-02 23:00'",
    )
    found = [read(database, f"SELECT 'B' AS batch_no, {moment} AS date").lines[0] for moment in moments]
    assert [line.date for line in found] == [DAY, DAY + dt.timedelta(days=1), DAY]


@pytest.mark.parametrize("value", [1e16, -1e300])
def test_a_float_beyond_what_it_holds_exactly_is_no_number(value: float) -> None:
    with pytest.raises(BadLine, match="too large to be exact"):
        query._text(value, ZoneInfo("UTC"))


@pytest.mark.parametrize("value", [True, [1], {"a": 1}])
def test_values_that_no_column_of_a_list_has(value: object) -> None:
    with pytest.raises(BadLine, match="a column is of type"):
        query._text(value, ZONE)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("NULL AS batch_no", "the batch number is empty"),
        ("'' AS batch_no", "the batch number is empty"),
        ("printf('%065d',1) AS batch_no", "the batch number has more than 64 characters"),
        ("'a' || char(0) || 'b' AS batch_no", "it contains control characters"),
        ("x'61ff' AS batch_no", "it is not UTF-8 text"),
        ("'B' AS batch_no, '20261102' AS date", "the date is not a real date as yyyy-MM-dd"),
        ("'B' AS batch_no, 20261102 AS date", "the date is not a real date as yyyy-MM-dd"),
        ("'B' AS batch_no, '2026-02-30 00:00:00' AS date", "the date is not a real date as yyyy-MM-dd"),
        ("'B' AS batch_no, -1 AS rows", "rows is not a whole number from 0 to 999,999,999"),
        ("'B' AS batch_no, 1.5 AS rows", "rows is not a whole number from 0 to 999,999,999"),
        ("'B' AS batch_no, 9e999 AS rows", "rows is not a whole number from 0 to 999,999,999"),
    ],
)
def test_a_bad_row_is_named_and_the_others_are_read(url: sa.URL, row: str, reason: str) -> None:
    good = "SELECT 'good' AS batch_no" + (f", NULL AS {row.rsplit(maxsplit=1)[-1]}" if ", " in row else "")
    found = read(url, f"{good} UNION ALL SELECT {row} UNION ALL {good}")
    text = (
        f"NUMBERCHECK_BATCH_QUERY: 1 row cannot be used (row 2: {reason}). "
        "Remedy: correct what is named; everything else is used."
    )
    assert (found.source, found.lines, found.whole) == ("query", (Line("good"),), True)
    assert [(problem.exit_status, str(problem)) for problem in found.problems] == [(78, text)]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT nope FROM sent", "NUMBERCHECK_BATCH_QUERY fails: no such column: nope. Remedy: "),
        ("SELECT * FROM nope", "no such table: nope"),
        ("SELEC", "syntax error"),
        ("SELECT 1; SELECT 2", "one statement at a time"),
        ("SELECT batch FROM sent", "there is no column batch_no"),
        ("SELECT 1 AS batch_no, 2 AS date, 3 AS Date", "the column date appears twice"),
        (
            "SELECT ':other' AS batch_no",
            r"uses :other. Remedy: use only :first_date and :last_date; write any other",
        ),
        ("DELETE FROM sent", "attempt to write a readonly database"),
        ("CREATE TABLE x (a)", "attempt to write a readonly database"),
        ("SELECT batch AS batch_no, json(phone || '{') FROM sent", "malformed JSON"),
        ("", "NUMBERCHECK_BATCH_QUERY fails"),
    ],
)
def test_a_query_that_is_wrong(url: sa.URL, sql: str, reason: str) -> None:
    text = message_of(read(url, sql), 78)
    assert reason in text
    assert "8498123" not in text
    assert len(read(url, "SELECT batch AS batch_no FROM sent").lines) == 3


def test_what_a_database_says_is_scrubbed(url: sa.URL) -> None:
    text = message_of(read(url, 'SELECT * FROM "84981234567"'), 78)
    assert "no such table: *********67" in text


@pytest.mark.parametrize("server", [MARIADB], indirect=True)
def test_a_node_that_loses_its_cluster_meanwhile_is_for_the_next_run(database: sa.URL) -> None:
    said = "WSREP has not yet prepared node for application use"
    signal = f"SIGNAL SQLSTATE '08S01' SET MYSQL_ERRNO = 1047, MESSAGE_TEXT = '{said}'"
    assert f"broke off the query: (1047, '{said}'). The next run" in message_of(read(database, signal), 75)


def test_a_database_that_is_locked_is_for_the_next_run(url: sa.URL) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN EXCLUSIVE")
        busy = url.update_query_dict({"timeout": "0.01"})
        text = message_of(read(busy, "SELECT batch AS batch_no FROM sent"), 75)
    assert "broke off the query: database is locked. The next run tries again." in text


def test_a_file_that_is_not_there_is_not_created(tmp_path: Path) -> None:
    text = message_of(read(sa.URL.create("sqlite", database=str(tmp_path / "no.db")), "SELECT 1 AS batch_no"), 78)
    assert "cannot be opened: unable to open database file. Remedy: correct NUMBERCHECK_BATCH_DATABASE_URL" in text
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("batch_no\nB1\n" * 100)
    url = sa.URL.create("sqlite", database=str(tmp_path / "x.db"))
    assert "file is not a database" in message_of(read(url, "SELECT 1 AS batch_no FROM sqlite_master"), 78)


@pytest.mark.parametrize("kind", ["postgresql", "mysql", "mariadb"])
def test_a_server_that_does_not_answer_is_for_the_next_run(kind: str, closed_port: int) -> None:
    url = urls.source(f"{kind}://u:{SECRET}@127.0.0.1:{closed_port}/x")
    text = message_of(read(url, "SELECT 1 AS batch_no"), 75)
    assert text.startswith("The database of NUMBERCHECK_BATCH_DATABASE_URL does not answer: ")
    assert text.endswith("The next run tries again.")
    assert SECRET not in text


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_an_option_that_the_driver_does_not_know(kind: str) -> None:
    """The settings refuse it already; this one slipped through, as from a driver whose options nobody here knows."""
    url = urls.source(f"{kind}://u:{SECRET}@127.0.0.1:1/x").update_query_dict({"nonsense": "1"})
    text = message_of(read(url, "SELECT 1 AS batch_no"), 78)
    assert "nonsense" in text
    assert SECRET not in text


def test_a_driver_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    url = urls.source(f"postgresql://u:{SECRET}@127.0.0.1:1/x")
    assert "pip install 'numbercheck-etl[postgresql]'" in message_of(read(url, "SELECT 1 AS batch_no"), 78)


@pytest.mark.parametrize(
    ("given", "seconds"), [("postgresql://h/x", "10"), ("mysql://h/x?connect_timeout=3", "3")]
)
def test_connecting_does_not_take_for_ever(given: str, seconds: str) -> None:
    assert query._careful(urls.source(given)).query["connect_timeout"] == seconds


def test_a_reason_holds_no_secret_of_the_url() -> None:
    url = sa.make_url(f"postgresql://u:{SECRET}@h/x?sslpassword=other-{SECRET}")
    error = RuntimeError(f"could not use {SECRET} and other-{SECRET} of 84981234567\nmore")
    assert query._reason(error, url) == "could not use *** and other-*** of *********67"


# The sessions that wait for the table that the tests below lock.
WAITING = {
    "postgresql": "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
    "mariadb": "SELECT id FROM information_schema.processlist WHERE state LIKE 'Waiting for table%' AND db = database()",
}
LOCK = {"postgresql": "LOCK TABLE sent IN ACCESS EXCLUSIVE MODE", "mariadb": "LOCK TABLES sent WRITE"}


@contextmanager
def unreadable(database: sa.URL) -> Iterator[None]:
    """Inside this context, no query on the table `sent` ends."""
    engine = sa.create_engine(database, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE sent (batch_no VARCHAR(64))")
    with engine.begin() as connection:
        connection.exec_driver_sql(LOCK[database.get_backend_name()])
        yield


@pytest.mark.parametrize("server", [POSTGRESQL, MARIADB], indirect=True)
def test_a_server_that_says_nothing_for_long_is_for_the_next_run(
    database: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted by a clock that moves only once the server is at work."""
    clock = HandSet()
    count_by(clock, monkeypatch.setattr)
    with ThreadPoolExecutor() as pool, warnings.catch_warnings(), unreadable(database):
        warnings.simplefilter("ignore", ResourceWarning)  # SQLAlchemy does not close a lost connection's cursor
        reading = pool.submit(read, database, "SELECT batch_no FROM sent")
        wait_until(lambda: reading.done() or rows(database, WAITING[database.get_backend_name()]))
        clock.now, looks = query.QUERY_SECONDS - 1, clock.looks
        wait_until(lambda: reading.done() or clock.looks > looks + 2)
        assert not reading.done()
        clock.now = query.QUERY_SECONDS + 1
        words = message_of(reading.result(HANG), 75)
        gc.collect()
    assert words.startswith("The database of NUMBERCHECK_BATCH_DATABASE_URL broke off the query: ")
    assert words.endswith("The next run tries again.")


@pytest.mark.parametrize("server", [POSTGRESQL], indirect=True)
@pytest.mark.parametrize("what", ["datestyle = 'SQL, DMY'", "client_encoding = 'sql_ascii'"])
def test_what_a_source_sets_for_others(what: str, database: sa.URL) -> None:
    engine = sa.create_engine(database, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {database.database} SET {what}")
    engine.dispose()
    query = "SELECT '批次' AS batch_no, timestamptz '2026-03-09 23:30:00+00' AS date"
    assert [(line.batch_no, str(line.date)) for line in read(database, query).lines] == [("批次", "2026-03-10")]
