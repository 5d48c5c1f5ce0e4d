"""The main job: plan, fetch, convert, store, prove, record. Here the vendor and the database meet."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import sqlalchemy as sa

from etl.clock import Clock
from etl.core import planning
from etl.core.batchday import BatchDay
from etl.core.checkrow import Key
from etl.core.page import Page
from etl.core.pagesize import PageSize
from etl.core.planning import Rules, Task, Why
from etl.core.reading import Reading
from etl.core.steps import Ask, Awaited, Listed, Memory
from etl.core.window import Window
from etl.database.engine import explain, reading
from etl.errors import AppkeyRefused, BatchDayFailed, DateNotAsked, EtlError, Misconfigured, RunEnded, TryLater
from etl.log import bind
from etl.privacy.disguise import Disguise
from etl.run import record
from etl.run.edge import Askable, Edge, disguise_of, known_to_vendor
from etl.run.fetch import Fetcher, Taking
from etl.run.gate import Bounds, Gate
from etl.run.gather import require_batches
from etl.run.prepare import prepare, read
from etl.run.result import ROW_COUNTS, Result
from etl.run.session import Session, locked
from etl.run.signals import ending_on_signals
from etl.run.standing import Standing
from etl.run.suspicion import Suspicion
from etl.settings import Settings
from etl.store import accounts, awaited, checks, doubts, fullreads, ledger, lock, runs
from etl.store.lookups import Lookups
from etl.store.slots import Slots
from etl.vendor.client import Client

log = logging.getLogger(__name__)

Progress = Callable[[Standing], None]
"""Called once there is a plan, and after every answer, always with the same object."""


def sync(settings: Settings, engine: sa.Engine, clock: Clock, rules: Rules, progress: Progress) -> Result:
    """Copy what the vendor holds for the window into the database, as far as the bounds allow.

    The schema must be the current one. Raises Misconfigured, Locked and other EtlErrors where the run could not
    begin; what goes wrong later is in the result.
    """
    key, _ = settings.credentials()
    with reading(engine).connect() as connection:
        require_batches(connection, settings)
    began = time.monotonic()
    result = Result(uuid.uuid4().hex, Window.at(clock.now(), settings))
    with locked(engine, settings.account, key, _holder(result)) as session:
        bind(run_id=result.run_id)
        log.info("Sync of the account %s begins", settings.account)
        Run(settings, session, clock, rules, result, progress).go()
        bind(run_id=None)
    result.seconds = time.monotonic() - began
    return result


def _holder(result: Result) -> str:
    """Who holds the lock, for the message of a run that finds it taken."""
    began = result.window.moment.isoformat(timespec="seconds")
    return lock.holder(f"run {result.run_id}, since {began}")


class Run:
    """One run of the job, in a session that holds the lock."""

    def __init__(
        self,
        settings: Settings,
        session: Session,
        clock: Clock,
        rules: Rules,
        result: Result,
        progress: Progress,
    ) -> None:
        self._settings = settings
        self._session = session
        self._clock = clock
        self._rules = rules
        self._result = result
        self._progress = progress
        slots = Slots(session.connection.engine, session.account_id)
        bounds = Bounds(settings.max_requests, settings.max_seconds)
        self._gate = Gate(slots, settings.request_interval, bounds)
        self._client = Client(settings, self._gate)
        self._standing = Standing(self._gate, self._client)
        self._lookups = Lookups()
        self._page_size = PageSize()
        self._known_page_size = self._page_size.rows
        self._tasks: dict[int, Task] = {}
        self._suspicion = Suspicion("", ())
        self._key_kept = False
        self._disguise: Disguise | None = None
        self._appkeys_refused: set[str] = set()

    def go(self) -> None:
        """The whole run; a failure after its beginning is part of the result."""
        with self._client:
            taking = Taking(self._store, self._close, self._fail)
            fetcher = Fetcher(self._asked(), self._gate, self._settings.max_in_flight, taking)
            lists = read(self._session, self._settings, self._result.window)
            # From here on the record says that the run is running: a signal has to let it be finished.
            with ending_on_signals(self._gate, fetcher.wake):
                todo = prepare(self._session, self._settings, self._rules, self._result, lists)
                self._recall_page_size()
                self._standing.plan(todo.tasks)
                self._progress(self._standing)
                self._fetch(fetcher, todo.tasks)
                self._finish()

    def _asked(self) -> Askable:
        """Who answers: the vendor, behind the edge where rows are not stored as they are."""
        self._disguise = disguise_of(self._session, self._settings, self._clock.now())
        return self._client if self._disguise is None else Edge(self._client, self._disguise)

    def _fetch(self, fetcher: Fetcher, tasks: list[Task]) -> None:
        self._suspicion = Suspicion(urlsplit(self._settings.api_url).netloc, tasks)
        try:
            fetcher.run(self._readings())
        except RunEnded as end:
            stopped = TryLater(f"Stopped before the end: {end}. The next run goes on from here.")
            self._result.reasons.append(stopped)
        except (EtlError, sa.exc.SQLAlchemyError) as error:
            self._blame(error)

    def _blame(self, error: EtlError | sa.exc.SQLAlchemyError) -> None:
        """Make an error part of the result; one that is neither known nor explained is a defect and is raised."""
        known = explain(error) if isinstance(error, sa.exc.SQLAlchemyError) else error
        if known is None:
            raise error
        self._result.reasons.append(known)

    def _recall_page_size(self) -> None:
        with self._session.transaction() as connection:
            self._page_size = PageSize(accounts.page_size(connection, self._session.account_id))
        self._known_page_size = self._page_size.rows

    # -- the requests ------------------------------------------------------------------------------------

    def _readings(self) -> Iterator[Reading]:
        for task in self._suspicion.tasks():
            self._tasks[task.day.id] = task
            look = task.why is Why.LAST_LOOK or planning.wants_look(task.day, self._result.window)
            memory, full = self._memory(task.day.id), task.why is Why.FULL
            yield Reading(task.day, memory, full=full, look=look, page_size=self._page_size)

    def _memory(self, day_id: int) -> Memory:
        def waiting() -> list[Awaited]:
            with self._session.transaction() as connection:
                found = awaited.due(connection, day_id, self._clock.now())
            return found if self._disguise is None else known_to_vendor(found)

        def listed() -> dict[Key, Listed]:
            with self._session.transaction() as connection:
                return checks.listed(connection, day_id)

        return Memory(waiting, listed)

    def _store(self, answers: list[tuple[Reading, Ask, Page]]) -> None:
        """Store rows, and the figures that count them, in one transaction."""
        self._suspicion.dispel()
        self._keep_key()
        with self._session.transaction() as connection:
            self._result.rows += record.store_answers(connection, self._lookups, answers, self._clock.now())
            if self._page_size.rows != self._known_page_size:
                accounts.learn_page_size(connection, self._session.account_id, self._page_size.rows)
            self._record(connection)
        self._known_page_size = self._page_size.rows
        for answered, _, _ in answers:
            self._standing.answered(answered)
        self._progress(self._standing)

    def _keep_key(self) -> None:
        """Keep the fingerprint of a key that the vendor has taken: at once, because other accounts wait for it."""
        if not self._key_kept:
            with self._session.transaction() as connection:
                accounts.check_key(connection, self._session.account_id, self._settings.credentials()[0])
            self._key_kept = True

    def _close(self, readings: list[Reading]) -> None:
        """Batch days were read to their ends: settle them, or record why they are not complete."""
        window, days = self._now(), [reading.day for reading in readings]
        tasks = [self._tasks.pop(day.id) for day in days]
        with self._session.transaction() as connection:
            record.look_after_awaited(connection, days, window)
            for task, reading in zip(tasks, readings, strict=True):
                record.conclude(task, reading, window)
                task.day.last_asked_at = window.moment
            ledger.save_all(connection, days)
        self._count(tasks)

    def _fail(self, reading: Reading, failure: BatchDayFailed) -> None:
        """A batch day could not be read to its end: record why."""
        day, window = reading.day, self._now()
        task = self._tasks.pop(day.id)
        with self._session.transaction() as connection:
            record.fail(day, failure, window)
            if not isinstance(failure, DateNotAsked):
                day.last_asked_at = window.moment
            ledger.save(connection, day)
        if not record.needs_nothing(day, failure):
            self._result.failed += 1
            self._blame_the_list(day, failure)
        self._count([task])
        # A date that was not asked for says nothing about the endpoint.
        if not isinstance(failure, DateNotAsked):
            self._suspicion.add(day, failure)

    def _now(self) -> Window:
        return Window.at(self._clock.now(), self._settings)

    def _count(self, tasks: list[Task]) -> None:
        """These batch days have ended in this run."""
        if self._result.full:
            self._result.full.left -= sum(task.why is Why.FULL for task in tasks)
        self._standing.ended(tasks)
        self._progress(self._standing)

    def _blame_the_list(self, day: BatchDay, failure: BatchDayFailed) -> None:
        """Say once for each batch that its appkey has to be corrected; each of its batch days is in the log."""
        if isinstance(failure, AppkeyRefused) and day.batch_no not in self._appkeys_refused:
            self._appkeys_refused.add(day.batch_no)
            problem = f"The vendor refuses the appkey of the batch {day.batch_no!r}."
            self._result.reasons.append(Misconfigured(problem, "correct it in the list that names the batch."))

    # -- the end -----------------------------------------------------------------------------------------

    def _finish(self) -> None:
        """Report what is lost and write the run's record, if the database still answers."""
        self._standing.ending = True
        if self._session.lost:
            return
        try:
            with self._session.transaction() as connection:
                unreported = ledger.unreported_losses(connection, self._session.account_id)
                self._result.lost = [day for day in unreported if self._rules.selection.covers(day)]
                if self._result.exit_code == 65:
                    ledger.mark_reported(connection, self._result.lost)
                self._result.doubts = doubts.of_account(connection, self._settings.account, self._clock.now())
                self._record(connection)
                self._record_full(connection)
                runs.finish(
                    connection,
                    self._result.run_id,
                    self._clock.now(),
                    self._result.status,
                    self._result.exit_code,
                )
        except (EtlError, sa.exc.SQLAlchemyError) as error:
            self._blame(error)

    def _record_full(self, connection: sa.Connection) -> None:
        """Say how far a reading in full has come; one that has been through everything is over."""
        if self._result.full is None:
            return
        log.info("Reading in full: %s", self._result.full)
        if not self._result.full.left:
            fullreads.finish(connection, self._session.account_id, self._rules.selection)

    def _record(self, connection: sa.Connection) -> None:
        result = self._result
        result.requests, result.retries = self._gate.requests, self._client.counts.retries
        result.throttled = self._client.counts.throttled
        result.new_codes = self._lookups.added
        rows = {f"rows_{name}": getattr(result.rows, name) for name in ROW_COUNTS}
        runs.update(connection, result.run_id, requests=result.requests, retries=result.retries, **rows)
