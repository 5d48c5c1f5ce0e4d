"""`numbercheck emulator`: the vendor's endpoint on this machine, with rows made from a seed."""

from __future__ import annotations

import csv
import datetime as dt
import shlex
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import get_args

import click
import sqlalchemy as sa

from etl import stopping
from etl.cli.common import Moment
from etl.emulator import KINDS, Behaviour, Book, Emulator, Fault, Faults, parse_fault, utcnow
from etl.emulator.order import Order
from etl.emulator.wording import Wording
from etl.errors import Misconfigured

DATABASE = "numbercheck-emulator.db"
NOT_FOR_EMULATED = (
    "APPKEY",
    "AUTO_MIGRATE",
    "BATCH_DATABASE_URL",
    "BATCH_QUERY",
    "BATCH_TEMPLATE",
    "WINDOW_DAYS",
    "TIMEZONE",
    "MAX_REQUESTS",
    "MAX_SECONDS",
    "METRICS_FILE",
    "REPORT_FILE",
    "PUSHGATEWAY_URL",
    "PING_URL",
    "COPY_TO_DATABASE_URL",
)
"""Settings of the real job, and of its vendor, that must not apply to invented rows."""
HELP = """Serve the vendor's endpoint on this machine, as documented.

The batches are generated: the same seed and dates always give the same ones. The settings that a client needs go
to standard output; they name a database of its own, whatever a file .env says. The emulator runs until SIGINT or
SIGTERM.

\b
Example: some batch days with a few faults, and a sync against them
  numbercheck emulator --batch-file emulator.csv --fault status:503=0.05 --fault reset=0.01 > emulator.env
  set -a; . ./emulator.env; numbercheck sync      # in another terminal

\b
Faults (KIND=RATE or KIND:VALUE=RATE; VALUE is the status, the code or the seconds):
"""
HELP += "\n".join(f"  {kind:<17} {words}" for kind, words in KINDS.items() if kind not in ("data", "body"))


class _Rate(click.ParamType[tuple[Fault, float]]):
    name = "kind=rate"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Fault, float]:
        kind, _, rate = str(value).rpartition("=")
        try:
            fault, share = parse_fault(kind), float(rate)
        except ValueError as error:
            self.fail(f"{value!r}: {error}", param, ctx)
        if not 0 <= share <= 1:
            self.fail(f"{value!r}: the rate is a share of all requests, from 0 to 1", param, ctx)
        return fault, share


@click.command(help=HELP, short_help="Serve the vendor's endpoint on this machine.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0 (the default) means any free port.")
@click.option(
    "--wording",
    type=click.Choice(get_args(Wording)),
    default="page",
    show_default=True,
    help="How the fields of a row are named: as on the vendor's page, or as in its newer documents.",
)
@click.option(
    "--order",
    type=click.Choice(get_args(Order)),
    default="ascending",
    show_default=True,
    help="The order in which rows are listed; shuffled: a different one at each request.",
)
@click.option("--batches", type=click.IntRange(0), default=3, show_default=True, help="Batches of each day.")
@click.option("--rows", type=click.IntRange(0), default=250, show_default=True, help="Rows of each batch.")
@click.option("--days", type=click.IntRange(1), default=14, show_default=True, help="Days, ending today.")
@click.option(
    "--interval",
    type=click.FloatRange(0),
    default=0.0,
    show_default=True,
    help="Seconds required between two requests; an earlier one is refused. 0: no check.",
)
@click.option("--latency", type=click.FloatRange(0), default=0.0, show_default=True, help="Seconds per answer.")
@click.option("--fault", "faults", type=_Rate(), multiple=True, metavar="KIND=RATE", help="See above; repeatable.")
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed makes other rows.")
@click.option(
    "--now",
    type=Moment(),
    default=None,
    metavar="ISO",
    help="Start as if it were that moment; time goes on from there. Give sync the same --now.",
)
@click.option(
    "--batch-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the list of batches to this file, as CSV.",
)
def emulator(
    port: int,
    wording: Wording,
    order: Order,
    batches: int,
    rows: int,
    days: int,
    interval: float,
    latency: float,
    faults: tuple[tuple[Fault, float], ...],
    seed: int,
    now: dt.datetime | None,
    batch_file: Path | None,
) -> None:
    clock = utcnow if now is None else running_from(now)
    behaviour = Behaviour(
        wording=wording,
        order=order,
        interval=interval,
        latency=latency,
        faults=Faults(dict(faults), seed=seed),
    )
    today = clock().astimezone(behaviour.timezone).date()
    book = _book(today, days, batches, rows, seed)
    served = Emulator(book, port=port, behaviour=behaviour, now=clock)
    with ExitStack() as stack:
        _start(stack, served)
        if batch_file is not None:
            _write_batches(book, batch_file)  # a pipe waits for its reader: until then, a signal ends the command
        end = stack.enter_context(_until_told_to_end())
        click.echo(f"Serving {batches * days} batch days at {served.url}; Ctrl-C ends it.", err=True)
        click.echo("\n".join(_settings(served, batch_file)))
        end.wait()


