"""The sentence on top is true, whatever the state of an account."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etl.core.overview import AccountOverview, Amount, Covered
from etl.webpage.headline import complete_up_to, headline
from tests.webpage.sample import DAY, EMPTY, HOUR, NOW, TODAY, run

SYNCED = replace(
    EMPTY,
    known=True,
    known_from=TODAY - DAY,
    planned_to=TODAY,
    last_good=NOW - 5 * HOUR,
    runs=(run(),),
    covered=(Covered(TODAY - DAY, "settled", 4, 400, 400, 0), Covered(TODAY, "settled", 4, 400, 400, 0)),
)
GOOD = "the last good run ended 5 hours ago (2026-03-13 23:30 UTC)"
CASES = {
    "no database": (EMPTY, "Not begun", ["Nothing has been synced for this account yet; no run over the whole"]),
    "another account": (replace(EMPTY, others=2), "Not begun", ["for this account yet, but for 2 other accounts of this database; no"]),
    "an account without runs": (replace(EMPTY, known=True), "Not begun", ["No batch day is known yet; no run"]),
    "runs that found nothing": (replace(SYNCED, covered=()), "All is there", ["No batch day is known yet; the last good"]),
    "everything complete": (SYNCED, "All is there", ["Complete up to 2026-03-14; nothing is at risk; nothing is lost; " + GOOD]),
    "today may grow": (
        replace(SYNCED, open_from=TODAY),
        "All is there",
        ["Complete up to 2026-03-14, as of the last look: from 2026-03-14 on more rows may come; nothing is at risk"],
    ),
    "no sync for days": (replace(SYNCED, planned_to=TODAY - 3 * DAY, known_from=TODAY - 9 * DAY, covered=(Covered(TODAY - 9 * DAY, "open", 1, 1, 1, 0),)), "All is there", ["Complete up to 2026-03-11"]),
    "no good run lately": (replace(SYNCED, last_good=NOW - 27 * HOUR), "No good run lately", ["Complete up to 2026-03-14; nothing is at risk", "ended 27 hours ago"]),
    "yesterday's dates are planned": (replace(SYNCED, planned_to=TODAY - DAY), "All is there", ["Complete up to 2026-03-13; nothing is at risk"]),
    "dates that nobody has planned": (
        replace(SYNCED, planned_to=TODAY - 2 * DAY, known_from=TODAY - 9 * DAY),
        "All is there",
        ["Complete up to 2026-03-12; no run has planned everything from 2026-03-13 on; nothing is at risk"],
    ),
    "weeks without a run": (
        replace(SYNCED, planned_to=TODAY - 20 * DAY, known_from=TODAY - 30 * DAY, last_good=NOW - 20 * DAY),
        "No good run lately",
        ["up to 2026-02-22; no run has planned everything from 2026-02-23 on, and the vendor no longer answers for the first of these dates; nothing"],
    ),
    "work is left": (
        replace(SYNCED, unfinished=1, unfinished_from=TODAY),
        "Work is left",
        ["Complete up to 2026-03-13; 1 batch day from 2026-03-14 on is not complete; nothing is at risk"],
    ),
    "nothing is complete": (
        replace(SYNCED, unfinished=8, unfinished_from=TODAY - DAY),
        "Work is left",
        ["No date is complete yet; 8 batch days from 2026-03-13 on are not complete"],
    ),
    "at risk": (
        replace(SYNCED, unfinished=2, unfinished_from=TODAY - DAY, risk=Amount(2, 1234, NOW + HOUR)),
        "At risk",
        ["2 batch days are at risk, the first by 2026-03-14 05:30 UTC (at least 1,234 rows)"],
    ),
    "past its deadline": (
        replace(SYNCED, unfinished=1, unfinished_from=TODAY - DAY, risk=Amount(1, 1, NOW - HOUR)),
        "At risk",
        ["1 batch day is at risk, the first since 2026-03-14 03:30 UTC (at least 1 row)"],
    ),
    "lost": (
        replace(SYNCED, lost=Amount(3, 250, NOW)),
        "Rows are lost",
        ["Complete up to 2026-03-14 but for what is lost; nothing is at risk; 3 batch days are lost (at least 250 rows)"],
    ),
    "archived": (
        replace(SYNCED, covered=(), earlier={"archived": 70}),
        "All is there",
        ["Complete up to 2026-03-14; nothing is at risk; nothing is lost"],
    ),
    "no good run yet": (replace(SYNCED, last_good=None), "Work is left", ["no run over the whole window has ended well yet"]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_sentence(name: str) -> None:
    overview, verdict, told = CASES[name]
    found = headline(overview)
    assert found.verdict == verdict
    for words in told:
        assert words in found.sentence
    assert found.sentence.endswith(".")
    assert ".." not in found.sentence


@pytest.mark.parametrize("overview", [EMPTY, replace(SYNCED, planned_to=None)])
def test_nothing_is_called_complete_that_no_run_has_planned(overview: AccountOverview) -> None:
    assert complete_up_to(overview) is None
