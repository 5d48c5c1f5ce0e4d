"""Which batch numbers look as if a spreadsheet had changed them on their way into a list.

A guess from the text alone, and so never a reason to refuse a line: a customer may name a batch as he likes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from enum import Enum

SHAPED = 3
"""So many numbers of one length, and at least half of all, are taken for the common length of a list."""
KEPT_DIGITS = 15
"""How many digits of a number a spreadsheet keeps."""


class Trace(Enum):
    """What a spreadsheet leaves of a number; the value says it in words."""

    EXPONENT = "scientific notation"
    FORMULA = "a formula"
    APOSTROPHE = "an apostrophe or quotation marks around a number"
    DECIMALS = "decimals that are all zeros"
    SEPARATORS = "thousands separators"
    ERROR = "a spreadsheet's error"
    INVISIBLE = "invisible characters"
    ROUNDED = "digits beyond the fifteenth that are all zeros"
    ZEROS = "fewer digits than numbers of this list that begin with 0"


_APOSTROPHES = "'`\u2018\u2019"
_QUOTES = '"\u201c\u201d\u201e'
_GROUPS = (
    r"[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,3}(?:['\u2019\u00a0\u2009\u202f][0-9]{3})+|[0-9]{1,3}(?:[. ][0-9]{3}){2,}"
)
_TRACES = {
    Trace.EXPONENT: r"[+-]?[0-9]+(?:[.,][0-9]+)?[eE][+-][0-9]{1,3}|[+-]?[0-9][.,][0-9]+[eE][0-9]{1,3}",
    Trace.FORMULA: r"=.+",
    Trace.APOSTROPHE: rf"[{_APOSTROPHES}]+[0-9].*|[{_QUOTES}]+[0-9][^{_QUOTES}]*[{_QUOTES}]+",
    Trace.SEPARATORS: rf"(?:{_GROUPS})(?:[.,][0-9]{{1,2}})?",
    Trace.DECIMALS: r"[0-9]+[.,]0+",
    Trace.ERROR: r"#+|#(?:N/A|NAME\?|VALUE!|REF!|NUM!|DIV/0!|NULL!)",
    Trace.INVISIBLE: r".*[\u200b-\u200f\u2060\ufeff].*",
    # By chance, three zeros or more follow in one number of a thousand.
    Trace.ROUNDED: rf"[1-9][0-9]{{{KEPT_DIGITS - 1}}}0{{3,}}",
}
_PATTERNS = {trace: re.compile(pattern) for trace, pattern in _TRACES.items()}
_DIGITS = re.compile("[0-9]+")


def trace_in(batch_no: str) -> Trace | None:
    """What a spreadsheet left in this number, as far as the number alone tells."""
    if len(batch_no) <= KEPT_DIGITS and _DIGITS.fullmatch(batch_no):
        return None
    return next((trace for trace, pattern in _PATTERNS.items() if pattern.fullmatch(batch_no)), None)


def traces(suspects: Iterable[str], batch_nos: Iterable[str]) -> dict[str, Trace]:
    """Those of `suspects` that show a trace by themselves, or beside numbers that begin with 0.

    `batch_nos`: all numbers of the list or the account.
    """
    padded = _padded(batch_nos)
    found = {}
    for number in suspects:
        trace = trace_in(number)
        if trace is None and len(number) < padded and _DIGITS.fullmatch(number):
            trace = Trace.ZEROS
        if trace is not None:
            found[number] = trace
    return found


def _padded(batch_nos: Iterable[str]) -> int:
    """The length to which these numbers are filled up with zeros; 0: they are not."""
    plain = [number for number in batch_nos if _DIGITS.fullmatch(number)]
    lengths = Counter(len(number) for number in plain if number.startswith("0"))
    if not lengths:
        return 0
    [(padded, _)] = lengths.most_common(1)
    shorter_ones = sum(len(number) < padded for number in plain)
    full = sum(len(number) == padded for number in plain)
    # Where most are shorter, some begin with 0 for another reason.
    return padded if full >= shorter_ones else 0


def shorter(suspects: Iterable[str], batch_nos: Iterable[str]) -> set[str]:
    """Those of `suspects` with fewer digits than most numbers have.

    A spreadsheet that drops zeros drops all of them, so that nothing in the list begins with 0. It proves little:
    a counter that went from 999 to 1000 looks the same. So ask only about batches that have no row.
    """
    lengths = Counter(len(number) for number in batch_nos if _DIGITS.fullmatch(number))
    if not lengths:
        return set()
    [(common, count)] = lengths.most_common(1)
    if count < SHAPED or 2 * count < lengths.total():
        return set()
    return {number for number in suspects if len(number) < common and _DIGITS.fullmatch(number)}
