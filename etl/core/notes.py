"""What a person should know about a batch day, and when."""

from __future__ import annotations

import re

from etl.core.batchday import BatchDay, Note, NoteKind, State
from etl.core.window import Window

# The sentence of NoteKind.VANISHED. If its wording changes, match the old one too: it stays in ledgers.
_VANISHED = re.compile("(0|[1-9][0-9]{0,2}(?:,[0-9]{3})*) rows are kept that the vendor no longer lists")


def on_incomplete(day: BatchDay) -> Note:
    """Why a batch day that was read to its end is not complete."""
    reported = day.reported or 0
    if day.missing and day.missing < 0:
        return Note(NoteKind.UNACCOUNTED, (day.accounted, reported))
    return Note(NoteKind.MISSING, (day.missing or 0, reported))


def on_complete(day: BatchDay, window: Window) -> Note | None:
    """What is odd about a batch day that holds all that the vendor reports."""
    reported = day.reported or 0
    if not window.is_over(day.date) or day.spill:
        return None
    if day.submitted is not None and reported < day.submitted:
        return Note(NoteKind.FEWER_THAN_SUBMITTED, (day.submitted, reported))
    if day.dated and not reported and day.submitted is None:
        return Note(NoteKind.NO_ROW)
    return None


def is_empty_too_late(day: BatchDay, window: Window) -> bool:
    """Whether a first answer proves nothing: a list dates the batch, and a date that is gone has no rows."""
    return day.dated and not day.reported and window.moment >= window.deadline(day.date)


def on_lost(day: BatchDay) -> Note:
    """How a batch day came to be lost."""
    if day.reported is None:
        return Note(NoteKind.NEVER_ANSWERED)
    return Note(NoteKind.NOT_FINAL if day.state is State.OPEN else NoteKind.NOT_COMPLETE)


def still_true(day: BatchDay) -> Note | None:
    """The note of an earlier look, where it is still true."""
    return day.note if day.note and day.note.kind is NoteKind.VANISHED else None


def from_ledger(text: str | None) -> Note | None:
    """The note whose text the ledger holds; its `str` is the same text.

    Only the kind that outlives a run is recognised; of any other note, only the words are known.
    """
    if text is None:
        return None
    vanished = _VANISHED.fullmatch(text)
    if vanished:
        return Note(NoteKind.VANISHED, (int(vanished[1].replace(",", "")),))
    return Note(NoteKind.WORDS, (text,))


def place(day: BatchDay) -> dict[str, str]:
    """The fields of a log record that say which batch day it is about."""
    return {"batch": day.batch_no, "date": day.date.isoformat()}
