"""The main job: plan, fetch, convert, store, prove, record. The one place that sees both API and database."""

from __future__ import annotations

import logging
import os
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from etl.clock import Clock
from etl.core import notes, planning
from etl.core.batchday import BatchDay, State
from etl.core.checkrow import Key
from etl.core.page import Page
from etl.core.planning import Plan, Rules, Task, Why
from etl.core.reading import Reading
from etl.core.steps import Ask, Awaited, Listed, Memory
from etl.core.window import Window
from etl.database.engine import explain, reading
from etl.errors import BatchDayFailed, EtlError, RunEnded, TryLater, Unanswered
from etl.lists.listing import Listing
from etl.log import bind
from etl.run import record
from etl.run.fetch import Fetcher
from etl.run.gate import Bounds, Gate
from etl.run.gather import gather, read_lists, require_batches
from etl.run.result import Result
from etl.run.signals import ending_on_signals
from etl.settings import Settings
from etl.store import accounts, awaited, checks, ledger, listings, lock, runs
from etl.store.lookups import Lookups
from etl.store.slots import Slots
from etl.vendor.client import Client
from etl.version import version

# Batch days in a row of which nobody answers any request: then it is not about them.
NOBODY_ANSWERS = 5

log = logging.getLogger(__name__)

Progress = Callable[[int, int, int], None]
"""Told once there is a plan and after every answer: batch days done, batch days planned, requests sent."""


def sync(settings: Settings, engine: sa.Engine, clock: Clock, rules: Rules, progress: Progress) -> Result:
    """Copy what the vendor holds of the window into the database, as far as the bounds allow.

    The schema must be the current one. Raises Misconfigured, Locked and other EtlErrors where nothing could
    be begun; what goes wrong later stands in the result.
    """
    key, _ = settings.credentials()
    with reading(engine).connect() as connection:
        require_batches(connection, settings)
    began = time.monotonic()
    with engine.connect() as connection:
        with connection.begin():
            account_id = accounts.register(connection, settings.account)
            accounts.check_key(connection, account_id, key, keep=False)
        run = Run(settings, engine, connection, account_id, clock, rules, progress)
        held = lock.acquire(connection, account_id, run.holder())
        try:
            result = run.go(held)
            result.seconds = time.monotonic() - began
            return result
        finally:
            held.release()


