"""Warnings of batch numbers that look as if a spreadsheet had changed them. They are used all the same."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from etl.core import spreadsheet
from etl.core.line import Line
from etl.lists.listing import NAMED_LINES

log = logging.getLogger(__name__)


def warn(lines: Iterable[Line], name: str) -> None:
    """Name the first of these batch numbers in the log; `name`: what messages call the list."""
    numbers = list(dict.fromkeys(line.batch_no for line in lines))
    found = spreadsheet.traces(numbers, numbers)
    for number, trace in list(found.items())[:NAMED_LINES]:
        what = f"{name}: the batch number {number!r} looks changed by a spreadsheet ({trace.value})"
        log.warning("%s. Is it right? Keep that column as text", what, extra={"batch": number})
    if len(found) > NAMED_LINES:
        log.warning("%s: %d more batch numbers look changed by a spreadsheet", name, len(found) - NAMED_LINES)
