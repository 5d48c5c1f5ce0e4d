"""The sentence on top: complete up to when, at risk by when, what is lost, how old the last good run is."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from etl.core.overview import AccountOverview
from etl.webpage.say import many, moment, span

_DAY = dt.timedelta(days=1)
LONG_AGO = dt.timedelta(hours=26)
"""Nothing good for longer than this alarms (deploy/prometheus/alerts.yml): the job should run once a day."""


class Headline(NamedTuple):
    """`mood`: good, warning or bad; `verdict`: it in words; `sentence`: the facts."""

    mood: str
    verdict: str
    sentence: str


def headline(overview: AccountOverview) -> Headline:
    """The headline of an account, whatever is known of it."""
    parts = [_complete(overview), _unseen(overview), _risk(overview), _lost(overview), _last_good(overview)]
    sentence = "; ".join(part for part in parts if part) + "."
    mood, verdict = _verdict(overview)
    return Headline(mood, verdict, sentence[0].upper() + sentence[1:])


def _verdict(overview: AccountOverview) -> tuple[str, str]:
    if not overview.known or not (overview.runs or overview.batch_days):
        return "warning", "Not begun"
    if overview.risk.batch_days:
        return "bad", "At risk"
    if overview.lost.batch_days:
        return "bad", "Rows are lost"
    if overview.unfinished or overview.last_good is None:
        return "warning", "Work is left"
    if overview.window.moment - overview.last_good > LONG_AGO:
        return "warning", "No good run lately"
    return "good", "All is there"


def complete_up_to(overview: AccountOverview) -> dt.date | None:
    """The last date up to which every batch day is complete, or lost; None: there is none."""
    last = overview.planned_to
    if overview.unfinished_from is not None:
        before = overview.unfinished_from - _DAY
        last = before if last is None else min(last, before)
    if last is None or overview.known_from is None or last < overview.known_from:
        return None
    return last


def _complete(overview: AccountOverview) -> str:
    if not overview.known:
        return f"nothing has been synced for this account yet{_others(overview.others)}"
    if not overview.batch_days:
        return "no batch day is known yet"
    date = complete_up_to(overview)
    but = " but for what is lost" if overview.lost.batch_days else ""
    found = f"complete up to {date}{but}" if date else "no date is complete yet"
    grows = (
        f", as of the last look: from {overview.open_from} on more rows may come" if _grows(overview, date) else ""
    )
    if not overview.unfinished:
        return found + grows
    left = many(overview.unfinished, "batch day")
    are = "is" if overview.unfinished == 1 else "are"
    return f"{found}{grows}; {left} from {overview.unfinished_from} on {are} not complete"


def _others(others: int) -> str:
    """A hint for somebody who has not set the account's name."""
    return f", but for {many(others, 'other account')} of this database" if others else ""


def _grows(overview: AccountOverview, date: dt.date | None) -> bool:
    return date is not None and overview.open_from is not None and overview.open_from <= date


def _unseen(overview: AccountOverview) -> str:
    """From when on no run has read all lists without a complaint; the turn of yesterday may still come."""
    planned_to, window = overview.planned_to, overview.window
    if not overview.batch_days or planned_to is None or planned_to >= window.last - _DAY:
        return ""
    first = planned_to + _DAY
    gone = ", and the vendor no longer answers for the first of these dates" if first < window.first else ""
    return f"no run has planned everything from {first} on{gone}"


def _risk(overview: AccountOverview) -> str:
    risk = overview.risk
    if not overview.batch_days:
        return ""
    if not risk.batch_days or risk.first is None:
        return "nothing is at risk"
    gone = "the first since" if risk.first <= overview.window.moment else "the first by"
    rows = many(risk.rows, "row")
    are = "is" if risk.batch_days == 1 else "are"
    return f"{many(risk.batch_days, 'batch day')} {are} at risk, {gone} {moment(risk.first)} (at least {rows})"


def _lost(overview: AccountOverview) -> str:
    lost = overview.lost
    if not overview.batch_days:
        return ""
    if not lost.batch_days:
        return "nothing is lost"
    are = "is" if lost.batch_days == 1 else "are"
    return f"{many(lost.batch_days, 'batch day')} {are} lost (at least {many(lost.rows, 'row')})"


def _last_good(overview: AccountOverview) -> str:
    if overview.last_good is None:
        return "no run over the whole window has ended well yet"
    age = span(overview.window.moment - overview.last_good)
    return f"the last good run ended {age} ago ({moment(overview.last_good)})"
