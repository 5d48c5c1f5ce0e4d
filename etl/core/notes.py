"""What a person should know of a batch day, in a sentence: for the log and the ledger's note."""

from __future__ import annotations

from etl.core.batchday import BatchDay, State
from etl.core.window import Window

NO_LONGER_LISTED = " that the vendor no longer lists"


def lacking(day: BatchDay) -> str:
    """Why a batch day that was read to its end is not complete."""
    if day.missing and day.missing < 0:
        return f"{day.accounted:,} rows are held, {day.reported:,} are reported, and no pass accounts for them"
    return f"{day.missing or 0:,} of {day.reported or 0:,} reported rows did not turn up in several passes"


def on_complete(day: BatchDay, window: Window) -> str | None:
    """What is odd about a batch day that holds all that the vendor reports."""
    if not window.is_over(day.date) or day.spill:
        return None
    if day.submitted is not None and (day.reported or 0) < day.submitted:
        return f"{day.submitted:,} numbers were submitted, the vendor reports {day.reported or 0:,} rows"
    if day.dated and not day.reported and day.submitted is None:
        return "The batch is listed with this date, the vendor reports no row: is the batch number right?"
    return None


def vanished(rows: int) -> str:
    """That rows are held which the vendor does not list any more."""
    return f"{rows:,} rows are kept{NO_LONGER_LISTED}"


def still_true(day: BatchDay) -> str | None:
    """What was said of a batch day at an earlier look, and stays so."""
    return day.note if day.note and day.note.endswith(NO_LONGER_LISTED) else None


def on_lost(day: BatchDay) -> str:
    """How a batch day came to be lost."""
    if day.reported is None:
        return "It was never answered for before it left the vendor's window"
    if day.state is State.OPEN:
        return "It was last looked at before its rows were final, and then left the vendor's window"
    return "It was not complete when it left the vendor's window"


def place(day: BatchDay) -> dict[str, str]:
    """The fields of a log record that say which batch day it is about."""
    return {"batch": day.batch_no, "date": day.date.isoformat()}
