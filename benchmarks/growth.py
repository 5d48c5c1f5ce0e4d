"""What a run costs as batches, stored rows and batch days grow. Whole processes, each measured from outside.

    python -m benchmarks.growth plan        70,000 listed batches: seconds and memory of `numbercheck plan`
    python -m benchmarks.growth stored      a sync with 0 and with 5,000,000 rows stored already, in turn
    python -m benchmarks.growth big-day     one batch day of 1,000,000 rows: memory of `numbercheck sync`

`--database URL` uses another database than SQLite; it must be empty, and is filled.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import sqlalchemy as sa

from etl.database.engine import connect
from etl.emulator import Behaviour, Book, Emulator
from etl.schema import migrate

DATE_OF_OLD_ROWS = dt.date(2020, 1, 1)
ROWS_A_DAY = 50_000


def command(*words: str, directory: Path, vendor: Emulator | None = None, **given: str) -> tuple[float, float]:
    """Run `numbercheck`. Returns its seconds and its peak resident MiB."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBERCHECK_")}
    environment |= {f"NUMBERCHECK_{name.upper()}": value for name, value in given.items()}
    if vendor is not None:
        first = vendor.book.first
        environment |= {"NUMBERCHECK_API_URL": vendor.url, "NUMBERCHECK_ACCESS_KEY": first.access_key}
        environment |= {"NUMBERCHECK_ACCESS_SECRET": first.secret, "NUMBERCHECK_REQUEST_INTERVAL": "0"}
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "etl", *words],
        cwd=directory,
        env=environment | {"PYTHONPATH": str(Path(__file__).parents[1])},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"numbercheck {' '.join(words)} ended with {os.waitstatus_to_exitcode(status)}")
    return time.monotonic() - began, used.ru_maxrss / 1024


def today() -> dt.date:
    return dt.datetime.now(Behaviour().timezone).date()


def plan(directory: Path, _database: str) -> None:
    """14 days of 5,000 batches each, none asked for yet; then with all but the last two days settled."""
    lines = [
        f"B{number:04d}-{back:02d},{today() - dt.timedelta(days=back)}"
        for back in range(14)
        for number in range(5_000)
    ]
    (directory / "batches.csv").write_text("batch_no,date\n" + "\n".join(lines) + "\n")
    for _ in range(3):
        seconds, memory = command("plan", "--json", directory=directory, batch_file="batches.csv")
        print(f"plan of {len(lines):,} listed batches: {seconds:.2f} s, {memory:.0f} MiB")


def stored(directory: Path, database: str) -> None:
    """The same 60 batch days synced into an empty database and into one with many rows, in turn."""
    ratios = []
    full = sa.make_url(database or f"sqlite:///{directory}/full.db")
    fill(full, 5_000_000)
    for turn in range(5):
        book, lines = Book(), ["batch_no,date"]
        for number in range(60):
            date = today() - dt.timedelta(days=2 + number % 10)
            book.add_generated(f"T{turn}-{number}", date, 400, seed=turn)
            lines.append(f"T{turn}-{number},{date}")
        (directory / "batches.csv").write_text("\n".join(lines) + "\n")
        with Emulator(book) as vendor:
            empty = f"sqlite:///{directory}/empty{turn}.db"
            urls = {"full": full.render_as_string(hide_password=False), "empty": empty}
            took = {}
            for name in ("full", "empty") if turn % 2 else ("empty", "full"):
                migrate.upgrade(connect(sa.make_url(urls[name])))
                took[name], _ = command(
                    "sync",
                    directory=directory,
                    vendor=vendor,
                    batch_file="batches.csv",
                    database_url=urls[name],
                    account=f"turn{turn}",
                )
        ratios.append(took["full"] / took["empty"])
        print(
            f"24,000 rows: {took['empty']:.2f} s into an empty database, {took['full']:.2f} s beside 5,000,000 rows"
        )
    print(f"ratio, median of {len(ratios)}: {statistics.median(ratios):.3f}")


def fill(url: sa.URL, rows: int) -> None:
    """Settled batch days from long ago, written by SQL alone."""
    engine = connect(url)
    migrate.upgrade(engine)
    days = rows // ROWS_A_DAY
    with engine.begin() as connection:
        do = connection.exec_driver_sql
        do("INSERT INTO account (account_id, name) VALUES (999, 'old')")
        do("INSERT INTO carrier (carrier_id, name) VALUES (999, 'old')")
        do(
            "INSERT INTO category (category_id, check_level, carrier_id, combination) "
            "VALUES (999999, 1, 999, '1|||999|')"
        )
        for day in range(days):
            date = DATE_OF_OLD_ROWS + dt.timedelta(days=day)
            do(f"INSERT INTO batch (batch_id, account_id, batch_no) VALUES ({900_000 + day}, 999, 'old{day}')")
            do(
                "INSERT INTO batch_day (batch_day_id, batch_id, check_date, deadline, state, reported_rows, stored_rows) "
                f"VALUES ({900_000 + day}, {900_000 + day}, '{date}', '{date} 00:00:00', 'settled', "
                f"{ROWS_A_DAY}, {ROWS_A_DAY})"
            )
            do(
                "INSERT INTO number_check (message_id, phone, batch_day_id, category_id, first_seen_at, "
                "last_changed_at) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
                f"{ROWS_A_DAY}) SELECT 'old-{day:06d}-' || i, '8490' || i, {900_000 + day}, 999999, "
                f"'{date}T00:00:00+00:00', '{date}T00:00:00+00:00' FROM n"
            )
    engine.dispose()


def big_day(directory: Path, database: str) -> None:
    book, date = Book(), today() - dt.timedelta(days=3)
    book.add_generated("BIG", date, 1_000_000)
    (directory / "batches.csv").write_text(f"batch_no,date\nBIG,{date}\n")
    with Emulator(book) as vendor:
        url = database or f"sqlite:///{directory}/big.db"
        migrate.upgrade(connect(sa.make_url(url)))
        seconds, memory = command(
            "sync", directory=directory, vendor=vendor, batch_file="batches.csv", database_url=url
        )
    print(f"a batch day of 1,000,000 rows: {seconds:.0f} s, {memory:.0f} MiB")


def main() -> None:
    """Run one of the measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("plan", "stored", "big-day"))
    parser.add_argument("--database", default="", help="SQLAlchemy URL")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        {"plan": plan, "stored": stored, "big-day": big_day}[given.what](Path(directory), given.database)


if __name__ == "__main__":
    main()
