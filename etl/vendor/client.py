"""Asks the vendor one question, if need be several times, for one page or an error that says why there is none."""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol, Self, cast

import tenacity

from etl.core.page import Page
from etl.errors import BatchDayFailed, ClockWrong, EtlError, RunEnded
from etl.settings import Settings
from etl.vendor.attempt import Attempt, describe, describe_plainly, read
from etl.vendor.backoff import wait
from etl.vendor.outcomes import Action, Trouble, cause
from etl.vendor.question import DOCUMENTED, Question, body
from etl.vendor.signing import Signature
from etl.vendor.streak import PATIENCE, Streak
from etl.vendor.turn import Turn
from etl.web.address import is_loopback

if TYPE_CHECKING:
    from etl.vendor.transport import Answer, Transport

__all__ = ["AnyGate", "Client", "Counts", "Question"]

FINAL = (Action.STOP, Action.REFUSED, Action.DATE_REFUSED)

log = logging.getLogger(__name__)


class AnyGate(Protocol):
    """Decides when a request may start, and whether any more may."""

    def take(self) -> None:
        """Wait until one more request may start, and count it; raises RunEnded if none may."""

    def pause(self, seconds: float) -> None:
        """Wait before the next try; raises RunEnded when the run has to end."""

    def slow_down(self, seconds: float) -> None:
        """The vendor throttles the account: let no request of it start for `seconds`, whoever sends it."""

    def go_on(self) -> None:
        """Raise RunEnded if a signal or the bound on seconds has ended the run."""

    def seconds_left(self) -> float | None:
        """How many seconds the run may still take; None: it has no limit."""


@dataclass(slots=True)
class Counts:
    """`requests`: tries sent. `retries`: tries after a failed one. `throttled`: tries that were throttled."""

    requests: int = 0
    retries: int = 0
    throttled: int = 0


FARTHEST_CLOCK = 24 * 3600.0
"""Seconds by which the vendor's clock may differ from this machine's to be taken over."""


def require_near(difference: float, own: float) -> None:
    """Raises ClockWrong, with both times, where the vendor's clock is too far away to be taken over.

    `difference`: vendor's clock minus ours, in seconds. `own`: our time, in seconds since the epoch.
    """
    if abs(difference) > FARTHEST_CLOCK:
        raise ClockWrong(
            f"This machine's clock says {_moment(own)}, the vendor's says {_moment(own + difference)}: they are"
            " more than a day apart, so the vendor's time is not taken over.",
            "set this machine's clock (NTP). If it is right, something else answers at NUMBERCHECK_API_URL, or the"
            " vendor's clock is wrong.",
        )


def _moment(seconds: float) -> str:
    moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=int(seconds))
    return moment.isoformat().replace("+00:00", "Z")


class _TryAgain(Exception):
    def __init__(self, attempt: Attempt, tries: int, seconds: float) -> None:
        super().__init__(attempt.found.what)
        self.attempt = attempt
        self.tries = tries
        self.seconds = seconds


