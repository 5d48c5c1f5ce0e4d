"""The tables of the page: the commonest first and by name, the rest as one line."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from decimal import Decimal
from functools import reduce
from operator import attrgetter
from typing import NamedTuple

from etl.core.doubt import Doubt, DoubtKind
from etl.core.overview import AccountOverview, Daily, Findings, Ran, Tally
from etl.webpage.outside import batch, outside
from etl.webpage.say import each, many, moment, money, number, percent, span

COUNTRIES, CARRIERS, CURRENCIES, KINDS = 12, 20, 6, 4
"""So many are named at most."""
WORSE = 5
"""Percentage points by which the share of UNKNOWN has to rise to be marked."""
TOO_FEW = 30
"""Fewer checks than this show no change."""
_AGES = ((7, "less than 7 days"), (30, "7 to 29 days"), (90, "30 to 89 days"), (365, "90 to 364 days"))
_OLDER = "365 days or more"
_PARTS = ("valid", "reachable", "answered")
ALL = "all together"
DOUBTS = {
    DoubtKind.NO_ROWS: "no row on any date: is the batch number right?",
    DoubtKind.FEWER_THAN_SUBMITTED: "fewer rows than submitted",
    DoubtKind.ROUND_TOTAL: "a round total: perhaps a limit of the vendor",
    DoubtKind.LOOKS_LIKE_SPREADSHEET: "the batch number looks changed by a spreadsheet",
}
SECONDS_OF_A_DAY = 86_400


class Share(NamedTuple):
    """An outcome in percent of what is known, and how much that is; the bar's parts in percent of all."""

    percent: str
    known: str
    yes: float
    no: float
    unknown: float


class Outcomes(NamedTuple):
    """Checks of a country or carrier. `trend`: the share of UNKNOWN before and now; `worse`: it rose."""

    name: str
    checks: str
    shares: tuple[Share, ...]
    trend: str
    worse: bool


class Spending(NamedTuple):
    """Exact cost in one currency."""

    currency: str
    priced: str
    cost: str
    reachable: str
    each: str


class DayLine(NamedTuple):
    """What happened on one date, as the plots show it."""

    date: dt.date
    requests: str
    budget: str
    checks: str
    kinds: tuple[str, ...]
    cost: str


class Age(NamedTuple):
    """How many phones were checked so long ago, and which part of all that is."""

    name: str
    phones: str
    percent: str


def share(outcome: Findings) -> Share:
    """An outcome as the page shows it."""
    if not outcome.asked:
        return Share("–", "not asked for", 0, 0, 0)
    parts = (round(100 * part / outcome.asked, 2) for part in outcome)
    known = f"{number(outcome.known)} of {number(outcome.asked)} known"
    return Share(percent(outcome.yes, outcome.known) if outcome.known else "unknown", known, *parts)


def by_country(overview: AccountOverview) -> tuple[Outcomes, ...]:
    """The outcomes of each country, the one with most checks first."""
    groups = _grouped(overview.tallies, attrgetter("country"))
    return tuple(_few(overview, groups, COUNTRIES, _country, ("further country", "further countries")))


def by_carrier(overview: AccountOverview) -> tuple[Outcomes, ...]:
    """The outcomes of each carrier in each country, the one with most checks first."""
    groups = _grouped(overview.tallies, attrgetter("carrier", "country"))
    return tuple(_few(overview, groups, CARRIERS, _carrier, ("further carrier", "further carriers")))


def _country(tally: Tally) -> str:
    return outside(tally.country)


def _carrier(tally: Tally) -> str:
    return f"{outside(tally.carrier)}, {outside(tally.country, 'no country')}"


def _grouped(tallies: Iterable[Tally], key: Callable[[Tally], object]) -> list[list[Tally]]:
    """The tallies that belong together, the commonest first."""
    found: dict[object, list[Tally]] = defaultdict(list)
    for tally in tallies:
        found[key(tally)].append(tally)
    return sorted(found.values(), key=_checks, reverse=True)


def _few(
    overview: AccountOverview,
    groups: list[list[Tally]],
    most: int,
    name_of: Callable[[Tally], str],
    words: tuple[str, str],
) -> Iterator[Outcomes]:
    """A line for each of the first groups, one for all others, and one for everything."""
    yield from (_outcomes(overview, name_of(tallies[0]), tallies) for tallies in groups[:most])
    if rest := [tally for tallies in groups[most:] for tally in tallies]:
        yield _outcomes(overview, many(len(groups) - most, *words), rest)
    if len(groups) > 1:
        yield _outcomes(overview, ALL, overview.tallies)


def _outcomes(overview: AccountOverview, name: str, tallies: Collection[Tally]) -> Outcomes:
    shares = (share(_added(tallies, part)) for part in _PARTS)
    before, now = (_unknown([one for one in tallies if one.recent is recent]) for recent in (False, True))
    if overview.recent_from is None or None in (before, now):
        return Outcomes(name, number(_checks(tallies)), tuple(shares), "", False)
    trend = f"{before:.0f} % → {now:.0f} %"
    return Outcomes(name, number(_checks(tallies)), tuple(shares), trend, (now or 0) - (before or 0) >= WORSE)


def _checks(tallies: Iterable[Tally]) -> int:
    return sum(tally.checks for tally in tallies)


def _added(tallies: Iterable[Tally], part: str) -> Findings:
    return reduce(Findings.plus, (getattr(tally, part) for tally in tallies), Findings())