def running_from(start: dt.datetime) -> Callable[[], dt.datetime]:
    """A clock that shows `start` (aware) now and goes on from there."""
    began = time.monotonic()
    return lambda: start + dt.timedelta(seconds=time.monotonic() - began)


def _book(today: dt.date, days: int, batches: int, rows: int, seed: int) -> Book:
    book = Book()
    for date in (today - dt.timedelta(days=back) for back in reversed(range(days))):
        for number in range(1, batches + 1):
            book.add_generated(f"{date:%y%m%d}{number:06d}", date, rows, seed)
    return book


@contextmanager
def _until_told_to_end() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set; their previous handlers come back at the end."""
    end = threading.Event()

    def heard(*_: object) -> None:
        stopping.hear()
        end.set()

    with stopping.handled(heard, (signal.SIGINT, signal.SIGTERM)):
        yield end


def _start(stack: ExitStack, served: Emulator) -> None:
    try:
        stack.enter_context(served)
    except OSError as error:
        raise Misconfigured(
            f"Port {served.port} cannot be used: {error.strerror}. Choose another --port."
        ) from error


def _write_batches(book: Book, path: Path) -> None:
    try:
        with path.open("w", newline="", encoding="utf-8") as stream:
            lines = csv.writer(stream, lineterminator="\n")
            lines.writerow(("batch_no", "date", "rows"))
            lines.writerows((batch_no, date, len(day)) for batch_no, date, day in book.batch_days())
    except OSError as error:
        raise Misconfigured(f"The batch file {path} cannot be written: {error.strerror}.") from error


def _settings(served: Emulator, batch_file: Path | None) -> Iterator[str]:
    """A client's settings: a database of its own, and nothing that reports to others or lists real batches."""
    account, behaviour = served.book.first, served.behaviour
    yield f"NUMBERCHECK_API_URL={served.url}"
    yield f"NUMBERCHECK_ACCESS_KEY={account.access_key}"
    yield f"NUMBERCHECK_ACCESS_SECRET={account.secret}"
    yield "NUMBERCHECK_ACCOUNT=emulator"
    yield f"NUMBERCHECK_REQUEST_INTERVAL={behaviour.interval:g}"
    listed = "" if batch_file is None else shlex.quote(str(batch_file.resolve()))
    yield f"NUMBERCHECK_BATCH_FILE={listed}"
    database = sa.URL.create("sqlite", database=str(Path(DATABASE).resolve()))
    yield f"NUMBERCHECK_DATABASE_URL={shlex.quote(database.render_as_string())}"
    # Empty: unset, whatever a file `.env` says.
    yield from (f"NUMBERCHECK_{name}=" for name in NOT_FOR_EMULATED)
