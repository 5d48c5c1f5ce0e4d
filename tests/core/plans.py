"""Plans for tests: moments, lines and batch days in a few words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

from etl.core import planning
from etl.core.batchday import BatchDay, State
from etl.core.line import Line, Lists, RowsByDay
from etl.core.planning import Known, Plan, Rules, Selection, Why
from etl.core.window import GRACE, Window

ZONE = ZoneInfo("Asia/Shanghai")
DAYS, HOURS = dt.timedelta(days=1), dt.timedelta(hours=1)
FIRST, LAST = dt.date(2026, 3, 1), dt.date(2026, 3, 14)


def at(date: dt.date = LAST, hours: float = 12.5) -> dt.datetime:
    """The moment `hours` after the start of `date` in the vendor's zone."""
    return dt.datetime.combine(date, dt.time(), ZONE).astimezone(dt.UTC) + hours * HOURS


def window(moment: dt.datetime | None = None, days: int = 14, settle: float = 12) -> Window:
    """The default window: 2026-03-01 to 14, half an hour after the 13th has settled."""
    return Window(moment or at(), days, ZONE, settle * HOURS)


def date(day: int) -> dt.date:
    """A day of March; 0 is the last of February."""
    return dt.date(2026, 3, 1) + (day - 1) * DAYS


def line(name: str, day: int | None = None, rows: int | None = None, appkey: str | None = None) -> Line:
    return Line(name, None if day is None else date(day), rows, appkey)


def pending(name: str, day: int, **values: Any) -> BatchDay:
    return BatchDay(name, date(day), id=day + 1000, **values)


def incomplete(name: str, day: int, reported: int = 500, stored: int = 100, **values: Any) -> BatchDay:
    return pending(name, day, state=State.INCOMPLETE, reported=reported, stored=stored, **values)


def whole(
    name: str, day: int, rows: int = 10, looked: float = 24, state: State = State.OPEN, **values: Any
) -> BatchDay:
    """A batch day that held all that was reported at its last look, `hours` after its start."""
    found = {"reported": rows, "stored": rows, "last_synced_at": at(date(day), looked)} | values
    return pending(name, day, state=state, **found)


def settled(name: str, day: int, rows: int = 10, **values: Any) -> BatchDay:
    return whole(name, day, rows, 36, State.SETTLED, **values)


def make(
    lines: Iterable[Line] = (), days: Iterable[BatchDay] = (), moment: dt.datetime | None = None, **rules: Any
) -> Plan:
    return planning.make(known_of(lines, days), window(moment), Rules(**_selected(rules)))


def _selected(rules: dict[str, Any]) -> dict[str, Any]:
    chosen = {name: rules.pop(name) for name in ("batches", "dates", "full") if name in rules}
    return rules | {"selection": Selection(**chosen)}


def known_of(lines: Iterable[Line], days: Iterable[BatchDay] = (), settled: RowsByDay | None = None) -> Known:
    """What is known from these lists and this ledger, whose batch days are given what the lists say."""
    lists, updated = Lists.of(list(lines)), list(days)
    for day in updated:
        day.submitted = lists.submitted_on(day.batch_no, day.date)
        day.dated = lists.dates(day.batch_no, day.date)
    return Known(lists, updated, settled or {})


def asked(made: Plan) -> list[tuple[str, int, Why]]:
    """Batch, day of March and reason of each task, in order."""
    return [(task.day.batch_no, (task.day.date - FIRST).days + 1, task.why) for task in made.tasks]


def places(made: Plan) -> set[tuple[str, int]]:
    return {(name, day) for name, day, _ in asked(made)}


GONE = window().deadline(date(1)) + GRACE
