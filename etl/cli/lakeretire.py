"""`numbercheck lake retire`: dates leave the database once the lake has them."""

from __future__ import annotations

import datetime as dt
import math
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import click
import sqlalchemy as sa

from etl.admin import retiring
from etl.admin.retiring import RetireOrder
from etl.cli.common import Date, load_settings
from etl.cli.lakebar import shown
from etl.cli.lakeplace import both_places, chosen_accounts, lake_room
from etl.cli.options import SecondsOption
from etl.cli.output import SHOWN, count, echo, json_option, print_json
from etl.cli.people import account_option
from etl.clock import Clock
from etl.core.window import Window
from etl.database.engine import reading, snapshot
from etl.database.rewriting import rewrite
from etl.errors import STATUS, Misconfigured, TryLater
from etl.settings import Settings

_NOT_THERE = "the lake does not have it as it is: run `numbercheck lake export`"
_DIFFERS = "the lake differs from it: `numbercheck lake verify` says in what"
_LATER = "there was no time left"
_STATUS = {_NOT_THERE: TryLater.exit_status, _LATER: TryLater.exit_status, _DIFFERS: Misconfigured.exit_status}


@dataclass(slots=True)
class _Retired:
    """What was done for an account. `stays`: the dates that are still here, by why."""

    account: str
    dates: list[dt.date] = field(default_factory=list)
    rows: int = 0
    stays: dict[str, list[dt.date]] = field(default_factory=lambda: defaultdict(list))

    @property
    def status(self) -> int:
        """The exit status: a date that its batch days keep here is no failure."""
        return max((_STATUS.get(why, 0) for why in self.stays), default=0)


@click.command(short_help="Delete dates from the database that the lake holds.")
@click.option("--before", type=Date(), required=True, help="Only dates before this one.")
@account_option
@click.option("--max-seconds", type=SecondsOption(), help="Take no longer than this; the next call goes on.")
@json_option
@click.pass_context
def retire(
    ctx: click.Context, before: dt.date, names: Sequence[str], max_seconds: float | None, as_json: bool
) -> None:
    """Delete the rows of dates before --before from the database, where the lake holds them.

    Each date is compared with the lake just before, row by row. Only dates whose batch days are all settled, lost
    or expired, 48 hours after they left the vendor's window. A sync can run in between, and none asks for them
    again. v_coverage says `archived`; v_phone_latest no longer knows their phones. Killed meanwhile, the next call
    goes on.

    \b
    Example: keep two years in the database
      numbercheck lake retire --before 2026-01-01
    """
    settings, clock = load_settings(), Clock()
    end = math.inf if max_seconds is None else time.monotonic() + max_seconds
    _require_whole(settings)
    with both_places(settings) as (engine, lake):
        lake.require()
        done = []
        for name, number in chosen_accounts(engine, names).items():
            window = Window.at(clock.now(), settings)
            with shown(name) as told:
                work = _Work(engine, lake, number, before, window, _Retired(name), told, end)
                done.append(work.carry_out())
        rewrite(engine)
    status = max((each.status for each in done), default=0)
    if as_json:
        end_of = {"status": STATUS[status], "exit_code": status}
        print_json({"lake": lake.url, "before": before, "accounts": [_line(each) for each in done]} | end_of)
    else:
        _tell(done)
    ctx.exit(status)


def _require_whole(settings: Settings) -> None:
    if settings.lake_masked:
        raise Misconfigured(
            "A masked lake (NUMBERCHECK_LAKE_MASKED) does not hold the numbers, so it cannot take the place of the"
            " database.",
            "retire dates to a lake that holds whole rows.",
        )


@dataclass(slots=True)
class _Work:
    """One account: what was interrupted is brought to its end, then each date that may go is compared and goes."""

    engine: sa.Engine
    lake: Any
    account_id: int
    before: dt.date
    window: Window
    done: _Retired
    told: Callable[[int, int, int], None]
    end: float

    def carry_out(self) -> _Retired:
        """All dates, the newest first."""
        with reading(self.engine).connect() as connection:
            half = retiring.half_gone(connection, self.account_id)
            staying = retiring.staying(connection, self.account_id, self.window)
        due = {date: why for date, why in staying.items() if date < self.before}
        for number, date in enumerate([*half, *due]):
            self.told(number, len(half) + len(due), self.done.rows)
            why = due.get(date) or self._shared(date) or self._try(date)
            if why:
                self.done.stays[str(why)].append(date)
            else:
                self.done.dates.append(date)
        return self.done

    def _shared(self, date: dt.date) -> str | None:
        """Why a date stays because a later one does, which lists some of its keys as well."""
        kept = [each for found in self.done.stays.values() for each in found]
        if not kept:
            return None
        with reading(self.engine).connect() as connection:
            return retiring.staying(connection, self.account_id, self.window, kept).get(date)

    def _try(self, date: dt.date) -> str | None:
        """Let a date go if the lake has it; why it stays."""
        if not self._more(0):
            return _LATER
        with snapshot(self.engine) as connection:
            self.lake.rows.refresh()
            here = lake_room("standings").account_here(connection, self.lake, self.account_id, self.done.account)
            each = next(each for each in here.dates if each.date == date)
            found = next(lake_room("verifying").verify(connection, self.lake, here, [each]))
        if not found.equal:
            return _NOT_THERE if found.standpoint == "behind" else _DIFFERS
        order = RetireOrder(self.account_id, date, each.state.version, self.window)
        self.done.rows += retiring.retire(self.engine, order, self._more)
        with reading(self.engine).connect() as connection:
            left = date in retiring.half_gone(connection, self.account_id)
        return _LATER if left else None

    def _more(self, _rows: int) -> bool:
        return time.monotonic() < self.end


def _dates(found: Sequence[dt.date]) -> str:
    return f"{min(found)}" if len(found) == 1 else f"{count(len(found), 'date')} from {min(found)} to {max(found)}"


def _line(done: _Retired) -> dict[str, Any]:
    return {"account": done.account, "dates": done.dates, "rows": done.rows, "stay": done.stays}


def _tell(done: Sequence[_Retired]) -> None:
    for each in done:
        echo(
            f"{each.account}: {count(len(each.dates), 'date')} left the database, with {count(each.rows, 'row')}."
        )
        for why, found in list(each.stays.items())[:SHOWN]:
            echo(f"  {_dates(found)}: {why}.")
