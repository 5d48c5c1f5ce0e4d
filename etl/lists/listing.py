"""What a source lists, and the checks that each of its lines has to pass, whatever the source."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from sys import intern

from etl.core.line import CONTROL, MAX_BATCH_NO, Line
from etl.core.wholenumber import whole_number
from etl.errors import EtlError, Misconfigured
from etl.lists.spelling import misspelt

HEADER = ("batch_no", "date", "rows", "appkey")
NAMED_LINES = 5
MAX_APPKEY = 64
MOST_UNSURE = 10_000
"""Of so many batches and dates a list remembers that a line about them is bad; with more, all of it is unsure."""

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOST_ROWS = 999_999_999
_SURROGATE = re.compile("[\ud800-\udfff]")


About = str | dt.date
"""What a line that cannot be used is about: its batch or, where that is not known, its date."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What one source lists; `source` is "file", "query" or "template".

    There is one line per batch and date; the rows of several are added up. `problems`: what is wrong with the
    source, as errors that are not raised: Misconfigured, or TryLater for a database that does not answer.
    `whole` is False where the source could not be read: then its absence from `lines` says nothing about a batch.
    `unsure`: the batches and the dates that lines which cannot be used are about; None where nobody knows.
    `remarks`: what else has to be corrected, though every line could be read. `notices`: what is odd but allowed.
    """

    source: str
    lines: tuple[Line, ...] = ()
    problems: tuple[EtlError, ...] = ()
    whole: bool = True
    remarks: tuple[Misconfigured, ...] = ()
    notices: tuple[str, ...] = ()
    unsure: frozenset[About] | None = None

    def counts(self, line: Line) -> bool:
        """Whether the rows of a line are all that the list gives for its batch and date.

        They are not where a line that cannot be used may have given more.
        """
        if not self.problems:
            return True
        return self.unsure is not None and self.unsure.isdisjoint((line.batch_no, line.date))

    @property
    def complaints(self) -> tuple[EtlError, ...]:
        """Everything that has to be corrected, or tried again."""
        return self.problems + self.remarks


class BadLine(Exception):
    """Why a line cannot be used; the text never contains a value from it. `about`: None where nobody knows."""

    about: About | None = None


def failed(source: str, problem: EtlError) -> Listing:
    """The listing of a source that could not be read."""
    return Listing(source, problems=(problem,), whole=False)


def positions(header: Iterable[str]) -> dict[str, int]:
    """The positions of the known columns. Raises BadLine if batch_no is missing or a column appears twice."""
    names = [name.strip().casefold() for name in header]
    for name in HEADER:
        if names.count(name) > 1:
            raise BadLine(f"the column {name} appears twice")
    if "batch_no" not in names:
        near = [f"; is {name!r} meant to be it?" for name, meant in misspelt(names, HEADER) if meant == "batch_no"]
        raise BadLine(f"there is no column batch_no{''.join(near[:1])}")
    return {name: names.index(name) for name in HEADER if name in names}


def line_of(batch_no: str, date: str = "", rows: str = "", appkey: str = "") -> Line:
    """The line made of these texts; an empty text counts as not given. Raises BadLine."""
    try:
        return _line_of(batch_no.strip(), date.strip(), rows.strip(), appkey.strip())
    except BadLine as error:
        error.about = about(batch_no, date)
        raise


def about(batch_no: str, date: str) -> About | None:
    """What a line with these texts is about."""
    with suppress(BadLine):
        return _line_of(batch_no.strip()).batch_no
    with suppress(BadLine):
        return _date(date.strip())
    return None


def _line_of(batch_no: str, date: str = "", rows: str = "", appkey: str = "") -> Line:
    if not batch_no:
        raise BadLine("the batch number is empty")
    if len(batch_no) > MAX_BATCH_NO:
        raise BadLine(f"the batch number has more than {MAX_BATCH_NO} characters")
    if CONTROL.search(batch_no) or CONTROL.search(appkey):
        raise BadLine("it contains control characters")
    if _SURROGATE.search(batch_no + appkey):
        raise BadLine("it is not UTF-8 text")
    number = whole_number(rows) if rows else None
    if rows and (number is None or not 0 <= number <= _MOST_ROWS):
        raise BadLine(f"rows is not a whole number from 0 to {_MOST_ROWS:,}")
    if len(appkey) > MAX_APPKEY:
        raise BadLine(f"the appkey has more than {MAX_APPKEY} characters")
    # Many lines name the same batch, and most the same few dates.
    return Line(intern(batch_no), _date(date), number, appkey or None)


@lru_cache(maxsize=256)
def _date(text: str) -> dt.date | None:
    if not text:
        return None
    try:
        if _DATE.fullmatch(text):
            return dt.date.fromisoformat(text)
    except ValueError:
        pass
    raise BadLine("the date is not a real date as yyyy-MM-dd")


class Collector:
    """Adds up the lines of one source and remembers which were bad."""

    def __init__(self, source: str, name: str, unit: str, header: Iterable[str] = HEADER) -> None:
        self._source, self._name, self._unit = source, name, unit
        self._lines: dict[tuple[str, dt.date | None], Line] = {}
        self._named: list[str] = []
        self._bad = 0
        self._unsure: set[About | None] = set()
        self._misspelt = misspelt(header, HEADER)
        self._appkeys: dict[str, str] = {}
        self._contradictory: dict[str, None] = {}
        self._undated_rows = 0

    def add(self, number: int, make: Callable[[], Line]) -> None:
        """Take the line `number` as `make` reads it, or note why that is not possible."""
        try:
            line = make()
        except BadLine as error:
            self._bad += 1
            self._unsure.add(error.about if len(self._unsure) < MOST_UNSURE else None)
            if len(self._named) < NAMED_LINES:
                self._named.append(f"{self._unit} {number:,}: {error}")
            return
        if line.appkey:
            line = self._with_first_appkey(line)
        self._undated_rows += line.date is None and line.rows is not None
        key = (line.batch_no, line.date)
        known = self._lines.get(key)
        self._lines[key] = line if known is None else _sum(known, line)

    def _with_first_appkey(self, line: Line) -> Line:
        appkey = self._appkeys.setdefault(line.batch_no, line.appkey or "")
        if appkey != line.appkey:
            self._contradictory[line.batch_no] = None
        return replace(line, appkey=appkey)

    def listing(self) -> Listing:
        """All lines so far."""
        return Listing(
            self._source,
            tuple(self._lines.values()),
            (self._problem(),) if self._bad else (),
            remarks=tuple(self._remarks()),
            notices=tuple(self._notices()),
            unsure=self._about() if self._bad else None,
        )

    def _about(self) -> frozenset[About] | None:
        known = frozenset(about for about in self._unsure if about is not None)
        return known if len(known) == len(self._unsure) else None

    def _remarks(self) -> Iterator[Misconfigured]:
        for name, meant in self._misspelt:
            yield Misconfigured(
                f"The column {name!r} is not read, and there is no column {meant}.",
                f"call it {meant} if that is what it is.",
                subject=self._name,
            )
        if self._contradictory:
            names = list(map(repr, self._contradictory))
            more = f", and {len(names) - NAMED_LINES:,} more" if len(names) > NAMED_LINES else ""
            yield Misconfigured(
                f"More than one appkey is given for {', '.join(names[:NAMED_LINES])}{more}: the first one counts.",
                "give each batch one appkey.",
                subject=self._name,
            )

    def _notices(self) -> Iterator[str]:
        if self._undated_rows:
            units = f"{self._unit} has" if self._undated_rows == 1 else f"{self._unit}s have"
            yield f"{self._name}: {self._undated_rows:,} {units} rows but no date, so the rows do not count."

    def _problem(self) -> Misconfigured:
        units = self._unit if self._bad == 1 else f"{self._unit}s"
        more = f"; and {self._bad - len(self._named):,} more" if self._bad > len(self._named) else ""
        return Misconfigured(
            f"{self._bad:,} {units} cannot be used ({'; '.join(self._named)}{more}).",
            "correct what is named; everything else is used.",
            subject=self._name,
        )


def _sum(first: Line, second: Line) -> Line:
    given = [line.rows for line in (first, second) if line.rows is not None]
    return Line(first.batch_no, first.date, sum(given) if given else None, first.appkey or second.appkey)
