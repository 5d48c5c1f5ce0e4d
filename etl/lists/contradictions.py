"""What lists say that cannot all be true: dates far ahead, and two lists that differ about one batch. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import replace

from etl.core.line import DATABASE_LIST, Entry, Line
from etl.core.window import Window
from etl.errors import Misconfigured
from etl.lists.listing import NAMED_LINES, Listing

DAYS_AHEAD = 31
"""A list may be written some days before its numbers are submitted; a date farther ahead is a mistake."""

SPOKEN = {
    "file": "the batch file",
    "query": "the batch query",
    "template": "the batch template",
    DATABASE_LIST: "`numbercheck batches`",
}


Appkeys = dict[str, tuple[str, str]]
"""By batch: the list that gave an appkey first, and that appkey."""
Counted = dict[tuple[str, dt.date | None], str]
"""By batch and date: the list that gave rows first."""


def settled(listings: Iterable[Listing], known: Iterable[Entry], window: Window) -> list[Listing]:
    """The listings as far as they agree, with what they contradict among their problems, remarks and notices.

    `known`: the entries of the database; of these, only its own list takes part. Of two appkeys for one batch, the
    one that is named first counts, and that of `numbercheck batches` before all others.
    """
    own = [entry.line for entry in known if entry.source == DATABASE_LIST]
    appkeys: Appkeys = {line.batch_no: (DATABASE_LIST, line.appkey) for line in own if line.appkey}
    counted: Counted = {(line.batch_no, line.date): DATABASE_LIST for line in own if line.rows is not None}
    found = []
    for listing in listings:
        agreeing = _with_one_appkey(_without_far_dates(listing, window), appkeys)
        found.append(_counted_once(agreeing, counted))
    return found


def is_far_ahead(date: dt.date | None, window: Window) -> bool:
    """Whether a date is so far ahead that it must be a mistake."""
    return date is not None and (date - window.last).days > DAYS_AHEAD


def _without_far_dates(listing: Listing, window: Window) -> Listing:
    far = [line for line in listing.lines if is_far_ahead(line.date, window)]
    if not far:
        return listing
    problem = Misconfigured(
        f"{_batches(len(far))} dated more than {DAYS_AHEAD} days ahead, and not looked for "
        f"({_named(f'{line.batch_no!r} on {line.date}' for line in far)}).",
        "correct the dates; everything else is used.",
        subject=_subject(listing),
    )
    near = tuple(line for line in listing.lines if not is_far_ahead(line.date, window))
    known = listing.unsure if listing.problems else frozenset()
    unsure = None if known is None else known | {line.batch_no for line in far}
    return replace(listing, lines=near, problems=(*listing.problems, problem), unsure=unsure)


def _with_one_appkey(listing: Listing, appkeys: Appkeys) -> Listing:
    """The listing with the appkeys that other lists gave before; adds its own to `appkeys`."""
    others: dict[str, str] = {}
    lines = []
    for line in listing.lines:
        if line.appkey:
            source, appkey = appkeys.setdefault(line.batch_no, (listing.source, line.appkey))
            if line.appkey != appkey:
                others[line.batch_no], line = source, replace(line, appkey=appkey)  # noqa: PLW2901
        lines.append(line)
    if not others:
        return listing
    remark = Misconfigured(
        f"{_batches(len(others))} listed with another appkey than elsewhere, which is ignored "
        f"({_named(f'{name!r} in {SPOKEN[source]}' for name, source in others.items())}).",
        "give each batch one appkey, in one list; `numbercheck batches add BATCH --appkey APPKEY` corrects the "
        "command's.",
        subject=_subject(listing),
    )
    return replace(listing, lines=tuple(lines), remarks=(*listing.remarks, remark))


def _counted_once(listing: Listing, counted: Counted) -> Listing:
    """The listing, with a notice about rows that another list gave as well; adds its own to `counted`."""
    twice: list[Line] = []
    for line in listing.lines:
        if line.date and line.rows is not None:
            other = counted.setdefault((line.batch_no, line.date), listing.source)
            twice += [line] if other != listing.source else []
    if not twice:
        return listing
    notice = (
        f"{_subject(listing)}: {_batches(len(twice))} listed with rows in another list too, and the rows add up "
        f"({_named(f'{line.batch_no!r} on {line.date}' for line in twice)}). If they are the same numbers, name "
        "each batch in one list only."
    )
    return replace(listing, notices=(*listing.notices, notice))


def _batches(number: int) -> str:
    return f"{number:,} {'batch is' if number == 1 else 'batches are'}"


def _named(texts: Iterable[str]) -> str:
    found: Sequence[str] = list(texts)
    more = f"; and {len(found) - NAMED_LINES:,} more" if len(found) > NAMED_LINES else ""
    return "; ".join(found[:NAMED_LINES]) + more


def _subject(listing: Listing) -> str:
    spoken = SPOKEN[listing.source]
    return spoken[:1].upper() + spoken[1:]