def _unknown(tallies: Collection[Tally]) -> float | None:
    """Which share of all outcomes is UNKNOWN, in percent; None where they are too few to tell."""
    added = [_added(tallies, part) for part in _PARTS]
    asked = sum(outcome.asked for outcome in added)
    return 100 * sum(outcome.unknown for outcome in added) / asked if asked >= TOO_FEW else None


def left(overview: AccountOverview) -> int:
    """Checks of which only sums are left: their rows, and so their outcomes, have expired or are in the lake."""
    here = _checks(overview.tallies)
    return 0 if overview.cut else max(0, sum(day.checks for day in overview.daily) - here)


def currencies(overview: AccountOverview) -> list[str | None]:
    """The currencies in use, the commonest first; None: checks without one."""
    counted = Counter[str | None]()
    for day in overview.daily:
        if day.cost is not None:
            counted[day.currency] += day.priced
    return [currency for currency, _ in counted.most_common()]


def spending(overview: AccountOverview) -> tuple[Spending, ...]:
    """What was spent in each currency. Amounts in different currencies are never added up."""
    return tuple(_spent(overview, currency) for currency in currencies(overview)[:CURRENCIES])


def _spent(overview: AccountOverview, currency: str | None) -> Spending:
    days = [day for day in overview.daily if day.currency == currency]
    cost = sum((day.cost for day in days if day.cost is not None), Decimal())
    reachable = sum(day.reachable for day in days)
    one = each(cost, reachable) if reachable else "–"
    return Spending(
        outside(currency), number(sum(day.priced for day in days)), money(cost), number(reachable), one
    )


def kinds(overview: AccountOverview) -> list[str | None]:
    """The kinds of check that have a column of their own, the commonest first."""
    counted = Counter[str | None]()
    for day in overview.daily:
        counted[day.kind] += day.checks
    return [kind for kind, _ in counted.most_common(KINDS)]


def days(overview: AccountOverview) -> tuple[DayLine, ...]:
    """Each date on which something happened, the newest first."""
    of_date: dict[dt.date, list[Daily]] = defaultdict(list)
    for day in overview.daily:
        of_date[day.date].append(day)
    dates = sorted({*of_date, *overview.requests}, reverse=True)
    columns = kinds(overview)
    return tuple(_day(overview, date, of_date[date], columns) for date in dates)


def _day(overview: AccountOverview, date: dt.date, of_date: list[Daily], columns: list[str | None]) -> DayLine:
    counted = overview.counted_from is not None and date >= overview.counted_from
    checks = [sum(day.checks for day in of_date if day.kind == kind) for kind in columns]
    return DayLine(
        date,
        number(overview.requests.get(date, 0)),
        percent(overview.requests.get(date, 0), budget(overview)) if overview.interval else "–",
        number(sum(day.checks for day in of_date)) if counted else "–",
        tuple(number(count) if counted else "–" for count in checks),
        _costs(of_date),
    )


def _costs(of_date: list[Daily]) -> str:
    """What a date cost, by currency."""
    costs: dict[str, Decimal] = defaultdict(Decimal)
    for day in of_date:
        if day.cost is not None:
            costs[outside(day.currency)] += day.cost
    named = [f"{money(cost)} {currency}" for currency, cost in sorted(costs.items())]
    return ", ".join(named[:CURRENCIES]) + (
        f" and {len(named) - CURRENCIES} more" if len(named) > CURRENCIES else ""
    )


def budget(overview: AccountOverview) -> int:
    """Requests that fit into a day at the pace that is set; 0: it is not paced."""
    return round(SECONDS_OF_A_DAY / overview.interval) if overview.interval else 0


def ages(overview: AccountOverview) -> tuple[Age, ...]:
    """How old the newest check of each phone is."""
    counted = Counter[str]()
    for date, phones in (overview.ages or {}).items():
        days = (overview.window.last - date).days
        counted[next((words for most, words in _AGES if days < most), _OLDER)] += phones
    total = counted.total()
    names = [*(words for _, words in _AGES), _OLDER]
    return (
        tuple(Age(name, number(counted[name]), percent(counted[name], total)) for name in names) if total else ()
    )


def doubts(overview: AccountOverview) -> tuple[tuple[str, str], ...]:
    """What may be missing or wrong, and how often."""
    counted = [(DOUBTS[kind], count) for kind, count in overview.doubt_counts.items()]
    counted.append(("rows with a value that its column cannot take", overview.doubtful_rows))
    counted += [(f"rejected rows: {outside(reason)}", count) for reason, count in overview.rejected.items()]
    return tuple((words, number(count)) for words, count in counted if count)


def doubtful(overview: AccountOverview) -> tuple[tuple[str, str, str, str, str], ...]:
    """The batches in doubt that are named."""
    return tuple(
        (batch(doubt.batch_no, doubt.date), str(doubt.date or "all"), DOUBTS[doubt.kind], *_counts(doubt))
        for doubt in overview.doubts
    )


def _counts(doubt: Doubt) -> tuple[str, str]:
    reported, submitted = ("–" if rows is None else number(rows) for rows in (doubt.reported, doubt.submitted))
    return reported, submitted


def runs(overview: AccountOverview) -> tuple[tuple[str, ...], ...]:
    """The last runs."""
    return tuple(
        (
            moment(run.started),
            _end(run),
            _took(run),
            number(run.requests),
            number(run.inserted),
            number(run.updated),
        )
        for run in overview.runs
    )


def _end(run: Ran) -> str:
    status = "" if run.exit_code is None else f" ({run.exit_code})"
    return f"{outside(run.status)}{status}{', narrowed' if run.narrowed else ''}"


def _took(run: Ran) -> str:
    return "–" if run.finished is None else span(run.finished - run.started)
