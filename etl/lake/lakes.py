"""The lake of a NUMBERCHECK_LAKE_URL: the table of checks and the table of what is claimed about them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Generator
from dataclasses import dataclass
from typing import Self

import pyarrow as pa
import sqlalchemy as sa

from etl.errors import Misconfigured
from etl.lake.arrowrows import rows_of
from etl.lake.deltafiles import DeltaFiles
from etl.lake.lakeschema import schema_of
from etl.lake.storages import FOREIGN
from etl.schema.views import COVERAGE, NUMBER_CHECK, NUMBER_CHECK_MASKED
from etl.schema.viewwords import View

ROWS, CLAIMS = "number_check", "coverage"
"""The tables of a lake, each a directory."""
KEY_ORDER = ("message_id", "phone")
_VIEW = "numbercheck.view"
# Of no other column may a log keep the least and the greatest value, whoever writes: they would be phone numbers.
_STATISTICS = "first_seen_at,last_changed_at"


@dataclass(frozen=True, slots=True)
class Lake:
    """Both tables. `view`: what its rows are. `url`: where it is, for people; it holds no secret."""

    url: str
    view: View
    rows: DeltaFiles
    claims: DeltaFiles

    @classmethod
    def at(cls, url: str, *, masked: bool) -> Self:
        """The lake at this place; nothing is opened yet."""
        view = NUMBER_CHECK_MASKED if masked else NUMBER_CHECK
        rows = DeltaFiles(f"{url}/{ROWS}", schema_of(view), ("account", "check_date"))
        return cls(url, view, rows, DeltaFiles(f"{url}/{CLAIMS}", schema_of(COVERAGE), ("account",)))

    @property
    def masked(self) -> bool:
        """Whether it shows no phone number."""
        return self.view is NUMBER_CHECK_MASKED

    @property
    def order(self) -> tuple[str, ...]:
        """The columns by which the rows of a date are sorted; masked ones may have the same key."""
        others = (name for name in self.rows.inside.names if name not in KEY_ORDER)
        return (*KEY_ORDER, *others) if self.masked else KEY_ORDER

    def rows_in_database(self, connection: sa.Connection, account: str, date: dt.date) -> Generator[pa.Table]:
        """The rows of a date of an account that the database has, as the lake is to have them, in its order."""
        where = {"account": account, "check_date": date}
        return rows_of(connection, self.view.name, self.rows.inside, where, self.order)

    def open(self) -> bool:
        """Open it; whether it is there. Raises Misconfigured if its rows are of the other view."""
        there = self.rows.open() and self.claims.open()
        held = self.rows.properties().get(_VIEW) if there else self.view.name
        if held is None:
            raise FOREIGN
        if held != self.view.name:
            raise Misconfigured(
                f"The lake at {self.url} holds another view than {self.view.name}.",
                "set NUMBERCHECK_LAKE_MASKED as it was when this lake was made, or NUMBERCHECK_LAKE_URL to another"
                " directory; what is in this one stays until somebody deletes it.",
            )
        return there

    def require(self) -> None:
        """Open it. Raises Misconfigured if it is not there."""
        if not self.open():
            raise Misconfigured(
                f"There is no lake at {self.url}.",
                "`numbercheck lake export` makes it; check NUMBERCHECK_LAKE_URL if it was there before.",
            )

    def prepare(self) -> None:
        """Open it, and make it where it is not there; add the columns that are new."""
        if not self.open():
            self.rows.make(
                self.view.comment, {_VIEW: self.view.name, "delta.dataSkippingStatsColumns": _STATISTICS}
            )
            self.claims.make(COVERAGE.comment, {"delta.dataSkippingStatsColumns": "last_synced_at"})
            self.open()
        self.rows.add_columns()
        self.claims.add_columns()
