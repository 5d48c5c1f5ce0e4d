"""What `sync` and `plan` share: their options, and how they name batch days."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import click

from etl.cli.common import Date, Moment
from etl.cli.output import SHOWN, json_option, table
from etl.core.batchday import BatchDay
from etl.core.planning import Rules, Selection
from etl.core.window import Window
from etl.run.result import missing_rows, moment_text
from etl.settings import Settings
from etl.settings.kinds import BadSetting, decimal

log = logging.getLogger(__name__)


class SecondsOption(click.ParamType[float]):
    """A finite number above 0, as NUMBERCHECK_MAX_SECONDS has to be."""

    name = "seconds"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number."""
        try:
            return decimal(0, above=True)(str(value))
        except BadSetting as error:
            self.fail(f"{value!r} {error}", param, ctx)


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that sync and plan share."""
    for option in reversed(
        (
            click.option("--batch", "batches", multiple=True, help="Only this batch; repeatable."),
            click.option("--date", "dates", type=Date(), multiple=True, help="Only this date; repeatable."),
            click.option("--full", is_flag=True, help="Also read again what is settled."),
            click.option(
                "--max-requests", type=click.IntRange(1), metavar="N", help="Send no more requests than this."
            ),
            click.option("--max-seconds", type=SecondsOption(), help="Take no longer than this."),
            click.option(
                "--now",
                type=Moment(),
                metavar="ISO-8601",
                help="Run as if it were that moment; only against a loopback address.",
            ),
            json_option,
        )
    ):
        command = option(command)
    return command


def rules_of(settings: Settings, selection: Selection, window: Window) -> Rules:
    """The rules of the settings, narrowed as the options say. Warns about a date outside the window."""
    for date in sorted(selection.dates):
        if date not in window:
            where = f"{date} lies outside the window, {window.first} to {window.last}"
            log.warning("%s: the vendor is not asked for it", where, extra={"date": date.isoformat()})
    return Rules(settings.spill_days, settings.last_look, selection)


def named(title: str, days: list[BatchDay], window: Window) -> list[str]:
    """The lines of a table of batch days under a title; none if there are no batch days."""
    if not days:
        return []
    rows = [
        (day.batch_no, day.date, moment_text(window.deadline(day.date)), missing_rows(day)) for day in days[:SHOWN]
    ]
    more = [f"and {len(days) - SHOWN:,} more"] if len(days) > SHOWN else []
    return ["", f"{title}:", table(("batch", "date", "deadline", "missing rows"), rows), *more]
