"""Files that are no longer part of the lake are deleted: at once where they may hold somebody who must be gone."""

from __future__ import annotations

import datetime as dt

from etl.lake.deltafiles import TableFile
from etl.lake.lakefile import file_at, folder
from etl.lake.lakes import Lake
from etl.lake.standings import AccountHere, is_of

KEPT_FOR = dt.timedelta(days=1)
"""A query that began before a date was written again can be read to its end meanwhile."""


def sweep(lake: Lake, here: AccountHere, now: dt.datetime, *, people: bool) -> int:
    """Delete the files of an account that the log does not name; how many. `people`: somebody has to be gone.

    What another export is about to commit stays: it has a version that is not older, or is not yet a day old.
    """
    archived = {each.date for each in here.dates if each.state.archived}
    deleted = 0
    for table in (lake.rows, lake.claims):
        table.refresh()
        standing = {each.path: each for each in table.standing()}
        newest = {_place(path): each for path, each in standing.items()}
        for path, written in table.all_files():
            if path in standing or not _is_mine(here, path):
                continue
            instead = newest.get(_place(path))
            gone = people and _superseded(path, instead, archived)
            if gone or now - max(filter(None, (written, instead and instead.written)), default=now) > KEPT_FOR:
                table.delete(path)
                deleted += 1
    return deleted


def _is_mine(here: AccountHere, path: str) -> bool:
    """Whether a file is of this account, or in its folder and of nobody who is known."""
    file = file_at(path)
    if file is None:
        return f"{path}/".startswith(f"{folder(here.name)}/")
    return is_of(file, here.database, here.account_id)


def _superseded(path: str, instead: TableFile | None, archived: set[dt.date]) -> bool:
    """Whether nobody will ever commit this file. `instead`: the one that the log names."""
    file, committed = file_at(path), instead and file_at(instead.path)
    if file is None or instead is None or instead.date in archived:
        return True
    return committed is not None and file.version < committed.version


def _place(path: str) -> str:
    return path.rpartition("/")[0]
