"""`numbercheck report`: the report page. (The file has another name than report/report.py.)"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from etl import streams
from etl.cli.common import Moment, load_settings
from etl.cli.output import echo
from etl.clock import Clock
from etl.errors import Misconfigured
from etl.report import webfile
from etl.report.place import Place
from etl.settings import Settings

STANDARD_OUTPUT = "-"


@click.command(short_help="Write a page to look at: coverage, requests, outcomes, cost, doubts.")
@click.option(
    "--out",
    shell_complete=click.Path().shell_complete,
    metavar="FILE",
    help="Where to write it, replacing what is there; - is standard output. "
    "Without it: the file in NUMBERCHECK_REPORT_FILE, or else standard output.",
)
@click.option("--now", type=Moment(), metavar="ISO-8601", help="As if it were that moment, for drills.")
def report(out: str | None, now: dt.datetime | None) -> None:
    """Write one HTML page about the account: is everything there, what is at risk, what did it cost?

    The page needs nothing besides itself, and shows no phone number. Sends nothing and changes no row. A sync
    writes it too, at its end, where NUMBERCHECK_REPORT_FILE is set.

    \b
    Example:
      numbercheck report --out report.html
    """
    settings = load_settings()
    moment = Clock(now).now()
    path = _path(settings, out)
    if path is None:
        # In UTF-8, as the page says of itself, whatever the terminal has.
        click.echo(webfile.page(settings, moment).encode(), nl=False)
        return
    size = _write(path, settings, moment)
    echo(f"{path.resolve()}: {size / 1000:,.0f} kB. Open it in a browser.")


def _path(settings: Settings, out: str | None) -> Path | None:
    """The file to write; None: standard output."""
    if out is None:
        return settings.report_file
    return None if out == STANDARD_OUTPUT else Path(out)


def _write(path: Path, settings: Settings, moment: dt.datetime) -> int:
    try:
        return webfile.write(path, Place.of(settings).others("report_file"), settings, moment)
    except OSError as error:
        if error.errno in streams.FULL:
            raise
        problem = f"The report page {str(path)!r} cannot be written ({error.strerror})."
        raise Misconfigured(problem, "give another file, or let this user write there.") from None
