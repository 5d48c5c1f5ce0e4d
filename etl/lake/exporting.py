"""From one snapshot of the database into the lake: each date that differs, then what is claimed about all."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from operator import itemgetter

import pyarrow as pa
import sqlalchemy as sa

from etl.database.engine import snapshot
from etl.errors import Misconfigured
from etl.lake import forgetting, sweeping
from etl.lake.arrowrows import PIECES, ahead
from etl.lake.claims import export_claims
from etl.lake.deltafiles import Written, dropped_on_error
from etl.lake.lakefile import file_at
from etl.lake.lakes import Lake
from etl.lake.standings import AccountHere, LakeDate, Standpoint, account_here
from etl.privacy.macs import Macs
from etl.store.lakedates import note_export

ExportProgress = Callable[[int, int, int], None]
"""Called with the dates that are done, all dates that are to be done, and the rows so far."""


@dataclass(frozen=True, slots=True)
class ExportOrder:
    """What is to be exported of an account. `full`: also what has not changed, and what somebody else has written.

    `dates`: only these; empty: all. `macs`: with the privacy key, where there is one. `now`: the moment (UTC).
    """

    account_id: int
    account: str
    full: bool
    dates: frozenset[dt.date]
    macs: Macs | None
    now: Callable[[], dt.datetime]


@dataclass(slots=True)
class Exported:
    """What was done for an account. `deleted`: files. `behind`: dates that were not asked for and differ.

    `rewritten`, `removed`: archived dates from which people had to leave, and those that have expired.
    `unknown`: dates that were asked for, of which nothing was synced yet. `exit_code`: what an error called for.
    """

    account: str
    dates: list[dt.date] = field(default_factory=list)
    rows: int = 0
    rewritten: list[dt.date] = field(default_factory=list)
    removed: list[dt.date] = field(default_factory=list)
    deleted: int = 0
    behind: int = 0
    unknown: list[dt.date] = field(default_factory=list)
    exit_code: int = 0


def export(
    engine: sa.Engine, lake: Lake, order: ExportOrder, told: ExportProgress, done: Exported | None = None
) -> Exported:
    """Bring the lake up to date with one snapshot of an account. Killed meanwhile, the next call goes on.

    A date is one commit; the claims about all dates come last. Raises Misconfigured where the lake must not be
    touched, FewerRows after all other dates are written, and TryLater where somebody else writes to it. `done`:
    filled meanwhile, for who wants to know what was done before an error.
    """
    done, began = done or Exported(order.account), order.now()
    lake.prepare()
    with snapshot(engine) as connection:
        here = account_here(connection, lake, order.account_id, order.account)
        if here.renamed:
            _require_alone(here)
            _take_over(lake, here)
            lake.rows.refresh()
            here = account_here(connection, lake, order.account_id, order.account)
        done.unknown = sorted(order.dates - {each.date for each in here.dates})
        _require_alone(here)
        _require_ours(here, order)
        refused = _export_dates(connection, lake, here, order, done, told)
        forgetting.forget(connection, lake, here, order.macs, done, full=order.full)
        if not done.behind:
            export_claims(connection, lake, here, full=order.full)
    done.deleted = sweeping.sweep(lake, here, began, people=here.people != here.people_mark)
    if refused:
        raise refused[0]
    if not done.behind:
        _note_all(engine, lake, here, began)
    return done


def _note_all(engine: sa.Engine, lake: Lake, here: AccountHere, moment: dt.datetime) -> None:
    """Note, in the lake and in the database, that the lake has everything as of this moment (UTC)."""
    if here.people != here.people_mark:
        lake.rows.keep_marks({here.mark("people"): here.people})
    with engine.begin() as connection:
        note_export(connection, here.account_id, moment)


# -- what must not be written over --------------------------------------------------------------------------


class FewerRows(Misconfigured):
    """The lake has more rows of a date, and nothing says why."""


def _require_alone(here: AccountHere) -> None:
    ours = [file_at(each.path) for each in here.others]
    if ours and all(file is not None and file.database == here.database for file in ours):
        raise Misconfigured(
            f"The lake still has another account of this database under the name {here.name!r}.",
            "export that one first: `numbercheck lake export` without --account does. Where two accounts have"
            " exchanged their names, give one of them a third name, export, and then the name that it is to have.",
        )
    if here.others:
        raise Misconfigured(
            f"The lake holds the account {here.name!r} of another database.",
            "set NUMBERCHECK_LAKE_URL to another directory, or give this account another name (`numbercheck"
            " accounts rename`).",
        )


def _require_ours(here: AccountHere, order: ExportOrder) -> None:
    lost = [each.date for each in here.dates if each.standpoint is Standpoint.LOST]
    if lost:
        raise Misconfigured(
            f"The lake lacks {lost[0]}, which was deleted from the database because it was here.",
            "set NUMBERCHECK_LAKE_URL to the lake that has it, or restore this one from its backup.",
        )
    changed = [f"{each.date}" for each in here.dates if each.standpoint is Standpoint.CHANGED]
    changed += ["its table coverage"] * here.claims_changed
    if changed and not order.full:
        raise Misconfigured(
            f"Somebody else has changed {changed[0]} in the lake of the account {here.name!r}.",
            "see to it that nobody else writes there; then run `numbercheck lake export --full`.",
        )


def _require_no_fewer(each: LakeDate, rows: int, order: ExportOrder) -> None:
    """A date that was not expired only loses rows by mistake; erased ones may have become one."""
    explained = each.state.expired or each.state.erased_rows or (order.full and each.date in order.dates)
    if rows < each.rows and not explained:
        raise FewerRows(
            f"The database has {rows:,} rows of {each.date}, fewer than the lake with {each.rows:,}.",
            "find out why: perhaps a backup was restored, or somebody deleted rows. If they are meant to be gone,"
            f" run `numbercheck lake export --full --date {each.date}`.",
        )


def _take_over(lake: Lake, here: AccountHere) -> None:
    """Bring what is there under a former name of the account under its present one."""
    for each in here.renamed:
        file = file_at(each.path)
        if file is not None and each.date is not None:
            written = lake.rows.write(here.new_path(each.date, file.version), lake.rows.read(each.path))
            lake.rows.commit(here.name, each.date, written, [each], {here.mark(each.date): file.version})
            lake.rows.delete(each.path)


# -- rows ---------------------------------------------------------------------------------------------------


def _export_dates(
    connection: sa.Connection,
    lake: Lake,
    here: AccountHere,
    order: ExportOrder,
    done: Exported,
    told: ExportProgress,
) -> list[FewerRows]:
    """Write the dates that are due. Returns why some were left: they do not keep the others waiting."""
    refused = list[FewerRows]()
    due = [each for each in here.dates if not each.state.archived and _differs(each, order)]
    chosen = [each for each in due if not order.dates or each.date in order.dates]
    done.behind = sum(each.standpoint is not Standpoint.CURRENT for each in due if each not in chosen)
    with closing(ahead(_rows_of_dates(connection, lake, here, chosen), PIECES)) as read:
        for number, (each, pieces) in enumerate(groupby(read, key=itemgetter(0))):
            step = partial(told, number, len(chosen))
            tables = _counted((table for _, table in pieces), partial(_from, done.rows, step))
            written = lake.rows.write(here.new_path(each.date, each.state.version), tables)
            try:
                _commit_date(lake, here, each, written, order)
            except FewerRows as error:
                refused.append(error)
                continue
            done.dates.append(each.date)
            done.rows += written.rows
    told(len(chosen), len(chosen), done.rows)
    done.behind += len(refused)
    return refused


def _commit_date(lake: Lake, here: AccountHere, each: LakeDate, written: Written, order: ExportOrder) -> None:
    with dropped_on_error(lake.rows, written.path):
        _require_no_fewer(each, written.rows, order)
        lake.rows.commit(here.name, each.date, written, each.files, {here.mark(each.date): each.state.version})


def _from(before: int, told: Callable[[int], None], rows: int) -> None:
    told(before + rows)


def _differs(each: LakeDate, order: ExportOrder) -> bool:
    return order.full or each.standpoint is not Standpoint.CURRENT


def _rows_of_dates(
    connection: sa.Connection, lake: Lake, here: AccountHere, dates: Iterable[LakeDate]
) -> Generator[tuple[LakeDate, pa.Table]]:
    """The rows of these dates, one date after the other; at least one table of each, be it without rows."""
    for each in dates:
        yield each, lake.rows.inside.empty_table()
        with closing(lake.rows_in_database(connection, here.name, each.date)) as tables:
            for table in tables:
                yield each, table


def _counted(tables: Iterator[pa.Table], told: Callable[[int], None]) -> Iterator[pa.Table]:
    rows = 0
    for table in tables:
        rows += table.num_rows
        told(rows)
        yield table
