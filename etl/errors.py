"""Errors, grouped by what the person on duty has to do; each knows its exit status.

An error is data (docs/adr/0014): its class says what kind it is, and decisions depend on nothing else. `str`
makes the message, one or two sentences for a person. It never contains a secret or a whole phone number.
"""

from __future__ import annotations

from dataclasses import dataclass

STATUS = {0: "complete", 65: "lost", 75: "incomplete", 78: "misconfigured"}
"""What each exit status is called in the JSON of a command."""


class EtlError(Exception):
    """An error that this job can explain to a person without a traceback.

    `problem`: what is wrong, in whole sentences. `remedy`: what helps, worded to follow `before_remedy`; empty if
    nothing does. `subject`: what the problem is about where its sentence does not say so, such as "The target".
    """

    exit_status = 1
    before_remedy = "Remedy: "

    def __init__(self, problem: str, remedy: str = "", subject: str = "") -> None:
        super().__init__(problem, remedy, subject)
        self.problem, self.remedy, self.subject = problem, remedy, subject

    def __str__(self) -> str:
        """The message."""
        about = f"{self.subject}: " if self.subject else ""
        helps = f" {self.before_remedy}{self.remedy}" if self.remedy else ""
        return about + self.problem + helps


class Misconfigured(EtlError):
    """Settings, credentials, schema version or the batch list are wrong: a person has to change them."""

    exit_status = 78


class CredentialsRefused(Misconfigured):
    """The vendor refuses the account itself: no further request of this run can succeed."""

    before_remedy = ""  # as for BatchDayFailed


class EndpointWrong(Misconfigured):
    """What answers at the API URL is not the vendor's endpoint, or something changes the requests to it."""

    before_remedy = ""  # as for BatchDayFailed


class ClockWrong(Misconfigured):
    """This machine's clock is so far from the vendor's that the vendor's time cannot be taken over."""


class TryLater(EtlError):
    """Nothing to change: the next run goes on from here."""

    exit_status = 75


class DatabaseUnreachable(TryLater):
    """The database does not answer, or stopped answering."""


class Locked(TryLater):
    """Another sync of this account is running."""


class LockedBriefly(Locked):
    """Something has the lock of this account that gives it back after a moment."""


class EndpointRefuses(TryLater):
    """Every batch day meets the same useless answer, or none, and no setting is known to help."""

    before_remedy = ""  # as for BatchDayFailed


@dataclass(frozen=True, slots=True)
class Cause:
    """What a failed request met, as data: equal where the same was answered, whatever its words.

    `status`: of HTTP. `code`: the vendor's. `trouble`: what was wrong in transit or with the answer. None: there
    was none. `ends`: the error that ends a run in which all batch days meet this. `answered`: whether an answer
    came at all.
    """

    status: int | None
    code: int | None
    trouble: str | None
    ends: type[EndpointWrong | EndpointRefuses]
    answered: bool = True


class BatchDayFailed(TryLater):
    """One batch day could not be read to its end in this run; the others go on.

    `cause`: what it met, where all batch days may meet it; None: it is this one's own.
    `own_words`: the problem without anything that others said; None: it holds nothing of the kind.
    """

    # The remedy for a failure of the vendor is a whole sentence, often just "The next run asks again."
    before_remedy = ""
    cause: Cause | None = None
    own_words: str | None = None

    @property
    def note(self) -> str:
        """The message without anything that others said: what the ledger keeps, and what readers see there."""
        if self.own_words is None:
            return str(self)
        return str(type(self)(self.own_words, self.remedy, self.subject))


class Unanswered(BatchDayFailed):
    """Every try ended without an answer from the vendor (network, 5xx, throttled)."""


class Unusable(BatchDayFailed):
    """Every try ended with an answer that cannot be used (not JSON, cut short, unknown code)."""


class Refused(BatchDayFailed):
    """The vendor refuses this batch day (its appkey, a parameter): asking again would not help."""


class AppkeyRefused(Refused):
    """The vendor refuses the appkey that a list gives for this batch: a person has to correct it."""


class DateRefused(Refused):
    """The vendor refuses the date: it has left the window."""


class DateNotAsked(DateRefused):
    """The vendor refused this date for other batch days of this run, so it was not asked for this one."""


class RunEnded(EtlError):
    """The run's bound (requests, seconds) is reached, or a signal asked it to stop. Not a failure."""

    exit_status = 75