class Run:
    """One run of the job, with the lock held."""

    def __init__(
        self,
        settings: Settings,
        engine: sa.Engine,
        connection: sa.Connection,
        account_id: int,
        clock: Clock,
        rules: Rules,
        progress: Progress,
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._connection = connection
        self._account_id = account_id
        self._clock = clock
        self._rules = rules
        self._progress = progress
        self._window = Window.at(clock.now(), settings)
        self._result = Result(uuid.uuid4().hex, self._window)
        self._lookups = Lookups()
        self._tasks: dict[int, Task] = {}
        self._done = 0
        self._unanswered = 0
        self._key_kept = False

    def holder(self) -> str:
        """Who holds the lock, for the one who finds it taken."""
        began = self._window.moment.isoformat(timespec="seconds")
        return f"process {os.getpid()} on {socket.gethostname()}, run {self._result.run_id}, since {began}"[:255]

    def go(self, held: lock.Lock) -> Result:
        """The whole run; a failure after its beginning is part of the result."""
        self._lock = held
        bind(run_id=self._result.run_id)
        log.info("Sync of the account %s begins", self._settings.account)
        settings = self._settings
        bounds = Bounds(settings.max_requests, settings.max_seconds)
        self._gate = Gate(Slots(self._engine, self._account_id), settings.request_interval, bounds)
        with Client(settings, self._gate) as self._client:
            fetcher = Fetcher(self._client, self._gate, settings.max_in_flight, self._store, self._close)
            self._work(fetcher)
        bind(run_id=None)
        return self._result

    def _work(self, fetcher: Fetcher) -> None:
        todo = self._prepare()
        with ending_on_signals(self._gate, fetcher.wake):
            self._progress(0, self._result.planned, 0)
            try:
                fetcher.run(self._readings(todo.tasks))
            except RunEnded as end:
                self._result.reasons.append(
                    TryLater(f"Stopped before the end: {end}. The next run goes on from here.")
                )
            except (EtlError, sa.exc.SQLAlchemyError) as error:
                self._blame(error)
            self._finish()

    def _blame(self, error: EtlError | sa.exc.SQLAlchemyError) -> None:
        """Make an error part of the result; what is neither known nor explained is a defect, and raised."""
        known = explain(error) if isinstance(error, sa.exc.SQLAlchemyError) else error
        if known is None:
            raise error
        self._result.reasons.append(known)

    # -- before the first request ------------------------------------------------------------------------

    def _prepare(self) -> Plan:
        """Bring lists and ledger up to date, and plan."""
        read = read_lists(self._settings, self._window)
        self._tell_problems(read)
        with self._transaction() as connection:
            known = gather(connection, self._account_id, read, self._settings, self._window, self._rules)
            listings.save(connection, self._account_id, known.before, known.entries)
            todo = planning.make(known.facts, self._window, self._rules)
            new = [task.day for task in todo.tasks if not task.day.id]
            ledger.record(connection, self._account_id, new, self._window)
            self._settle(connection, todo.settle)
            self._lose(connection, todo.lose)
            runs.begin(connection, self._result.run_id, self._account_id, self._window, version())
        if known.outside:
            log.info("%d lines of the batch lists lie outside the window and are left alone", known.outside)
        covered = [day for day in known.facts.days if self._rules.covers(day) and day.state is not State.SETTLED]
        asked = {id(task.day) for task in todo.tasks}
        unasked = [day for day in covered if id(day) not in asked and day.state is not State.LOST]
        self._result.days = [task.day for task in todo.tasks] + unasked + todo.settle
        self._result.planned = len(todo.tasks)
        return todo

    def _tell_problems(self, found: list[Listing]) -> None:
        for listing in found:
            self._result.reasons += listing.problems

    def _settle(self, connection: sa.Connection, days: list[BatchDay]) -> None:
        for day in days:
            day.state = State.SETTLED
        ledger.save_all(connection, days)

    def _lose(self, connection: sa.Connection, days: list[BatchDay]) -> None:
        for day in days:
            day.state, day.note = State.LOST, notes.on_lost(day)
        ledger.save_all(connection, days)

    # -- the requests ------------------------------------------------------------------------------------

    def _readings(self, tasks: list[Task]) -> Iterator[Reading]:
        for task in tasks:
            self._tasks[task.day.id] = task
            look = task.why is Why.LAST_LOOK or planning.wants_look(task.day, self._window)
            yield Reading(task.day, self._memory(task.day.id), full=task.why is Why.FULL, look=look)

    def _memory(self, day_id: int) -> Memory:
        def waiting() -> list[Awaited]:
            with self._transaction() as connection:
                return awaited.due(connection, day_id, self._clock.now())

        def listed() -> dict[Key, Listed]:
            with self._transaction() as connection:
                return checks.listed(connection, day_id)

        return Memory(waiting, listed)

    def _store(self, answers: list[tuple[Reading, Ask, Page]]) -> None:
        """Rows, and the note of having them, in one transaction."""
        self._unanswered = 0
        with self._transaction() as connection:
            if not self._key_kept:
                accounts.check_key(connection, self._account_id, self._settings.credentials()[0])
                self._key_kept = True
            self._result.rows += record.store_answers(connection, self._lookups, answers, self._clock.now())
            self._record(connection)
        self._progress(self._done, self._result.planned, self._gate.requests)

    def _close(self, reading: Reading, failure: BatchDayFailed | None) -> None:
        """A batch day came to its end in this run: settle it, or say why it is not complete."""
        day = reading.day
        task, window = self._tasks.pop(day.id), Window.at(self._clock.now(), self._settings)
        with self._transaction() as connection:
            if failure is None:
                record.conclude(connection, task, reading, window)
            else:
                record.fail(day, failure, window)
            day.last_asked_at = window.moment
            ledger.save(connection, day)
        self._unanswered = self._unanswered + 1 if isinstance(failure, Unanswered) else 0
        if failure is not None and not record.needs_nothing(day, failure):
            self._result.failed += 1
        self._done += 1
        self._progress(self._done, self._result.planned, self._gate.requests)
        if self._unanswered >= NOBODY_ANSWERS:
            raise TryLater(f"{NOBODY_ANSWERS} batch days in a row got no answer, so this run stops: {failure}")

    # -- the end -----------------------------------------------------------------------------------------

    def _finish(self) -> None:
        """Tell what is lost, and write the run's record, where the database still answers."""
        if self._connection.invalidated:
            return
        try:
            with self._transaction() as connection:
                untold = ledger.untold_losses(connection, self._account_id)
                self._result.lost = [day for day in untold if self._rules.covers(day)]
                if self._result.exit_code == 65:
                    ledger.losses_told(connection, self._result.lost)
                self._record(connection)
                runs.finish(
                    connection,
                    self._result.run_id,
                    self._clock.now(),
                    self._result.status,
                    self._result.exit_code,
                )
        except (EtlError, sa.exc.SQLAlchemyError) as error:
            self._blame(error)

    def _record(self, connection: sa.Connection) -> None:
        rows = self._result.rows
        self._result.requests, self._result.retries = self._gate.requests, self._client.counts.retries
        self._result.throttled = self._client.counts.throttled
        runs.update(
            connection,
            self._result.run_id,
            requests=self._result.requests,
            retries=self._result.retries,
            rows_received=rows.received,
            rows_inserted=rows.inserted,
            rows_updated=rows.updated,
            rows_unchanged=rows.unchanged,
            rows_rejected=rows.rejected,
        )

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        """A transaction that is committed only while this run still has its lock."""
        with self._connection.begin():
            yield self._connection
            lock.verify(self._lock)
