"""`numbercheck sync`: the main job, its summary, its exit status."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
import sqlalchemy as sa

from etl.cli.common import has_schema, load_settings, open_database, prepare_schema, require_loopback
from etl.cli.group import explained
from etl.cli.in_doubt import in_doubt
from etl.cli.options import named, options, rules_of
from etl.cli.output import DOUBTFUL, DOUBTFUL_ONES, SHOWN, count, echo, print_json, tell
from etl.clock import Clock
from etl.core.planning import EVERYTHING, Selection
from etl.core.window import Window
from etl.errors import STATUS, EtlError, Locked, Misconfigured
from etl.log import bind
from etl.report.report import Report
from etl.run import job
from etl.run.gather import NO_BATCHES, has_source
from etl.run.result import Result, nothing_as_json
from etl.run.standing import Standing
from etl.settings import Settings

MEANING = {
    "complete": "every batch day asked for holds all that the vendor reported",
    "incomplete": "work is left, the next run goes on from here",
    "lost": "batch days left the vendor's window before they were complete",
    "misconfigured": "something has to be put right; what could be done was done",
}


@click.command(short_help="Copy what the vendor holds into the database: the main job.")
@options
@click.pass_context
def sync(
    ctx: click.Context,
    batches: tuple[str, ...],
    dates: tuple[dt.date, ...],
    full: bool,
    max_requests: int | None,
    max_seconds: float | None,
    now: dt.datetime | None,
    as_json: bool,
) -> None:
    """Copy what the vendor holds for the window into the database: the main job.

    Goes on from where the last run ended, and asks for nothing that is settled. The exit status says whether every
    batch day is complete: 0 yes, 75 work is left, 65 something was lost, 78 something must be put right.

    \b
    Examples:
      numbercheck sync
      numbercheck sync --date 2026-03-01 --max-requests 500 --json
    """
    selection = Selection(frozenset(batches), frozenset(dates), full)
    report = Report(selection.narrow)
    with _reported(report):
        status = _sync(report, selection, max_requests, max_seconds, now, as_json)
        report.end(status)
    ctx.exit(status)


def _sync(
    report: Report,
    selection: Selection,
    max_requests: int | None,
    max_seconds: float | None,
    now: dt.datetime | None,
    as_json: bool,
) -> int:
    """Run the job and print its result; the exit status."""
    window = None
    try:
        settings = load_settings().with_bounds(max_requests, max_seconds)
        bind(account=settings.account)
        window = Window.at(Clock(now).now(), settings)
        report.settings, report.moment = settings, window.moment
        result = report.result = run(settings, now, selection, report.begun)
    except (EtlError, sa.exc.SQLAlchemyError, OSError, KeyboardInterrupt) as error:
        known = explained(error)
        if known is None:
            raise
        report.locked = isinstance(error, Locked)
        return _not_begun(known, window, as_json)
    bind(run_id=result.run_id)
    tell_reasons(result)
    if as_json:
        print_json(result.as_json())
    else:
        echo(summary(result))
    return result.exit_code


@contextmanager
def _reported(report: Report) -> Iterator[None]:
    """Also report a run that ends with an error: its output could not be printed, or it is a defect."""
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        known = explained(error)
        report.end(known.exit_status if known else 1)
        raise


def run(
    settings: Settings,
    now: dt.datetime | None,
    selection: Selection = EVERYTHING,
    begun: Callable[[], None] = lambda: None,
) -> Result:
    """One sync, with a progress bar on a terminal. Raises EtlError if it could not begin.

    `begun` is called repeatedly once the run is at work: it holds the lock, and has an answer or waited for one.
    """
    settings.credentials()
    if now is not None:
        require_loopback(settings)
    if not has_source(settings) and not has_schema(settings):
        raise Misconfigured(NO_BATCHES)
    clock = Clock(now)
    rules = rules_of(settings, selection, Window.at(clock.now(), settings))
    prepare_schema(settings)
    with open_database(settings) as engine, _progress() as progress:

        def tell_progress(standing: Standing) -> None:
            begun()
            progress(standing)

        return job.sync(settings, engine, clock, rules, tell_progress)


def _not_begun(error: EtlError, window: Window | None, as_json: bool) -> int:
    tell(error)
    if as_json:
        status = "locked" if isinstance(error, Locked) else STATUS.get(error.exit_status, "incomplete")
        print_json(nothing_as_json(error.exit_status, status, window))
    return error.exit_status


def tell_reasons(result: Result) -> None:
    """Say why the run did not end with 0, each sentence once; failures of single batch days are in the log."""
    reasons = list(dict.fromkeys(map(str, result.reasons)))
    for reason in reasons[:SHOWN]:
        tell(reason)
    if len(reasons) > SHOWN:
        tell(f"And {len(reasons) - SHOWN:,} more reasons.")


def summary(result: Result) -> str:
    """The result of a run, for people."""
    figures = result.as_json()
    days, rows = figures["batch_days"], figures["rows"]
    throttled = f", {result.throttled:,} throttled" if result.throttled else ""
    retries = f" ({result.retries:,} of them retries{throttled})" if result.retries else ""
    lines = [
        f"{result.status}: {_meaning(result)}",
        f"  window      {result.window.first} to {result.window.last}",
        f"  batch days  {days['planned']:,} asked for; now {days['settled']:,} settled, {days['open']:,} open, "
        f"{days['incomplete']:,} incomplete, {days['lost']:,} lost",
        f"  requests    {result.requests:,}{retries} in {result.seconds:,.1f} s",
        f"  rows        {rows['received']:,} received: {rows['inserted']:,} new, {rows['updated']:,} changed, "
        f"{rows['unchanged']:,} as before, {rows['rejected']:,} rejected",
        f"  run         {result.run_id}",
    ]
    if result.rows.doubtful:
        lines.append(f"  doubtful    {count(result.rows.doubtful, DOUBTFUL, DOUBTFUL_ONES)}")
    if result.full:
        lines.append(f"  in full     {result.full}")
    if result.narrowed:
        lines.append("  narrowed    by --batch or --date: this says nothing about any other batch day")
    lines += named("At risk", result.at_risk, result.window) + named("Lost", result.lost, result.window)
    lines += in_doubt(result.doubts)
    return "\n".join(lines)


def _meaning(result: Result) -> str:
    """What the status means for this run."""
    nothing = f"nothing was asked for: {result.unasked.value}" if result.unasked else ""
    if nothing and result.status == "complete":
        return nothing
    return f"{MEANING[result.status]}; {nothing}" if nothing else MEANING[result.status]


def _silently(_standing: Standing) -> None:
    pass


@contextmanager
def _progress() -> Iterator[job.Progress]:
    """A progress bar on a terminal; nothing under cron."""
    if not sys.stderr.isatty():
        yield _silently
        return
    from etl.cli.bar import shown  # noqa: PLC0415  (not under cron)

    with shown() as progress:
        yield progress
