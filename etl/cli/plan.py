"""`numbercheck plan`: what sync would do, without doing it."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from dataclasses import replace
from typing import Any

import click

from etl.cli.common import has_schema, load_settings, open_database, require_loopback
from etl.cli.options import named, options, rules_of
from etl.cli.output import SHOWN, count, print_json, table, tell
from etl.clock import Clock
from etl.core import planning
from etl.core.batchday import BatchDay, State
from etl.core.guess import MOST_NUMBERS, Guess
from etl.core.planning import Known, Plan, Rules, Selection, Task, Why
from etl.core.window import Window
from etl.database.engine import reading
from etl.run.gather import Gathered, gather, read_lists
from etl.run.result import InFull, at_risk, risks_as_json, window_as_json
from etl.settings import Settings
from etl.store import accounts

FURTHER_DAY = "never asked; a batch may run past midnight (NUMBERCHECK_SPILL_DAYS)"


@click.command(short_help="Show what sync would ask for, and how long that takes.")
@options
def plan(
    batches: tuple[str, ...],
    dates: tuple[dt.date, ...],
    full: bool,
    max_requests: int | None,
    max_seconds: float | None,
    now: dt.datetime | None,
    as_json: bool,
) -> None:
    """Show what sync would ask for and why, how many requests that takes, and what would come too late.

    Sends nothing and writes nothing.

    \b
    Examples: how long would a first run take? How far would a run of an hour get?
      numbercheck plan
      numbercheck plan --max-seconds 3600
    """
    settings = load_settings().with_bounds(max_requests, max_seconds)
    if now is not None:
        require_loopback(settings)
    window = Window.at(Clock(now).now(), settings)
    rules = rules_of(settings, Selection(frozenset(batches), frozenset(dates), full), window)
    known = _gather(settings, window, rules)
    problems = known.complaints
    made = planning.make(known.facts, window, rules)
    in_full = _in_full(known.facts, made, window) if full else None
    for problem in (*problems, *known.notices):
        tell(problem)
    if as_json:
        print_json(_plan_as_json(made, window, settings, in_full))
    else:
        click.echo(_plan_text(made, window, settings, in_full))
    if problems:
        click.get_current_context().exit(max(problem.exit_status for problem in problems))


def _gather(settings: Settings, window: Window, rules: Rules) -> Gathered:
    """What is known. Writes nothing, and does not create a missing database."""
    if not has_schema(settings):
        return gather(None, None, read_lists(settings, window), settings, window, rules)
    with open_database(settings) as engine, reading(engine).connect() as connection:
        account_id = accounts.find(connection, settings.account)
        planned_to = None if account_id is None else accounts.planned_to(connection, account_id)
        return gather(connection, account_id, read_lists(settings, window, planned_to), settings, window, rules)


def _in_full(known: Known, made: Plan, window: Window) -> InFull:
    """The reading in full that this plan goes on with, or begins."""
    return InFull(known.full_began or window.moment, sum(task.why is Why.FULL for task in made.tasks))


def _plan_as_json(made: Plan, window: Window, settings: Settings, in_full: InFull | None) -> dict[str, Any]:
    reasons: Counter[str] = Counter()
    requests: Counter[str] = Counter()
    for task in made.tasks:
        reasons[_why(task)] += 1
        requests[_why(task)] += task.requests
    missed = planning.will_miss(made, window, settings.request_interval)
    risky = at_risk([task.day for task in made.tasks], window)
    return {
        "account": settings.account,
        "window": window_as_json(window),
        "batch_days": len(made.tasks),
        "requests": made.requests,
        "requests_at_least": made.requests_at_least,
        "requests_at_most": made.requests_at_most,
        "seconds": round(made.requests * settings.request_interval, 1),
        "one_run": _one_run(made, settings),
        "reasons": [{"why": why, "batch_days": n, "requests": requests[why]} for why, n in reasons.items()],
        "at_risk": risks_as_json(risky, window),
        "will_miss": risks_as_json(missed, window),
        "will_be_lost": risks_as_json(_gone(made), window),
    } | ({"full": in_full.as_json()} if in_full else {})


def _gone(made: Plan) -> list[BatchDay]:
    """What sync would give up as lost, as it would then be, nearest deadline first."""
    gone = (replace(day, state=State.LOST) for day in made.lose)
    return sorted(gone, key=lambda day: (day.date, day.batch_no))


def _why(task: Task) -> str:
    """Why this is asked for. A day that no list names has its own wording, which says where it comes from."""
    return FURTHER_DAY if task.day.spill and task.day.state is State.PENDING else str(task.why)


def _one_run(made: Plan, settings: Settings) -> dict[str, int]:
    """How far one run gets within its bounds: batch days started and finished, requests sent."""
    bound: float = made.requests if settings.max_requests is None else settings.max_requests
    if settings.max_seconds is not None and settings.request_interval:
        bound = min(bound, math.ceil(settings.max_seconds / settings.request_interval))
    finished = spent = 0
    for task in made.tasks:
        spent += task.requests
        finished += spent <= bound
    return {"batch_days": finished, "requests": min(made.requests, int(bound))}


def _plan_text(made: Plan, window: Window, settings: Settings, in_full: InFull | None) -> str:
    figures = _plan_as_json(made, window, settings, in_full)
    extent = _extent(figures, settings, [task.guess for task in made.tasks if task.guess])
    lines = [f"Account {settings.account}, window {window.first} to {window.last}: {extent}"]
    lines += [f"In full: {in_full}."] if in_full and in_full.left else []
    if made.tasks:
        rows = [(r["why"], r["batch_days"], r["requests"]) for r in figures["reasons"]]
        first = [(t.day.batch_no, t.day.date, t.day.state, _requests(t), _why(t)) for t in made.tasks[:SHOWN]]
        lines += ["", table(("why", "batch days", "requests"), rows)]
        lines += ["", "In this order:", table(("batch", "date", "state", "requests", "why"), first)]
        lines += [f"and {len(made.tasks) - SHOWN:,} more"] if len(made.tasks) > SHOWN else []
    risky = at_risk([task.day for task in made.tasks], window)
    lines += named("At risk (the vendor forgets them within 48 hours)", risky, window)
    missed = planning.will_miss(made, window, settings.request_interval)
    lines += named("Will miss their deadline if nothing changes", missed, window)
    lines += named("Gone before they were complete", _gone(made), window)
    return "\n".join(lines)


def _requests(task: Task) -> int | str:
    """How many requests a batch day takes; a range where that is a guess."""
    guess = task.guess
    return task.requests if guess is None or guess.least == guess.most else f"{guess.least:,} to {guess.most:,}"


def _extent(figures: dict[str, Any], settings: Settings, guesses: list[Guess]) -> str:
    if not figures["batch_days"]:
        return "there is nothing to ask for now."
    requests, run = figures["requests"], figures["one_run"]
    pace = "not paced"
    if settings.request_interval:
        duration = dt.timedelta(seconds=round(figures["seconds"]))
        pace = f"{duration} at one request every {settings.request_interval:g} s"
    extent = f"{count(figures['batch_days'], 'batch day')}, {_range(figures, guesses)}, {pace}."
    if run["requests"] < requests:
        done = count(run["batch_days"], "batch day")
        extent += f" Within its bounds one run sends {count(run['requests'], 'request')}, enough for {done}."
    return extent + _guessed(guesses)


def _range(figures: dict[str, Any], guesses: list[Guess]) -> str:
    """How many requests: a number only where such batch days say how many; else from the fewest to the most."""
    least, most = figures["requests_at_least"], figures["requests_at_most"]
    if all(guess.seen for guess in guesses):
        between = f" ({least:,} to {most:,})" if least < most else ""
        return f"about {count(figures['requests'], 'request')}{between}"
    return f"{least:,} to {count(most, 'request')} (reckoned as {figures['requests']:,})"


def _guessed(guesses: list[Guess]) -> str:
    """What the number of requests does not rest on."""
    if not guesses:
        return ""
    unseen = sum(not guess.seen for guess in guesses)
    text = f" That is a guess: for {count(len(guesses), 'batch day')} nobody knows yet how many rows there are"
    if unseen < len(guesses):
        text += f"; {count(len(guesses) - unseen, 'is', 'are')} taken to be like such batch days so far"
    if unseen:
        text += f"; {count(unseen, 'is', 'are')} taken to have up to {MOST_NUMBERS:,} rows, one full submission"
    return f"{text}. The lists can say it in `rows`."
