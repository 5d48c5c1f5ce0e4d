"""What a list of batches says, line by line."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field

MAX_BATCH_NO = 64
"""Characters of a batch number."""
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""What no batch number, name or secret may hold."""
DATABASE_LIST = "database"
"""The source of lines given by `numbercheck batches`."""


@dataclass(frozen=True, slots=True)
class Line:
    """A batch, perhaps its date (in the vendor's zone), how many numbers were submitted, its own appkey."""

    batch_no: str
    date: dt.date | None = None
    rows: int | None = None
    appkey: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Entry:
    """A line, and the list that it stands on."""

    source: str
    line: Line

    @property
    def key(self) -> tuple[str, str, dt.date | None]:
        """What there is one entry for."""
        return self.source, self.line.batch_no, self.line.date
