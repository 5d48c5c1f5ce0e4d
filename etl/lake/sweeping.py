"""Files that are no longer part of the lake are deleted: at once where they may hold somebody who must be gone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from itertools import chain

from etl.lake.deltafiles import DeltaFiles, TableFile
from etl.lake.lakefile import file_at, folder
from etl.lake.lakes import Lake
from etl.lake.standings import AccountHere, is_of

KEPT_FOR = dt.timedelta(days=1)
"""A query that began before a date was written again can be read to its end meanwhile."""
LOOKED_FOR = dt.timedelta(days=8)
"""For so long after a date was written, its folder is looked into: a storage is slow to list many of them."""


def sweep(lake: Lake, here: AccountHere, now: dt.datetime, *, people: bool) -> int:
    """Delete the files of an account that the log does not name; how many. `people`: somebody has to be gone.

    What another export is about to commit stays: it has a version that is not older, or is not yet a day old.
    """
    ended = {folder(here.name, each.date) for each in here.dates if each.state.archived and each.state.expired}
    deleted = 0
    for table in (lake.rows, lake.claims):
        table.refresh()
        standing = {each.path: each for each in table.standing()}
        newest = {_place(path): each for path, each in standing.items()}
        for path, written in _looked_at(table, here, standing.values(), now, people=people):
            if path in standing or not _is_mine(here, path):
                continue
            instead = newest.get(_place(path))
            gone = people and (_place(path) in ended or _superseded(path, instead))
            if gone or now - max(filter(None, (written, instead and instead.written)), default=now) > KEPT_FOR:
                table.delete(path)
                deleted += 1
    return deleted


def _looked_at(
    table: DeltaFiles, here: AccountHere, standing: Iterable[TableFile], now: dt.datetime, *, people: bool
) -> Iterator[tuple[str, dt.datetime | None]]:
    """All files, where somebody has to be gone; otherwise those of dates that were written not long ago."""
    recent = [each for each in standing if each.account == here.name and now - each.written < LOOKED_FOR]
    folders = [""] if people else sorted({_place(each.path) for each in recent})
    return chain.from_iterable(map(table.all_files, folders))


def _is_mine(here: AccountHere, path: str) -> bool:
    """Whether a file is of this account, or in its folder and of nobody who is known."""
    file = file_at(path)
    if file is None:
        return f"{path}/".startswith(f"{folder(here.name)}/")
    return is_of(file, here.database, here.account_id)


def _superseded(path: str, instead: TableFile | None) -> bool:
    """Whether nobody will ever commit this file. `instead`: the one that the log names."""
    file, committed = file_at(path), instead and file_at(instead.path)
    return file is None or (committed is not None and file.version < committed.version)


def _place(path: str) -> str:
    return path.rpartition("/")[0]
