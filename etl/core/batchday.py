"""A batch day: the unit that is asked for, counted, completed or lost."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, field
from enum import Enum, StrEnum

from etl.core.pagesize import PAGE_SIZE


class State(StrEnum):
    """The state of a batch day (CONTRACT: v_coverage.state)."""

    PENDING = "pending"
    INCOMPLETE = "incomplete"
    OPEN = "open"
    SETTLED = "settled"
    LOST = "lost"


UNFINISHED = (State.PENDING, State.INCOMPLETE)
"""The states in which a batch day is lost when its deadline passes."""
UNDECIDED = (*UNFINISHED, State.OPEN)
"""The states of a batch day that is neither settled nor lost."""


class NoteKind(Enum):
    """The kind of a note; the value is its sentence, with a placeholder for each figure."""

    MISSING = "{:,} of {:,} reported rows did not turn up in several passes"
    UNACCOUNTED = "{:,} rows are held, {:,} are reported, and no pass accounts for them"
    FEWER_THAN_SUBMITTED = "{:,} numbers were submitted, the vendor reports {:,} rows"
    NO_ROW = "The batch is listed with this date, the vendor reports no row: is the batch number right?"
    VANISHED = "{:,} rows are kept that the vendor no longer lists"
    NEVER_ANSWERED = "It was never answered for before it left the vendor's window"
    EMPTY_TOO_LATE = "The vendor reported no row for it, but was first asked after it had left the vendor's window"
    NOT_FINAL = "It was last looked at before its rows were final, and then left the vendor's window"
    NOT_COMPLETE = "It was not complete when it left the vendor's window"
    WORDS = "{}"  # the text of an error, or of a note that an earlier run wrote


@dataclass(frozen=True, slots=True)
class Note:
    """What a person should know about a batch day; the log and the ledger hold the text that `str` returns."""

    kind: NoteKind
    figures: tuple[int | str, ...] = ()

    def __str__(self) -> str:
        return self.kind.value.format(*self.figures)


@dataclass(slots=True)
class BatchDay:
    """One line of the ledger; an `id` of 0 means that it is not in the database yet.

    Times are UTC. `reported` is the vendor's count at the last look as far as it is believed, or None where it
    never answered; `claimed` is that count as it came. `page_size`: rows per page, as `pages_read` counts them.
    `dated`: whether a list names this batch with this date.
    """

    batch_no: str
    date: dt.date
    id: int = 0
    appkey: str | None = None
    spill: bool = False
    submitted: int | None = None
    state: State = State.PENDING
    reported: int | None = None
    claimed: int | None = None
    page_size: int = PAGE_SIZE
    stored: int = 0
    repeated: int = 0
    rejected: int = 0
    unresolved: int = 0
    next_outcome_at: dt.datetime | None = None
    pages_read: str | None = None
    needs_pass: bool = False
    growth: str | None = None
    fruitless_runs: int = 0
    last_asked_at: dt.datetime | None = None
    last_synced_at: dt.datetime | None = None
    last_look_at: dt.datetime | None = None
    full_at: dt.datetime | None = None
    full_pages: str | None = None
    note: Note | None = field(default=None, repr=False)
    dated: bool = False

    @property
    def accounted(self) -> int:
        """Listed rows that are accounted for: distinct keys, confirmed repeats, rejected rows."""
        return self.stored + self.repeated + self.rejected

    @property
    def missing(self) -> int | None:
        """Rows reported but not accounted for; negative where more are held than reported; None if never asked."""
        return None if self.reported is None else self.reported - self.accounted

    @property
    def proven(self) -> bool:
        """Whether it holds all that the vendor reported at the last look.

        The keys held are assumed to be a subset of the vendor's, so equal counts mean equal sets. Once more
        rows were held than reported, that no longer follows, and a whole pass has to prove it.
        """
        return self.missing == 0 and not self.needs_pass

    @property
    def asked_in_vain(self) -> bool:
        """Whether it was asked for, and no answer about its rows was ever counted."""
        return self.reported is None and self.last_asked_at is not None

    @property
    def pages(self) -> int:
        """Pages that the reported rows fill; 1 where nothing is known."""
        return pages_of(self.reported or 0, self.page_size)

    @property
    def all_submitted_there(self) -> bool:
        """Whether it holds at least as many rows as were submitted, where that is known."""
        return self.submitted is not None and self.proven and (self.reported or 0) >= self.submitted


def pages_of(rows: int, page_size: int = PAGE_SIZE) -> int:
    """How many requests `rows` rows take: at least one."""
    return max(1, math.ceil(rows / page_size))
