"""What one run of `sync` reports, at its beginning and at its end."""

from __future__ import annotations

import datetime as dt
import logging
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from etl import stopping
from etl.database.engine import explain
from etl.errors import EtlError
from etl.report.place import Place
from etl.report.unsent import Unsent
from etl.report.within import within
from etl.run.result import Result
from etl.settings import Settings
from etl.store import figures
from etl.store.figures import Ledger

# A million batch days take a few seconds on a small machine.
LEDGER_SECONDS = 20.0
FILE_SECONDS = 5.0
# So many rows are read for the page at most that this is ample; see store/tallies.py.
PAGE_SECONDS = 60.0

log = logging.getLogger(__name__)


class Report:
    """Reports one run. The command fills in what it learns; `end` reports all of it, once.

    `narrowed`: the run was limited to some batches or dates. It is not the job that a monitor watches, so it does
    not ping, and its success changes no figures of the last run. Nor does a run ping that finds the account
    locked: the run that holds the lock does. `monotonic` measures how long the run takes; `now` gives the time at
    its end, in seconds since the epoch.
    """

    def __init__(
        self,
        narrowed: bool,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.settings: Settings | None = None
        self.moment: dt.datetime | None = None
        self.result: Result | None = None
        self.locked = False
        self._narrowed = narrowed
        self._started = False
        self._monotonic = monotonic
        self._now = now
        self._began = monotonic()

    def begun(self) -> None:
        """Report that the run holds its lock and is at work. May be called repeatedly."""
        url = self.settings.ping_url if self.settings else None
        if url and not self._narrowed and not self._started:
            from etl.report import ping  # noqa: PLC0415  (few set it)

            self._started = True
            _attempt("The start ping", partial(ping.start, url))

    def end(self, exit_status: int) -> None:
        """Report how the run ended. Raises nothing. Ctrl-C cuts it short; no other signal does: it is brief.

        The page is not, so it comes last: any signal cuts it short, and after one it gets little time.
        """
        place = Place.of(self.settings) if self.settings else Place.despite_errors()
        try:
            with stopping.handled(signal.SIG_IGN, (signal.SIGTERM, signal.SIGHUP)):
                self._tell(place, exit_status)
            if place.account and place.database_url and place.report_file:
                self._tell_page(place, place.report_file, exit_status)
        except KeyboardInterrupt:
            log.warning("Stopped before everything was reported")

    def _tell(self, place: Place, exit_status: int) -> None:
        if place.ping_url and not self._narrowed and not self.locked:
            from etl.report import ping  # noqa: PLC0415  (few set it)

            _attempt("The end ping", partial(ping.end, place.ping_url, exit_status))
        if place.account and (place.metrics_file or place.pushgateway_url):
            self._tell_figures(place, place.account, exit_status)

    def _tell_page(self, place: Place, path: Path, exit_status: int) -> None:
        from etl.report import webfile  # noqa: PLC0415  (few set it)

        passed = dt.timedelta(seconds=self._monotonic() - self._began)
        moment = dt.datetime.now(dt.UTC) if self.moment is None else self.moment + passed
        write = partial(webfile.write, path, place.others("report_file"), self.settings, moment, exit_status)
        seconds = FILE_SECONDS if stopping.heard() else PAGE_SECONDS
        _attempt(f"The report page {path}", partial(within, seconds, write))

    def _tell_figures(self, place: Place, account: str, exit_status: int) -> None:
        from etl.report import metrics, push, textfile  # noqa: PLC0415  (few set it)

        known = self._ledger(place, account)
        run = metrics.Ended(self._now(), exit_status, self._monotonic() - self._began)
        if self.result is not None:
            result = self.result
            figures_of_it = (result.requests, result.throttled, result.new_codes)
            run = metrics.Ended(run.at, exit_status, run.seconds, *figures_of_it)
        # What went well for some batches or dates must not silence an alarm about all of them.
        keep = self._narrowed and exit_status == 0
        if path := place.metrics_file:
            write = partial(textfile.write, path, place.others("metrics_file"), account, run, known, keep=keep)
            _attempt(f"The metrics file {path}", partial(within, FILE_SECONDS, write))
        if url := place.pushgateway_url:
            registry = metrics.figures(account, None if keep else run, known)
            _attempt("The push to NUMBERCHECK_PUSHGATEWAY_URL", partial(push.push, url, account, registry))

    def _ledger(self, place: Place, account: str) -> Ledger | None:
        moment = self.moment or dt.datetime.now(dt.UTC)
        found: list[Ledger | None] = []
        if url := place.database_url:
            look = partial(within, LEDGER_SECONDS, partial(figures.read, url, account, moment))
            _attempt("Reading the ledger for the metrics", lambda: found.append(look()))
        return found[0] if found else None


def _attempt(what: str, work: Callable[[], object]) -> None:
    try:
        work()
    except Exception as error:  # noqa: BLE001  (a failure to report never fails the run)
        log.warning("%s failed: %s. This does not change the result of the run", what, _reason(error))


def _reason(error: Exception) -> str:
    """The reason, in words without secrets: anyone who knows the path of a ping URL can send pings."""
    match error:
        case Unsent() | EtlError():
            return str(error).rstrip(".")
        case sa.exc.SQLAlchemyError():
            return str(explain(error) or type(error).__name__).rstrip(".")
        case TimeoutError():
            return "it took too long"
        case OSError(strerror=str() as words):
            return words
    return type(error).__name__
