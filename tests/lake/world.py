"""The job, its database and a lake, with everything that a test asks of the lake."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from etl.clock import Clock
from etl.database.engine import snapshot
from etl.store import accounts
from tests.job import Job
from tests.people import LATER, MACS

Row = tuple[Any, ...]


class LakeWorld:
    """`sync` at LATER, `export` into the lake below `directory`, and compare."""

    def __init__(self, job: Job, directory: Path) -> None:
        self.job = job
        self.directory = directory
        self.url = str(directory / "lake")
        self.now = LATER
        self.macs: Any = MACS

    def sync(self, **given: Any) -> None:
        assert self.job.sync(self.now, **given).exit_code == 0

    def lake(self, *, masked: bool = False) -> Any:
        """The lake, as a command opens it."""
        from etl.lake.lakes import Lake

        return Lake.at(self.url, masked=masked)

    def export(self, *, full: bool = False, dates: frozenset[dt.date] = frozenset(), masked: bool = False) -> Any:
        """What `numbercheck lake export` does for the account."""
        from etl.lake import exporting
        from etl.lake.storages import explained_storage

        with snapshot(self.job.engine) as connection:
            (name, number), *_ = accounts.numbered(connection).items()
        order = exporting.ExportOrder(number, name, full, dates, self.macs, lambda: self.now)
        with explained_storage():
            return exporting.export(self.job.engine, self.lake(masked=masked), order, lambda *_: None)

    # -- both compared -----------------------------------------------------------------------------------

    def in_lake(self, table: str = "number_check", name: str = "default") -> list[dict[str, Any]]:
        """The rows of a table of the lake, as any reader has them."""
        from deltalake import DeltaTable

        found = DeltaTable(f"{self.url}/{table}", storage_options=self.options()).to_pyarrow_table()
        return [row for row in found.to_pylist() if row["account"] == name]

    def options(self) -> dict[str, str]:
        return {}

    def assert_equal(self, view: str = "v_number_check") -> None:
        """The lake holds what the view of the database shows, and no key twice."""
        from etl.lake.arrowrows import rows_of
        from etl.lake.lakes import Lake

        schema = Lake.at(self.url, masked=view != "v_number_check").rows.schema
        with snapshot(self.job.engine) as connection:
            tables = list(rows_of(connection, view, schema, {"account": "default"}, ("message_id", "phone")))
        here = [row for table in tables for row in table.to_pylist()]
        there = self.in_lake()
        assert sorted(map(repr, here)) == sorted(repr({name: row[name] for name in here[0]}) for row in there)
        assert view != "v_number_check" or len(
            {(row["message_id"], row["phone"], row["check_date"]) for row in there}
        ) == len(there)

    def assert_claims(self) -> None:
        """What the lake claims is what the database says."""
        claims = {(row["batch_no"], str(row["check_date"])): row for row in self.in_lake("coverage")}
        assert {key: row["stored_rows"] for key, row in claims.items()} == {
            key: row["stored_rows"] for key, row in self.job.coverage().items() if row["state"] != "pending"
        } | {key: None for key, row in self.job.coverage().items() if row["state"] == "pending"}

    # -- bytes -------------------------------------------------------------------------------------------

    def files(self) -> list[Path]:
        return sorted(path for path in Path(self.url).rglob("*") if path.is_file())

    def bytes_of_all(self) -> Iterator[tuple[str, bytes]]:
        """All that the lake's files hold, with what parquet has compressed laid open."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        for path in self.files():
            content = path.read_bytes()
            yield path.name, content
            if path.suffix == ".parquet":
                with suppress(pa.ArrowInvalid):  # kill -9 while it was written
                    table = pq.ParquetFile(io.BytesIO(content)).read()
                    yield path.name, repr([column.to_pylist() for column in table.columns]).encode()


def clock(moment: dt.datetime) -> Clock:
    return Clock(moment)
