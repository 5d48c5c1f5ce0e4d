"""Sends the requests of many readings, several at once, and decides as late as possible what to ask next.

Worker threads send; the thread that calls `run` does everything else, so nothing here needs a lock.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from etl.core.page import Page
from etl.core.reading import Reading
from etl.core.steps import Ask, Step, Steps
from etl.errors import BatchDayFailed, RunEnded
from etl.run.gate import Gate
from etl.run.refusals import Refusals
from etl.vendor.client import Client, Question


@dataclass(slots=True, eq=False)
class Active:
    """A reading that has begun, and its present step.

    `ask`: what it asks next. `under_way`: requests whose answers are not stored yet.
    """

    reading: Reading
    steps: Steps
    step: Step | None = None
    ask: Ask | None = None
    under_way: int = 0
    failure: BatchDayFailed | None = None

    def ready(self) -> bool:
        """Whether it has something to ask now. Goes on to the next step once everything is answered."""
        while not self.failure:
            if self._has_more():
                return True
            if self.under_way:
                return False
            self.step, self.ask = next(self.steps, None), None
            if self.step is None:
                break
        return False

    def _has_more(self) -> bool:
        """Whether the present step has something to ask now: it may depend on the answers that are awaited."""
        if self.step is None or self.step.enough():
            return False
        self.ask = self.ask or next(self.step.asks, None)
        return self.ask is not None

    @property
    def date(self) -> dt.date:
        """The date that it asks for."""
        return self.reading.day.date

    @property
    def certain(self) -> bool:
        """Whether its next request is needed, whatever the answers that are not stored yet may say."""
        day = self.reading.day
        needed = (day.missing or 0) > day.page_size * self.under_way
        return needed and not self.failure and self._has_more()

    def take(self) -> tuple[Ask, Question]:
        """What it asks next, as found by `ready` or `certain`; it is under way from now on."""
        day, ask = self.reading.day, self.ask or Ask()
        self.ask, self.under_way = None, self.under_way + 1
        # The vendor may mask the phones in its answers; it cannot find a phone by its masked form.
        phone = None if ask.phone and "*" in ask.phone else ask.phone
        question = Question(
            day.batch_no, day.date, ask.page, ask.message_id, phone, day.appkey, page_size=ask.page_size
        )
        return ask, question

    @property
    def finished(self) -> bool:
        """Whether nothing more will be asked and nothing is awaited; valid after `ready` returned False."""
        return not self.under_way and (self.step is None or self.failure is not None)


@dataclass(frozen=True, slots=True)
class Arrival:
    """What became of one request."""

    active: Active
    ask: Ask
    result: Page | BaseException


class Fetcher:
    """Runs readings. `store` receives the answers that arrived, `close` every reading that has ended.

    Both are called in the thread that calls `run`, never at the same time.
    """

    def __init__(
        self,
        client: Client,
        gate: Gate,
        in_flight: int,
        store: Callable[[list[tuple[Reading, Ask, Page]]], None],
        close: Callable[[Reading, BatchDayFailed | None], None],
    ) -> None:
        self._client = client
        self._gate = gate
        self._in_flight = in_flight
        self._store = store
        self._close = close
        self._arrived: SimpleQueue[Arrival | None] = SimpleQueue()
        self._active: list[Active] = []
        self._refusals = Refusals()
        self._under_way = 0
        self._answered = False
        # Once storing has failed, nothing more is stored: figures in memory may be ahead of the database.
        self._broken = False

    def run(self, readings: Iterable[Reading]) -> None:
        """Run all readings, in this order as far as the answers allow.

        Raises RunEnded where a bound or a signal ends the run, CredentialsRefused, and what `store` and
        `close` raise. The answers to the requests then under way are still stored.
        """
        waiting = iter(readings)
        with ThreadPoolExecutor(self._in_flight, thread_name_prefix="request") as pool:
            try:
                self._loop(waiting, pool)
            except RunEnded:
                self._collect_all()
                self._end_what_is_finished()
                raise
            finally:
                self._collect_all()

    def wake(self) -> None:
        """Wake the loop while it waits; may be called from a signal handler."""
        self._arrived.put(None)

    def _loop(self, waiting: Iterator[Reading], pool: ThreadPoolExecutor) -> None:
        while (active := self._next(waiting)) or self._under_way:
            # This way, a wrong key or a wrong clock costs one request, not several.
            limit = self._in_flight if self._answered else 1
            if active is None or self._under_way >= limit:
                self._raise_first(self._collect(None, pool))
            elif delay := self._gate.delay():
                self._raise_first(self._collect(delay, pool))
            elif self._gate.claim():
                self._send(active, pool)

    def _collect_all(self) -> None:
        while self._under_way:
            self._collect(None)

    def _end_what_is_finished(self) -> None:
        """End the readings whose last answer was among those that were still under way."""
        for active in list(self._active):
            if not (self._broken or active.failure or active.ready()):
                self._end(active)

    def _next(self, waiting: Iterator[Reading]) -> Active | None:
        """The first reading, in the order of the plan, that has something to ask now; None: wait for an answer."""
        for active in list(self._active):
            self._give_up_if_refused(active)
            if active.ready():
                return None if self._refusals.must_wait(active.date) else active
            if active.finished:
                self._end(active)
        for reading in waiting:
            active = Active(reading, reading.steps())
            self._active.append(active)
            self._give_up_if_refused(active)
            if active.ready():
                return None if self._refusals.must_wait(active.date) else active
            self._end(active)
        return None

    def _give_up_if_refused(self, active: Active) -> None:
        active.failure = active.failure or self._refusals.of(active.date)

    def _end(self, active: Active) -> None:
        self._active.remove(active)
        self._close(active.reading, active.failure)

    def _send(self, active: Active, pool: ThreadPoolExecutor) -> None:
        ask, question = active.take()
        self._refusals.send(active.date)
        self._under_way += 1
        pool.submit(self._ask, active, ask, question)

    def _ask(self, active: Active, ask: Ask, question: Question) -> None:
        self._gate.granted()
        result: Page | BaseException
        try:
            result = self._client.ask(question)
        except BaseException as error:  # noqa: BLE001  (raised again in the loop's thread)
            result = error
        self._arrived.put(Arrival(active, ask, result))

    def _collect(self, timeout: float | None, pool: ThreadPoolExecutor | None = None) -> list[BaseException]:
        """Wait for an arrival, take all that have arrived, store the answers; return the other errors.

        With `pool`, requests that are needed in any case are sent before the answers are stored, so that the
        vendor works in the meantime.
        """
        arrivals = list(self._take(timeout))
        self._under_way -= len(arrivals)
        for arrival in arrivals:
            self._refusals.take(arrival.active.date, arrival.result)
            if isinstance(arrival.result, BatchDayFailed):
                arrival.active.failure = arrival.result
                # Where the endpoint may be wrong as a whole, one request at a time is enough to find out.
                self._answered = self._answered and arrival.result.cause is None
        if pool and self._answered and not self._broken:
            self._send_what_is_certain(pool)
        for arrival in arrivals:
            arrival.active.under_way -= 1
        answers = [(a.active.reading, a.ask, a.result) for a in arrivals if isinstance(a.result, Page)]
        if answers and not self._broken:
            self._answered = self._broken = True
            self._store(answers)
            self._broken = False
        failures = (a.result for a in arrivals if not isinstance(a.result, Page | BatchDayFailed))
        return list(failures)

    def _send_what_is_certain(self, pool: ThreadPoolExecutor) -> None:
        with suppress(RunEnded):  # the loop will raise it again
            while self._under_way < self._in_flight and not self._gate.delay():
                active = next((active for active in self._active if active.certain), None)
                if active is None or not self._gate.claim():
                    return
                self._send(active, pool)

    def _raise_first(self, errors: list[BaseException]) -> None:
        if errors:
            raise errors[0]

    def _take(self, timeout: float | None) -> Iterator[Arrival]:
        try:
            first = self._arrived.get(timeout=timeout)
            while True:
                if first is not None:
                    yield first
                first = self._arrived.get_nowait()
        except Empty:
            return
