"""Coverage as a picture: a line for each date, a cell for each batch day, or for each state if many."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import NamedTuple

from etl.core.batchday import UNFINISHED
from etl.core.overview import AccountOverview, Covered, CoveredBatch
from etl.webpage.outside import batch
from etl.webpage.say import many, moment, number, span

_DAY = dt.timedelta(days=1)


class Look(NamedTuple):
    """A state as the page shows it: `sign` tells it apart where its colour does not."""

    name: str
    sign: str
    meaning: str


LOOKS = {
    "lost": Look("lost", "✕", "left the vendor’s window before it was complete"),
    "incomplete": Look("incomplete", "!", "asked for, not complete"),
    "pending": Look("pending", "○", "not asked for yet"),
    "open": Look("open", "~", "complete at the last look, may grow"),
    "settled": Look("settled", "✓", "complete, nothing more is expected"),
    "archived": Look("archived", "▣", "complete, and moved to the lake"),
}
"""The states, the worst first."""
OTHER = Look("other", "?", "a state that this page does not know")


class Cell(NamedTuple):
    """One coloured field. `grow`: how many batch days it stands for; `text`: for a reader who does not see it."""

    look: Look
    grow: int
    text: str


class DateLine(NamedTuple):
    """A date with its cells. `where`: in the window (`due`: something in it is at risk), or `before` it."""

    date: dt.date
    where: str
    cells: tuple[Cell, ...]
    rows: str
    deadline: str


def lines(overview: AccountOverview) -> tuple[DateLine, ...]:
    """Every date from today back to the oldest that is shown."""
    days: dict[dt.date, list[Covered]] = defaultdict(list)
    for day in overview.covered:
        days[day.date].append(day)
    batches: dict[dt.date, list[CoveredBatch]] = defaultdict(list)
    for one in overview.batches:
        batches[one.date].append(one)
    first = min([overview.window.first, *days])
    last = max([overview.window.last, *days])
    dates = [last - _DAY * back for back in range((last - first).days + 1)]
    return tuple(_line(overview, date, days[date], batches[date]) for date in dates)


def _line(overview: AccountOverview, date: dt.date, days: list[Covered], batches: list[CoveredBatch]) -> DateLine:
    cells = tuple(map(_one, batches)) if batches else tuple(map(_fold, sorted(days, key=_rank)))
    asked = [day.reported for day in days if day.reported is not None]
    held = f"{number(sum(day.stored for day in days))} of {number(sum(asked))}" if asked else "–"
    return DateLine(date, _where(overview, date, days), cells, held, _deadline(overview, date))


def is_planned(overview: AccountOverview, date: dt.date) -> bool:
    """Whether a run has planned what the lists name for that date: else nobody knows whether it has a batch."""
    return overview.planned_to is not None and date <= overview.planned_to


def _rank(day: Covered) -> int:
    return list(LOOKS).index(day.state) if day.state in LOOKS else -1


def look_of(state: str) -> Look:
    """How a state looks; a state of a later version looks like no other."""
    return LOOKS.get(state, OTHER)


def _one(day: CoveredBatch) -> Cell:
    rows = "never asked" if day.reported is None else f"{number(day.stored)} of {many(day.reported, 'row')}"
    return Cell(look_of(day.state), 1, f"{batch(day.batch_no, day.date)}: {look_of(day.state).name}, {rows}")


def _fold(day: Covered) -> Cell:
    rows = f"{number(day.stored)} of {many(day.reported or 0, 'row')} held"
    missing = f", {number(day.missing)} missing" if day.missing else ""
    text = f"{many(day.batch_days, 'batch day')} {look_of(day.state).name}: {rows}{missing}"
    return Cell(look_of(day.state), day.batch_days, text)


def _where(overview: AccountOverview, date: dt.date, days: list[Covered]) -> str:
    if date < overview.window.first:
        return "before"
    at_risk = overview.window.is_at_risk(date) and any(day.state in UNFINISHED for day in days)
    return "due" if at_risk else "window"


def _deadline(overview: AccountOverview, date: dt.date) -> str:
    """When the date leaves the window; nothing for what has left it."""
    if date < overview.window.first:
        return ""
    deadline = overview.window.deadline(date)
    return f"{moment(deadline)}, in {span(deadline - overview.window.moment)}"


def totals(overview: AccountOverview) -> tuple[tuple[Look, int], ...]:
    """Each state of the dates that are shown and how many batch days have it, the worst first."""
    counted: dict[Look, int] = defaultdict(int)
    for day in sorted(overview.covered, key=_rank):
        counted[look_of(day.state)] += day.batch_days
    return tuple(counted.items())


def earlier(overview: AccountOverview) -> str:
    """The batch days before the dates that are shown, in words; empty where there are none."""
    counts = [f"{number(count)} {look_of(state).name}" for state, count in overview.earlier.items()]
    return f"Before {overview.first}: {', '.join(counts)}." if counts else ""