class Client:
    """Asks for pages with one account's credentials. Thread-safe.

    `counts`: the tries of all questions so far. `clock_offset`: seconds that are added to this machine's time,
    learnt from answers that refuse it. `clock_difference`: the vendor's clock minus this machine's, in seconds,
    according to the `Date` of the last answer that had one; None until there is one. `refused`: how the last try
    that brought no page ended, without words from outside; empty until there is one.
    """

    def __init__(self, settings: Settings, gate: AnyGate, now: Callable[[], float] = time.time) -> None:
        """Raises Misconfigured if the credentials are missing. Sends nothing.

        `now` returns this machine's time, in seconds since the epoch.
        """
        key, secret = settings.credentials()
        self.counts = Counts()
        self.clock_offset = 0.0
        self.clock_difference: float | None = None
        self.refused = ""
        self._settings = settings
        self._gate = gate
        self._now = now
        self._secrets = tuple(text for text in (secret, key, settings.appkey) if text)
        self._signature = Signature(key, secret, settings.sign_algorithm, self._vendor_time)
        self._opened: Transport | None = None
        self._wording = DOCUMENTED
        self._streak = Streak()
        # One for all questions: making it takes longer than a first try that succeeds makes use of it.
        self._retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(settings.max_attempts),
            wait=lambda state: _failure(state).seconds,
            retry=tenacity.retry_if_exception_type(_TryAgain),
            sleep=gate.pause,
            before_sleep=self._log_retry,
            reraise=True,
        )
        self._lock = threading.Lock()
        if settings.api_url.lower().startswith("http:") and not is_loopback(settings.api_url):
            log.warning(
                "The API URL is plain http: anyone on the network path can read the phone numbers. Remedy: run"
                " `numbercheck doctor` to see whether https answers; if it does, set NUMBERCHECK_API_URL=https://…"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        if self._opened is not None:
            self._opened.close()

    def _transport(self) -> Transport:
        """Opened with the first question: what it takes is not loaded by runs that ask for nothing."""
        from etl.vendor.transport import Transport  # noqa: PLC0415  (many runs ask nothing)

        with self._lock:
            if self._opened is None:
                self._opened = Transport(self._settings.api_url, self._settings.max_in_flight, self._now)
            return self._opened

    def ask(self, question: Question) -> Page:
        """The page that answers `question`, after as many tries as the settings allow.

        Tries end sooner where whatever is asked is answered the same, which is of no use.

        Raises CredentialsRefused (no further request can succeed), Refused or DateRefused (asking again would
        not help this batch day), Unanswered or Unusable (every try failed), RunEnded (from the gate, or because
        the run's time is up before or during a request), ClockWrong, Misconfigured (unusable URL or certificates).
        """
        try:
            return self._retrying(self._try, question, count(1))
        except _TryAgain as failure:
            self._streak.give_up()
            raise self._error(question, failure.attempt, failure.tries) from None

    def _try(self, question: Question, numbers: Iterator[int]) -> Page:
        number = next(numbers)
        self._gate.take()
        with Turn(self._gate.go_on) as turn:
            attempt = read(question, self._send(question, number, turn), turn)
        alike = self._streak.add(cause(attempt.seen, attempt.found))
        self._learn(attempt)
        action = attempt.found.action
        if attempt.page is not None:
            return attempt.page
        if action in FINAL:
            raise self._error(question, attempt, number)
        vendor_time = self._now() + (attempt.answer.clock_difference or 0.0)
        # Several requests that fail alike share their patience: it lasts as long as that of one.
        seconds = wait(max(number, alike), attempt.answer.headers, vendor_time)
        if action is Action.THROTTLED:
            self._gate.slow_down(seconds)
        if self._streak.hopeless or (alike >= PATIENCE and not attempt.found.may_pass):
            self._streak.give_up()
            raise self._error(question, attempt, number)
        raise _TryAgain(attempt, number, seconds)

    def _send(self, question: Question, number: int, turn: Turn) -> Answer:
        left = self._gate.seconds_left()
        seconds = self._settings.timeout if left is None else min(self._settings.timeout, left)
        if seconds <= 0:
            raise RunEnded("the run's time is up")
        with self._lock:
            self.counts.requests += 1
            self.counts.retries += number > 1
        content = body(question, self._settings.appkey, self._wording)
        answer = self._transport().post(content, self._signature, seconds, turn.wait)
        if answer.trouble is Trouble.TIMED_OUT and seconds < self._settings.timeout:
            raise RunEnded("the run's time is up; a request that was under way was abandoned")
        return answer

    def _learn(self, attempt: Attempt) -> None:
        difference, action = attempt.answer.clock_difference, attempt.found.action
        with self._lock:
            self.counts.throttled += action is Action.THROTTLED
            if attempt.page is None:
                self.refused = describe_plainly(attempt)
            if attempt.page is not None and attempt.page.received:
                self._wording = attempt.page.wording
            if difference is not None:
                self.clock_difference = difference
        if difference is not None and action is Action.CLOCK:
            require_near(difference, attempt.answer.received_at)
            self._set_clock(difference)

    def _set_clock(self, difference: float) -> None:
        with self._lock:
            news = abs(difference - self.clock_offset) > 1
            self.clock_offset = difference
        if news:
            log.warning(
                "This machine's clock is %.0f s %s the vendor's: requests now carry the vendor's time."
                " Remedy: set this machine's clock.",
                abs(difference),
                "behind" if difference > 0 else "ahead of",
            )

    def _vendor_time(self) -> float:
        return self._now() + self.clock_offset

    def _log_retry(self, state: tenacity.RetryCallState) -> None:
        question, failure = cast(Question, state.args[0]), _failure(state)
        log.log(
            logging.INFO if failure.attempt.found.action is Action.AGAIN else logging.WARNING,
            "Try %d of %d failed: %s. The next try follows in %.1f s.",
            state.attempt_number,
            self._settings.max_attempts,
            describe(failure.attempt, self._known_secrets(question)),
            failure.seconds,
            extra={"batch": question.batch_no, "date": question.date.isoformat(), "page": question.page},
        )

    def _error(self, question: Question, attempt: Attempt, tries: int) -> EtlError:
        subject = f"{question}, after {'1 try' if tries == 1 else f'{tries} tries'}"
        what = describe(attempt, self._known_secrets(question))
        error = attempt.found.error(f"{what}.", attempt.found.remedy, subject)
        if isinstance(error, BatchDayFailed):
            error.cause = cause(attempt.seen, attempt.found)
            error.own_words = f"{describe_plainly(attempt)}."
        return error

    def _known_secrets(self, question: Question) -> tuple[str, ...]:
        return self._secrets if question.appkey is None else (*self._secrets, question.appkey)


def _failure(state: tenacity.RetryCallState) -> _TryAgain:
    return cast(_TryAgain, cast(Any, state.outcome).exception())
