"""The job against an emulated vendor, for tests: real HTTP, a real database, and a moment chosen by the test."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from etl import settings
from etl.clock import Clock
from etl.core.planning import Rules
from etl.database.engine import connect, reading
from etl.emulator import Emulator
from etl.run import job
from etl.run.result import Result
from etl.schema import migrate
from tests.equals import differing


class Job:
    """One account's job: `sync` runs it in this process at a given moment and returns its result."""

    def __init__(self, url: sa.URL, vendor: Emulator, lines: Iterable[str], directory: Any, **given: str) -> None:
        self.vendor = vendor
        self.batch_file = directory / "batches.csv"
        self.list(lines)
        self.environment = {
            "NUMBERCHECK_API_URL": vendor.url,
            "NUMBERCHECK_ACCESS_KEY": vendor.book.first.access_key,
            "NUMBERCHECK_ACCESS_SECRET": vendor.book.first.secret,
            "NUMBERCHECK_DATABASE_URL": url.render_as_string(hide_password=False),
            "NUMBERCHECK_BATCH_FILE": str(self.batch_file),
            "NUMBERCHECK_REQUEST_INTERVAL": "0",
        } | {f"NUMBERCHECK_{name.upper()}": value for name, value in given.items()}
        self.progress: job.Progress = lambda _: None
        self.engine = connect(url)
        if migrate.current(self.engine) is None:
            migrate.upgrade(self.engine)

    def list(self, lines: Iterable[str]) -> None:
        """Write these lines into the batch file, below its header."""
        self.batch_file.write_text("\n".join(["batch_no,date,rows", *lines]) + "\n", encoding="utf-8")

    def sync(self, moment: dt.datetime | None = None, rules: Rules | None = None, **given: str) -> Result:
        """One run, as if it were `moment`, at which the vendor's time stands still as well."""
        if moment is not None:
            self.vendor.now = lambda: moment
        return self.run_at(Clock(moment), rules, **given)

    def run_at(self, clock: Clock, rules: Rules | None = None, **given: str) -> Result:
        """One run by this clock, with additional settings."""
        further = {f"NUMBERCHECK_{name.upper()}": value for name, value in given.items()}
        found = settings.load(self.environment | further, None)
        rules = rules or Rules(found.spill_days, found.last_look)
        return job.sync(found, self.engine, clock, rules, self.progress)

    def query(self, text: str, **values: Any) -> list[dict[str, Any]]:
        """Rows of a query, as dictionaries."""
        with reading(self.engine).connect() as connection:
            return [dict(row._mapping) for row in connection.execute(sa.text(text).bindparams(**values))]

    def coverage(self) -> dict[tuple[str, str], dict[str, Any]]:
        """v_coverage by batch and date."""
        return {(row["batch_no"], str(row["check_date"])): row for row in self.query("SELECT * FROM v_coverage")}

    def states(self) -> dict[tuple[str, str], str]:
        """The state of each batch day."""
        return {key: row["state"] for key, row in self.coverage().items()}

    def assert_equals_vendor(self) -> None:
        """The rows held are those that the vendor lists for this account, field by field, and no others."""
        account = self.environment.get("NUMBERCHECK_ACCOUNT", "default")
        held = self.query("SELECT * FROM v_number_check WHERE account = :account", account=account)
        rows = {(row["message_id"], row["phone"]): row for row in held}
        access_key, seen = self.environment["NUMBERCHECK_ACCESS_KEY"], set()
        for batch_no, date, _ in self.vendor.book.batch_days(access_key):
            for sent in self.vendor.held(batch_no, date, access_key=access_key):
                key = (sent.get("messageId") or sent["requestId"], sent["phone"])
                seen.add(key)
                assert key in rows, f"a row of {batch_no} on {date} is missing"
                assert differing(sent, rows[key], batch_no) == [], (rows[key], sent)
        assert rows.keys() == seen

    def assert_claims_hold(self) -> None:
        """No batch day is called open or settled while a row that the vendor now lists is missing."""
        held = {
            (row["message_id"], row["phone"]) for row in self.query("SELECT message_id, phone FROM v_number_check")
        }
        for (batch_no, date), row in self.coverage().items():
            if row["state"] not in ("open", "settled"):
                continue
            assert row["missing_rows"] == 0
            listed = self.vendor.held(batch_no, dt.date.fromisoformat(date))
            sent_ids = ((sent.get("messageId") or sent.get("requestId"), sent["phone"]) for sent in listed)
            keys = {key for key in sent_ids if key[0]}
            assert not keys - held, f"{batch_no} on {date} is {row['state']}: {len(keys - held)} rows are missing"
