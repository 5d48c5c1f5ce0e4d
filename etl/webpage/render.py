"""An overview becomes a page: one HTML file with its own style, and without a script or an address."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from etl.core.overview import AccountOverview
from etl.escape import escaped
from etl.version import version
from etl.webpage import lines, picture, plots, say
from etl.webpage.headline import headline
from etl.webpage.outside import batch, outside

SHOWN_CURRENCIES = 3
"""Currencies whose cost has a plot; the tables name more."""
LEAST_OF_BUDGET = 0.1
"""A smaller part of the budget would be too low to be seen beside it."""
LEFT = "left of the budget"
HERE = Path(__file__).parent


def page(overview: AccountOverview) -> str:
    """The page, as the text of a file in UTF-8."""
    return (
        _environment()
        .get_template("page.html")
        .render(
            overview=overview,
            account=outside(overview.account),
            style=Markup((HERE / "page.css").read_text(encoding="utf-8")),  # noqa: S704  (our own file)
            version=version(),
            headline=headline(overview),
            picture=picture,
            lines=lines,
            plots=list(_plots(overview)),
            kinds=[outside(kind) for kind in lines.kinds(overview)],
            rate=_rate(overview),
            say=say,
            left=LEFT,
            batch=batch,
            outside=outside,
        )
    )


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _visible(value: Any) -> Any:
    """Whatever is printed, without signs that are obeyed instead of shown."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else escaped(value)


def _dates(overview: AccountOverview) -> list[dt.date]:
    """The dates of the plots, the oldest first."""
    there = [*overview.requests, *(day.date for day in overview.covered), *(day.date for day in overview.daily)]
    first, last = min([overview.window.first, *there]), max([overview.window.last, *there])
    return [first + dt.timedelta(days=days) for days in range((last - first).days + 1)]


def _plots(overview: AccountOverview) -> Iterator[plots.Plot]:
    if overview.runs:
        yield _requests(overview, _dates(overview))
    if overview.daily:
        yield _checks(overview, _dates(overview))
    for currency in lines.currencies(overview)[:SHOWN_CURRENCIES]:
        yield _cost(overview, _dates(overview), currency)


def _requests(overview: AccountOverview, dates: list[dt.date]) -> plots.Plot:
    """Requests of each day, with what is left of the budget where that can be seen."""
    budget, most = lines.budget(overview), max(overview.requests.values(), default=0)
    series: dict[str, dict[dt.date, int]] = {"spent": overview.requests}
    summary = f"At most {say.number(most)} on one day"
    if budget:
        share = say.percent(most, budget) if most <= budget else "more than all"
        summary += f", {share} of the {say.number(budget)} that fit into a day at the pace that is set"
        if most >= budget * LEAST_OF_BUDGET:
            series[LEFT] = {date: max(0, budget - overview.requests.get(date, 0)) for date in dates}
    return plots.bars("Requests a day", f"{summary}.", dates, series)


def _checks(overview: AccountOverview, dates: list[dt.date]) -> plots.Plot:
    named = lines.kinds(overview)
    series: dict[str, dict[dt.date, int]] = {outside(kind): defaultdict(int) for kind in named}
    for day in overview.daily:
        name = outside(day.kind) if day.kind in named else "other kinds"
        series.setdefault(name, defaultdict(int))[day.date] += day.checks
    total = sum(day.checks for day in overview.daily)
    return plots.bars("Checks a day, by kind", f"{say.many(total, 'check')} in all.", dates, series)


def _cost(overview: AccountOverview, dates: list[dt.date], currency: str | None) -> plots.Plot:
    costs: dict[dt.date, Decimal] = defaultdict(Decimal)
    for day in overview.daily:
        if day.currency == currency and day.cost is not None:
            costs[day.date] += day.cost
    name = outside(currency)
    summary = f"{say.money(sum(costs.values(), Decimal()))} {name} in all."
    return plots.bars(f"Cost a day in {name}", summary, dates, {name: costs})


def _rate(overview: AccountOverview) -> str:
    """How long what is to be fetched takes, in a sentence."""
    backlog, moment = overview.backlog, overview.window.moment
    if backlog is None:
        return ""
    if not backlog.batch_days:
        return "Nothing is left to be fetched."
    days = say.many(backlog.batch_days, "batch day")
    between = (
        f" ({say.number(backlog.least)} to {say.number(backlog.most)})" if backlog.least < backlog.most else ""
    )
    left = f"{days} to be fetched, about {say.many(backlog.requests, 'request')}{between}"
    if not overview.interval:
        return f"{left}; requests are not paced."
    pace = f"one request every {overview.interval:g} s"
    sentence = f"{left}: at {pace} that takes {say.lasting(moment, backlog.requests * overview.interval)}"
    spent = _a_day(overview)
    if not spent or spent >= lines.budget(overview):
        return f"{sentence}."
    time = say.lasting(moment, backlog.requests / spent * lines.SECONDS_OF_A_DAY)
    return f"{sentence}; at the {say.rate(spent)} a day of the last week that is {time}."


def _a_day(overview: AccountOverview) -> float:
    """Requests a day over the last seven dates on which runs could have sent some."""
    week = [overview.window.last - dt.timedelta(days=back) for back in range(7)]
    begun = [date for date in week if overview.requests and date >= min(overview.requests)]
    return sum(overview.requests.get(date, 0) for date in begun) / len(begun) if begun else 0
