"""Sends the requests of many readings, several at once, and decides as late as possible what to ask next.

Worker threads send; the thread that calls `run` does everything else, so nothing here needs a lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby

from etl.core.page import Page
from etl.core.pagesize import PAGE_SIZE
from etl.core.reading import Reading
from etl.core.steps import Ask
from etl.errors import BatchDayFailed, RunEnded
from etl.run.active import Active, Arrival, Request
from etl.run.edge import Askable
from etl.run.gate import Gate
from etl.run.refusals import Refusals
from etl.run.sending import Sending

AHEAD_FROM = 8
"""Where more requests than this may be under way at once, and no pace holds them back, more are asked ahead."""
ROWS_AHEAD = 200
"""Rows that may be asked ahead, for each request that may be under way at once."""


@dataclass(frozen=True, slots=True)
class Taking:
    """What is done with all that comes of readings, always in the thread that calls `Fetcher.run`.

    `store` receives the answers that have arrived, `close` the readings that have ended, `fail` one that cannot be
    read to its end.
    """

    store: Callable[[list[tuple[Reading, Ask, Page]]], None]
    close: Callable[[list[Reading]], None]
    fail: Callable[[Reading, BatchDayFailed], None]


class Fetcher:
    """Runs readings."""

    def __init__(self, client: Askable, gate: Gate, in_flight: int, taking: Taking) -> None:
        self._gate = gate
        self._in_flight = in_flight
        self._taking = taking
        self._sending = Sending(client.ask, gate, in_flight)
        self._rows_ahead = ROWS_AHEAD * in_flight if in_flight > AHEAD_FROM and not gate.paced else 0
        self._active: list[Active] = []
        self._waiting: Iterator[Reading] = iter(())
        self._refusals = Refusals()
        self._under_way = 0
        self._answered = False
        # Once storing has failed, nothing more is stored: figures in memory may be ahead of the database.
        self._broken = False

    def run(self, readings: Iterable[Reading]) -> None:
        """Run all readings, in this order as far as the answers allow.

        Raises RunEnded where a bound or a signal ends the run, CredentialsRefused, and what the functions of
        `taking` raise. The answers to the requests then under way are still stored.
        """
        self._waiting = iter(readings)
        with self._sending:
            try:
                self._loop()
            except RunEnded:
                self._collect_all()
                self._end_what_is_finished()
                raise
            finally:
                self._collect_all()

    def wake(self) -> None:
        """Wake the loop while it waits; may be called from a signal handler."""
        self._sending.wake()

    def _loop(self) -> None:
        while (active := self._next()) or self._under_way:
            # This way, a wrong key or a wrong clock costs one request, not several.
            limit = self._in_flight if self._answered else 1
            if active is None or self._under_way >= limit:
                self._raise_first(self._collect(None, go_on=True))
            elif delay := self._gate.delay():
                self._raise_first(self._collect(delay, go_on=True))
            elif self._gate.claim():
                self._send(active)

    def _collect_all(self) -> None:
        self._put_back(self._sending.withdraw())
        while self._under_way:
            self._collect(None)

    def _end_what_is_finished(self) -> None:
        """End the readings that need nothing more, wherever they stand in the plan."""
        if not self._broken:
            need_nothing = (active for active in self._active if not (active.failure or active.ready()))
            self._end([active for active in need_nothing if active.finished])

    def _next(self) -> Active | None:
        """The first reading, in the order of the plan, that has something to ask now; None: wait for an answer."""
        ready = self._first_ready() or next(filter(self._has_begun, self._begin()), None)
        return None if ready is None or self._refusals.must_wait(ready.date) else ready

    def _first_ready(self) -> Active | None:
        """Also ends the readings before it that are finished, in one go where they did not fail."""
        ended: list[Active] = []
        for active in list(self._active):
            self._give_up_if_refused(active)
            if active.ready():
                self._end(ended)
                return active
            if active.finished:
                ended.append(active)
        self._end(ended)
        return None

    def _has_begun(self, active: Active) -> bool:
        """Whether there is something to ask for a new reading; where there is not, it has ended."""
        if not active.ready():
            self._end([active])
            return False
        return True

    def _begin(self) -> Iterator[Active]:
        for reading in self._waiting:
            active = Active(reading, reading.steps())
            self._active.append(active)
            self._give_up_if_refused(active)
            yield active

    def _give_up_if_refused(self, active: Active) -> None:
        active.failure = active.failure or self._refusals.of(active.date)

    def _end(self, ended: list[Active]) -> None:
        """End readings, in this order: those that follow each other and have not failed are closed together."""
        for failed, group in groupby(ended, lambda active: active.failure is not None):
            members = list(group)
            for active in members:
                self._active.remove(active)
                if active.failure:
                    self._taking.fail(active.reading, active.failure)
            if not failed:
                self._taking.close([active.reading for active in members])

    def _send(self, active: Active) -> None:
        self._sending.send(self._take(active))

    def _take(self, active: Active) -> Request:
        self._refusals.send(active.date)
        self._under_way += 1
        return Request.of(active)

    def _put_back(self, unsent: list[Request]) -> None:
        for request in unsent:
            self._refusals.put_back(request.active.date)
            self._under_way -= 1
            request.put_back()

    def _collect(self, timeout: float | None, *, go_on: bool = False) -> list[BaseException]:
        """Wait for an arrival, take all that have arrived, store the answers; return the other errors.

        With `go_on`, requests that are needed in any case are sent before the answers are stored, so that the
        vendor works in the meantime.
        """
        arrivals, unsent, as_expected = self._sending.collect(timeout)
        self._put_back(unsent)
        for arrival in arrivals:
            self._take_in(arrival)
        if go_on and self._answered and not self._broken:
            if not self._rows_ahead:
                self._send_what_is_certain()
            elif as_expected:
                self._ask_ahead()
        for arrival in arrivals:
            arrival.active.arrived -= 1
            arrival.active.under_way -= 1
        answers = [(a.active.reading, a.request.ask, a.result) for a in arrivals if isinstance(a.result, Page)]
        if answers and not self._broken:
            self._answered = self._broken = True
            self._taking.store(answers)
            self._broken = False
        failures = (a.result for a in arrivals if not isinstance(a.result, Page | BatchDayFailed))
        return list(failures)

    def _take_in(self, arrival: Arrival) -> None:
        active, result = arrival.active, arrival.result
        self._under_way -= 1
        active.arrived += 1
        self._refusals.take(active.date, result)
        if isinstance(result, BatchDayFailed):
            active.failure = result
            # Where the endpoint may be wrong as a whole, one request at a time is enough to find out.
            self._answered = self._answered and result.cause is None

    def _send_what_is_certain(self) -> None:
        with suppress(RunEnded):  # the loop will raise it again
            while self._under_way < self._in_flight and not self._gate.delay():
                active = next((active for active in self._active if active.certain), None)
                if active is None or not self._gate.claim():
                    return
                self._send(active)

    # -- what is asked ahead ---------------------------------------------------------------------------------

    def _ask_ahead(self) -> None:
        """Hand over what will be needed if the answers until then are as expected, up to so many rows.

        First the pages of readings that have begun, then the first pages of others.
        """
        requests: list[Request] = []
        for active in self._active:
            self._give_up_if_refused(active)
            size = active.reading.day.page_size
            while self._has_room(size) and active.wanted and self._may_be_asked(active):
                requests.append(self._take(active))
        while self._has_room() and self._may_begin() and (begun := next(self._begin(), None)):
            if self._may_be_asked(begun) and begun.ready():
                requests.append(self._take(begun))
        # More can be asked, for that date too, once the first page of a batch day has come.
        self._sending.ask_ahead(sorted(requests, key=lambda request: request.total is not None))
        self._end_what_is_finished()

    def _has_room(self, page_size: int = PAGE_SIZE) -> bool:
        return self._under_way * page_size < self._rows_ahead

    def _may_be_asked(self, active: Active) -> bool:
        return not self._refusals.must_wait(active.date)

    def _may_begin(self) -> bool:
        """Whether a further reading may begin: none that has begun comes first, and not too many are awaited."""
        awaited = sum(active.under_way > active.arrived for active in self._active)
        comes_first = (active.failure or (not active.under_way and active.ready()) for active in self._active)
        return awaited < self._in_flight and not any(comes_first)

    def _raise_first(self, errors: list[BaseException]) -> None:
        if errors:
            raise errors[0]
