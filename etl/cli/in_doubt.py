"""How `sync` and `status` show what may be missing although it counts as complete."""

from __future__ import annotations

from collections.abc import Sequence

from etl.cli.output import SHOWN, titled
from etl.core.doubt import Doubt, DoubtKind

IN_WORDS = {
    DoubtKind.NO_ROWS: "no row on any of its dates: is the batch number right?",
    DoubtKind.FEWER_THAN_SUBMITTED: "fewer rows than submitted",
    DoubtKind.ROUND_TOTAL: "a round total on several batch days: perhaps a limit of the vendor",
    DoubtKind.LOOKS_LIKE_SPREADSHEET: "the number looks changed by a spreadsheet",
}


def in_doubt(doubts: Sequence[Doubt], shown: int = SHOWN) -> list[str]:
    """The lines of a table of doubts under a title, of which so many are named; none if there are no doubts."""
    if not doubts:
        return []
    head = ("batch", "date", "reported rows", "submitted rows", "doubt")
    rows = [(d.batch_no, d.date, d.reported, d.submitted, IN_WORDS[d.kind]) for d in doubts]
    return titled("In doubt, although it counts as complete:", head, rows, shown)
