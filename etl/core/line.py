"""What a list of batches says, line by line."""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

MAX_BATCH_NO = 64
"""How many characters a batch number may have."""
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""Characters that no batch number, name or secret may contain."""
DATABASE_LIST = "database"
"""The source of lines given by `numbercheck batches`."""


@dataclass(frozen=True, slots=True)
class Line:
    """A batch and, where given, its date (in the vendor's zone) and its own appkey.

    `rows`: how many numbers were submitted, where given.
    """

    batch_no: str
    date: dt.date | None = None
    rows: int | None = None
    appkey: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Entry:
    """A line, and the list that it is on.

    `told_at`: where it has no date, since when it is on the list (UTC); None: since before such moments were kept.
    """

    source: str
    line: Line
    told_at: dt.datetime | None = field(default=None, compare=False)

    @property
    def key(self) -> tuple[str, str, dt.date | None]:
        """There is one entry for each of these keys."""
        return self.source, self.line.batch_no, self.line.date


@dataclass(frozen=True, slots=True)
class Retired:
    """What is looked for no further, whatever list names it: whole batches, and batches on single dates."""

    batches: Collection[str] = ()
    dates: Mapping[dt.date, set[str]] = field(default_factory=dict)

    def covers(self, line: Line) -> bool:
        """Whether it includes this line."""
        return line.batch_no in self.batches or (line.date is not None and line.batch_no in self.on(line.date))

    def on(self, date: dt.date) -> set[str]:
        """The batches that are retired on that date alone."""
        return self.dates.get(date, set())


NOTHING_RETIRED = Retired()

# Keyed by date, then by batch: pairs of the two as keys would take a third of a large plan's time and memory.
RowsByDay = dict[dt.date, dict[str, int]]
NamesByDate = dict[dt.date, set[str]]
"""Batches by date."""


@dataclass(frozen=True, slots=True)
class Lists:
    """The lines of all lists together.

    `submitted`: how many numbers were submitted, where lines say so; lines for one batch and date add up.
    `named`: the batches, by the date on their lines. `retired`: what none of the lines names.
    """

    lines: Collection[Line] = ()
    submitted: RowsByDay = field(default_factory=dict)
    named: dict[dt.date | None, set[str]] = field(default_factory=dict)
    retired: Retired = NOTHING_RETIRED

    @classmethod
    def of(cls, lines: Collection[Line], retired: Retired = NOTHING_RETIRED) -> Lists:
        """What these lines say."""
        submitted: RowsByDay = defaultdict(dict)
        named: dict[dt.date | None, set[str]] = defaultdict(set)
        for line in lines:
            named[line.date].add(line.batch_no)
            if line.date is not None and line.rows is not None:
                of_date = submitted[line.date]
                of_date[line.batch_no] = of_date.get(line.batch_no, 0) + line.rows
        return cls(lines, dict(submitted), dict(named), retired)

    def submitted_on(self, batch_no: str, date: dt.date) -> int | None:
        """How many numbers were submitted to that batch for that date; None where no list says so."""
        return self.submitted.get(date, _NOTHING).get(batch_no)

    def dates(self, batch_no: str, date: dt.date) -> bool:
        """Whether a list names that batch with that date."""
        return batch_no in self.named.get(date, ())


_NOTHING: dict[str, int] = {}
NO_LISTS = Lists()
