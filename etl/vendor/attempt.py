"""One try of a request: what came back, and how messages describe it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from etl.core.page import Page
from etl.scrub import scrub_foreign
from etl.vendor.answers import NotTheApi, code_of, parse, to_page, words_of
from etl.vendor.outcomes import SUCCESS, Action, Outcome, Seen, Trouble, outcome
from etl.vendor.plain import plain_page
from etl.vendor.question import Question
from etl.vendor.size import USUAL_BYTES
from etl.vendor.turn import Turn
from etl.vendor.words import presentable, presentable_url
from etl.web.processor import PROCESSOR

if TYPE_CHECKING:
    from etl.vendor.transport import Answer

PLAIN_SUCCESS = Seen(HTTPStatus.OK, code=0)
PLAIN_OUTCOME = outcome(PLAIN_SUCCESS)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try. `found`: what helps. `detail`: what else is known about a failure. `page`: None after a failure."""

    answer: Answer
    seen: Seen
    found: Outcome
    detail: str = ""
    page: Page | None = None


def read(question: Question, answer: Answer, turn: Turn) -> Attempt:
    """What the answer to this question means.

    A large one is read when its turn has come; while it is read, `turn.go_on` is called time and again.
    """
    if len(answer.body) <= USUAL_BYTES:
        return _read_at_once(question, answer) or _read(question, answer, lambda: None)
    turn.wait()
    return _read(question, answer, turn.go_on)


def _read_at_once(question: Question, answer: Answer) -> Attempt | None:
    """What nearly every answer means; None: only a closer look can tell."""
    if answer.trouble is not None or answer.status != PLAIN_SUCCESS.status:
        return None
    with PROCESSOR:
        page = plain_page(answer.body, question)
    return None if page is None else Attempt(answer, PLAIN_SUCCESS, PLAIN_OUTCOME, page=page)


def _read(question: Question, answer: Answer, go_on: Callable[[], None]) -> Attempt:
    if answer.trouble is not None:
        return _attempt(answer, Seen(answer.status, trouble=answer.trouble))
    try:
        content = parse(answer.body)
    except ValueError as error:
        trouble = Trouble.NOT_THE_API if isinstance(error, NotTheApi) else Trouble.NOT_JSON
        return _attempt(answer, Seen(answer.status, trouble=trouble), str(error))
    code, words = code_of(content), words_of(content)
    if code is None:
        return _attempt(answer, Seen(answer.status, words=words, trouble=Trouble.NO_CODE))
    attempt = _attempt(answer, Seen(answer.status, code, words, own_appkey=question.appkey is not None))
    if attempt.found.action is not Action.PAGE:
        return attempt
    try:
        page = to_page(content.get("data"), question, go_on)
    except ValueError as error:
        return _attempt(answer, Seen(answer.status, code, trouble=Trouble.NO_PAGE), str(error))
    return Attempt(answer, attempt.seen, attempt.found, page=page)


def describe(attempt: Attempt, secrets: Collection[str]) -> str:
    """What happened, with the server's own words."""
    words = presentable(attempt.seen.words, secrets)
    facts = [*_figures(attempt), *_told(attempt, secrets)]
    return _sentence(attempt, facts) + (f": “{words}”" if words else "")


def describe_plainly(attempt: Attempt) -> str:
    """What happened, without any words from outside."""
    ours = attempt.detail if attempt.answer.trouble is None and _may_be_used(attempt) else ""
    return _sentence(attempt, [*_figures(attempt), *filter(None, [ours])])


def _sentence(attempt: Attempt, facts: Collection[str]) -> str:
    return attempt.found.what + (f" ({', '.join(facts)})" if facts else "")


def _attempt(answer: Answer, seen: Seen, detail: str = "") -> Attempt:
    return Attempt(answer, seen, outcome(seen), detail or answer.reason)


def _figures(attempt: Attempt) -> Iterator[str]:
    status, code = attempt.seen.status, attempt.seen.code
    if code is not None:
        yield scrub_foreign(f"code {code}")  # the vendor chooses it
    if status is not None and status not in SUCCESS:
        yield f"HTTP status {status}"


def _told(attempt: Attempt, secrets: Collection[str]) -> Iterator[str]:
    status = attempt.seen.status
    if status is not None and 300 <= status < 400:
        yield f"to {presentable_url(attempt.answer.headers.get('Location', ''), secrets) or 'nowhere'}"
    if attempt.detail and _may_be_used(attempt):
        yield presentable(attempt.detail, secrets)


def _may_be_used(attempt: Attempt) -> bool:
    return attempt.seen.status is None or attempt.seen.status in SUCCESS
