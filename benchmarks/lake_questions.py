"""How long the three questions of docs/lake.md take: our views, DuckDB, a Spark cluster of two workers on this machine.

    python -m benchmarks.lake_questions URL LAKE

First fill a database and export it, as `python -m benchmarks.lake URL --lake LAKE` does. Seconds of each question, and
a digest of each answer: the answers are the same where the digests are. It needs `make .venv/.installed-full` and Java.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import tempfile
from pathlib import Path

import sqlalchemy as sa

from etl.database.engine import connect, reading
from tests.lake import asked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="a database whose rows are in the lake")
    parser.add_argument("lake", help="a directory")
    given = parser.parse_args()
    engine = reading(connect(sa.make_url(given.url), patient=True))
    questions = fitted(engine)
    duckdb = asked.of_duckdb(given.lake, questions)
    tell("DuckDB", duckdb)
    with tempfile.TemporaryDirectory() as directory:
        tell("Spark", asked.of_spark(given.lake, Path(directory), questions))
    columns = {name: list(told.rows[0]) for name, told in duckdb.items()}
    tell("views", asked.of_views(engine, columns, questions))


def fitted(engine: sa.Engine) -> dict[str, str]:
    """The questions, about the last 30 dates and the most frequent carrier of this database."""
    busiest = "SELECT carrier FROM v_daily_summary WHERE carrier IS NOT NULL GROUP BY carrier ORDER BY sum(checked_rows) DESC"
    with engine.connect() as connection:
        carrier = connection.execute(sa.text(busiest)).scalars().first()
        last = connection.execute(sa.text("SELECT max(check_date) FROM v_coverage")).scalar_one()
    last = dt.date.fromisoformat(str(last))
    values = {"Viettel": carrier, "2026-03-10": last, "2026-02-09": last - dt.timedelta(days=29)}
    text = asked.QUESTIONS["v_number_check"]
    for old, new in values.items():
        text = text.replace(f"'{old}'", f"'{new}'")
    return asked.QUESTIONS | {"v_number_check": text}


def tell(engine: str, answers: dict[str, asked.Told]) -> None:
    for name, told in answers.items():
        digest = hashlib.sha256(repr(asked.in_one_form(told.rows)).encode()).hexdigest()
        print(f"{engine:<7} {name:<16} {told.seconds:>7.2f} s {len(told.rows):>9,} rows {digest[:16]}", flush=True)


if __name__ == "__main__":
    main()
