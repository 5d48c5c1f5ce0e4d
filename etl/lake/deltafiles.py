"""One Delta table: its files as its log has them, and how a file takes the place of others at once."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.fs as pf
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, RemoveAction

from etl.errors import TryLater
from etl.lake import directories
from etl.lake.lakeschema import fitted, without
from etl.lake.storages import FOREIGN, SLOW, explained_file

ROW_GROUP = 50_000
"""Rows that a file holds together; so many are in memory while it is written."""
READ_BATCH = 10_000
_ALL_DIFFERENT = ("message_id", "phone", "national_number", "standard_number")
"""Columns whose values hardly recur: a dictionary of them would be made for nothing."""
_CHECKPOINT = "20"
_TRIES = 5


class TableFile(NamedTuple):
    """A file that a table consists of. `written`: the moment (UTC)."""

    path: str
    account: str
    date: dt.date | None
    rows: int
    size: int
    written: dt.datetime


class Written(NamedTuple):
    """A file that is written, and not yet part of the table."""

    path: str
    rows: int
    size: int


class DeltaFiles:
    """A table below `url`, of these columns; made where it is not there yet (by `make`).

    Each of its files was written by this job. `partition`: columns that stand in the log; `inside`: the others.
    """

    def __init__(self, url: str, schema: pa.Schema, partition: Sequence[str]) -> None:
        self._url = url
        self.schema = schema
        self._partition = list(partition)
        self.inside = without(schema, partition)
        self._table: Any = None
        self._files: Any = None

    # -- the table ---------------------------------------------------------------------------------------

    def open(self) -> bool:
        """Read its log; whether there is such a table. Raises Misconfigured if this job did not make it."""
        if not DeltaTable.is_deltatable(self._url, SLOW):
            directories.require_sight(self._url)
            return False
        self._table = DeltaTable(self._url, storage_options=SLOW)
        if self._table.metadata().partition_columns != self._partition:
            raise FOREIGN
        self._files = directories.file_system(self._url, self._table)
        return True

    def make(self, description: str, properties: Mapping[str, str]) -> None:
        """Make it, unless somebody else just did; then open it."""
        directories.make(self._url)
        DeltaTable.create(
            self._url,
            self.schema,
            mode="ignore",
            partition_by=self._partition,
            description=description,
            configuration={"delta.checkpointInterval": _CHECKPOINT, **properties},
            raise_if_key_not_exists=False,
            storage_options=SLOW,
        )
        self.open()

    def properties(self) -> Mapping[str, str | None]:
        """What the table says of itself."""
        found: Mapping[str, str | None] = self._table.metadata().configuration
        return found

    def add_columns(self) -> None:
        """Give the table the columns that it does not have yet."""
        known = {field.name for field in self._table.schema().fields}
        new = [field for field in self.schema if field.name not in known]
        if new:
            from deltalake import Schema  # noqa: PLC0415  (seldom needed)

            self._table.alter.add_columns(list(Schema.from_arrow(pa.schema(new)).fields))

    # -- what it holds -----------------------------------------------------------------------------------

    def refresh(self) -> None:
        """See what others have written since."""
        self._table.update_incremental()

    def standing(self) -> list[TableFile]:
        """The files that the table consists of."""
        found = pa.table(self._table.get_add_actions(flatten=True)).to_pylist()
        return [
            TableFile(
                unquote(line["path"]),  # the log has it as a URL
                line["partition.account"],
                line.get("partition.check_date"),
                line["num_records"] or 0,
                line["size_bytes"],
                dt.datetime.fromtimestamp(line["modification_time"] / 1000, dt.UTC),
            )
            for line in found
        ]

    def mark(self, name: str) -> int | None:
        """The number that was last committed under this name; None: none was."""
        found: int | None = self._table.transaction_version(name)
        return found

    # -- writing -----------------------------------------------------------------------------------------

    def write(self, path: str, tables: Iterable[pa.Table]) -> Written:
        """Write a file below the table. It belongs to the table once `commit` says so."""
        if isinstance(self._files, pf.SubTreeFileSystem):
            self._files.create_dir(path.rpartition("/")[0], recursive=True)
        few = [name for name in self.inside.names if name not in _ALL_DIFFERENT]
        with (
            dropped_on_error(self, path),
            pq.ParquetWriter(
                path,
                self.inside,
                filesystem=self._files,
                compression="zstd",
                use_dictionary=few,
                store_decimal_as_integer=True,
            ) as writer,
        ):
            rows = _write_behind(writer, _groups(tables, self.inside))
        directories.settle(self._url, path)
        return Written(path, rows, self._files.get_file_info(path).size)

    def commit(
        self,
        account: str,
        date: dt.date | None,
        added: Written | None,
        removed: Sequence[TableFile],
        marks: Mapping[str, int],
    ) -> None:
        """Put a file in the place of those of its partition, and keep the marks with that.

        `removed`: the files of the partition as they were when the caller decided. Raises TryLater if they have
        changed since.
        """
        place = _place(account, date)
        now = int(dt.datetime.now(dt.UTC).timestamp() * 1000)
        actions: list[Any] = [
            RemoveAction(each.path, True, now, each.size, _place(each.account, each.date)) for each in removed
        ]
        if added is not None:
            stats = json.dumps({"numRecords": added.rows})
            actions.append(AddAction(added.path, added.size, place, now, True, stats))
        places = [place, *(_place(each.account, each.date) for each in removed)]
        self._try(actions, marks, lambda: self._require_as_seen(places, removed, added))

    def keep_marks(self, marks: Mapping[str, int]) -> None:
        """Keep marks alone."""
        self._try([], marks, lambda: None)

    def _try(self, actions: Sequence[Any], marks: Mapping[str, int], allowed: Callable[[], None]) -> None:
        """Commit, perhaps several times: a table has room for other accounts and databases, which commit too."""
        properties = CommitProperties(app_transactions=[Transaction(name, marks[name]) for name in sorted(marks)])
        for left in reversed(range(_TRIES)):
            self.refresh()
            allowed()
            try:
                self._table.create_write_transaction(
                    list(actions), "append", self.schema, self._partition, commit_properties=properties
                )
            except CommitFailedError:
                if not left:
                    raise
            else:
                return

    def _require_as_seen(
        self, places: Iterable[Mapping[str, str]], before: Sequence[TableFile], added: Written | None
    ) -> None:
        """Raise TryLater if the files of these partitions are others by now, or the new one is gone."""
        # The log's own check sees only what was committed since this object last read it.
        now: set[str] = set()
        for place in places:
            uris = self._table.file_uris(
                file_pruning_predicate=[(name, "=", value) for name, value in place.items()]
            )
            now.update(uri.rpartition("/")[2] for uri in uris)
        there = added is None or self.has_file(added.path)
        if not there or now != {each.path.rpartition("/")[2] for each in before}:
            raise TryLater(
                "Somebody else wrote to the lake at the same moment.", "nothing; the next call goes on."
            )

    # -- reading -----------------------------------------------------------------------------------------

    def read(self, path: str) -> Iterator[pa.Table]:
        """The rows of a file, a few at a time, with the columns of today. Raises UnreadableFile."""
        with (
            explained_file(path, lambda: self.has_file(path)),
            self._files.open_input_file(path) as source,
            pq.ParquetFile(source, pre_buffer=False) as file,
        ):
            there = [name for name in self.inside.names if name in file.schema_arrow.names]
            for batch in file.iter_batches(READ_BATCH, columns=there, use_threads=False):
                table = fitted(pa.Table.from_batches([batch]), self.inside)
                table.validate(full=True)
                yield table

    def columns_of(self, path: str) -> list[str]:
        """The columns that a file had when it was written. Raises UnreadableFile."""
        with explained_file(path, lambda: self.has_file(path)), self._files.open_input_file(path) as source:
            return list(pq.read_schema(source).names)

    def has_file(self, path: str) -> bool:
        """Whether there is such a file, whatever the log says of it."""
        return bool(self._files.get_file_info(path).type == pf.FileType.File)

    # -- files that are no longer part of it -------------------------------------------------------------

    def all_files(self, folder: str) -> list[tuple[str, dt.datetime | None]]:
        """The paths of all files in a folder, whatever the log says of them, and when they were written (UTC).

        Empty: in all folders; a storage is asked for each of them.
        """
        found = self._files.get_file_info(pf.FileSelector(folder, recursive=not folder, allow_not_found=True))
        files = [each for each in found if each.type == pf.FileType.File and "_delta_log/" not in each.path]
        return [(each.path, each.mtime) for each in files]

    def delete(self, path: str) -> None:
        """Delete a file that is not part of the table; it may be gone already."""
        with suppress(FileNotFoundError):
            self._files.delete_file(path)


@contextmanager
def dropped_on_error(table: DeltaFiles, path: str) -> Iterator[None]:
    """A file that did not become part of its table is deleted, where that can still be done.

    What a log says decides: the answer to a commit may be lost, or a signal may come after it.
    """
    try:
        yield
    except BaseException:
        with suppress(Exception):
            table.refresh()
            if all(each.path != path for each in table.standing()):
                table.delete(path)
        raise


def _place(account: str, date: dt.date | None) -> dict[str, str]:
    """The values of the partition, as the log writes them."""
    return {"account": account} | ({} if date is None else {"check_date": date.isoformat()})


def _write_behind(writer: pq.ParquetWriter, groups: Iterable[pa.Table]) -> int:
    """Write each group while the next one is read: both wait for others most of the time. How many rows it was."""
    rows, under_way = 0, None
    with ThreadPoolExecutor(1, "lake") as behind:
        for group in groups:
            if under_way is not None:
                under_way.result()
            under_way = behind.submit(writer.write_table, group, max(1, group.num_rows))
            rows += group.num_rows
        if under_way is not None:
            under_way.result()
    return rows


def _groups(tables: Iterable[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
    """The rows in tables of one size, as they are written: small ones would make the file large."""
    waiting: list[pa.Table] = []
    rows = 0
    for table in tables:
        waiting.append(table.select(schema.names).cast(schema))
        rows += table.num_rows
        if rows >= ROW_GROUP:
            yield pa.concat_tables(waiting)
            waiting, rows = [], 0
    if waiting:
        yield pa.concat_tables(waiting)
