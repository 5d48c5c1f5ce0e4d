"""What threads send of that which was asked ahead, and when they stop. One thread, so that the order is known."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from etl.core.batchday import BatchDay
from etl.core.checkrow import RejectedRow
from etl.core.page import Page
from etl.core.reading import Reading
from etl.core.steps import Memory
from etl.errors import CredentialsRefused, DateRefused, Unusable
from etl.run import sending
from etl.run.active import Active, Request
from etl.run.gate import Gate
from etl.run.sending import Collected, Sending
from etl.vendor.client import Question
from tests.gates import Gates
from tests.run.readings import DAY, page_of
from tests.running import HANG, wait_until

TOTAL = 730
Answer = Callable[[Question], Page]


def requests(number: int) -> list[Request]:
    """The next requests of a batch day of which page 1 is stored."""
    day = BatchDay("A", DAY, id=1, reported=TOTAL, claimed=TOTAL, stored=100, pages_read="1")
    reading = Reading(day, Memory())
    active = Active(reading, reading.steps())
    assert active.ready()
    made = []
    while len(made) < number and active.certain:
        made.append(Request.of(active))
    assert [request.ask.page for request in made] == list(range(2, number + 2))
    return made


def good(question: Question) -> Page:
    return page_of(question.page, TOTAL)


class Sender:
    """`asked`: the pages that the only thread has asked for."""

    def __init__(self, gate: Gate, answer: Answer) -> None:
        self.asked: list[int] = []
        self.sending = Sending(self._ask, gate, 1)
        self._answer = answer

    def _ask(self, question: Question) -> Page:
        self.asked.append(question.page)
        return self._answer(question)

    def until(self, arrivals: int) -> Collected:
        """All that is collected until so many answers have arrived."""
        all_of_it = Collected([], [], True)
        while len(all_of_it.arrivals) < arrivals or (all_of_it.as_expected and arrivals == 0):
            some = self.sending.collect(60)
            all_of_it.arrivals.extend(some.arrivals)
            all_of_it.unsent.extend(some.unsent)
            all_of_it = all_of_it._replace(as_expected=all_of_it.as_expected and some.as_expected)
        return all_of_it


@contextmanager
def sender(gate: Gate, answer: Answer) -> Iterator[Sender]:
    made = Sender(gate, answer)
    with made.sending:
        yield made


def test_a_thread_goes_on_by_itself_while_all_is_as_expected(gates: Gates) -> None:
    gate = gates.open()
    with sender(gate, good) as made:
        made.sending.ask_ahead(requests(7))
        found = made.until(7)
    assert (made.asked, found.unsent, found.as_expected) == ([2, 3, 4, 5, 6, 7, 8], [], True)
    assert gate.requests == 7


def short(page: Page) -> Page:
    return dataclasses.replace(page, rows=page.rows[:60], received=60)


def raising(error: BaseException) -> Callable[[Page], Page]:
    def answer(_: Page) -> Page:
        raise error

    return answer


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(short, id="short"),
        pytest.param(lambda page: dataclasses.replace(page, rows=(), received=0), id="empty"),
        pytest.param(lambda page: dataclasses.replace(page, received=1000), id="another page size"),
        pytest.param(lambda page: dataclasses.replace(page, total=TOTAL - 300), id="rows vanished"),
        pytest.param(lambda page: dataclasses.replace(page, total=TOTAL + 1), id="rows came"),
        pytest.param(raising(Unusable("no page")), id="no page"),
        pytest.param(raising(DateRefused("refused")), id="refused"),
        pytest.param(raising(CredentialsRefused("wrong key")), id="wrong key"),
        pytest.param(raising(KeyError("defect")), id="defect"),
    ],
)
def test_after_an_answer_that_is_not_as_expected_nothing_more_is_sent(
    gates: Gates, odd: Callable[[Page], Page]
) -> None:
    gate = gates.open()
    with sender(gate, lambda question: odd(good(question)) if question.page == 3 else good(question)) as made:
        made.sending.ask_ahead(requests(7))
        found = made.until(2)
        assert not found.as_expected
        assert [request.ask.page for request in found.unsent] == [4, 5, 6, 7, 8]
        assert (made.asked, gate.requests) == ([2, 3], 2)
        for request in found.unsent:
            request.put_back()
        made.sending.ask_ahead(requests(1))
        assert made.until(1).as_expected, "it goes on once the loop has decided again"


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda gate, _: gate.stop("SIGTERM was received"), id="signal"),
        pytest.param(lambda gate, _: gate.slow_down(30), id="throttled"),
        pytest.param(lambda _, gates: gates.clock.sleep(100), id="seconds"),
    ],
)
def test_nothing_more_starts_that_the_gate_does_not_let_start_at_once(
    gates: Gates, end: Callable[[Gate, Gates], None]
) -> None:
    gate = gates.open(seconds=100)

    def answer(question: Question) -> Page:
        if question.page == 3:
            end(gate, gates)
        return good(question)

    with sender(gate, answer) as made:
        made.sending.ask_ahead(requests(7))
        found = made.until(2)
        while found.as_expected:  # the gate was asked after the answer had arrived
            found = made.sending.collect(60)
    assert [request.ask.page for request in found.unsent] == [4, 5, 6, 7, 8]
    assert (made.asked, gate.requests) == ([2, 3], 2)


def test_the_bound_of_requests_holds_for_what_is_asked_ahead(gates: Gates) -> None:
    gate = gates.open(requests=3)
    with sender(gate, good) as made:
        made.sending.ask_ahead(requests(7))
        found = made.until(3)
        while found.as_expected:
            found = made.sending.collect(60)
    assert (made.asked, gate.requests) == ([2, 3, 4], 3)
    assert len(found.unsent) == 4


def test_at_a_pace_nothing_that_was_asked_ahead_starts(gates: Gates) -> None:
    gate = gates.open(3.0)
    with sender(gate, good) as made:
        made.sending.ask_ahead(requests(2))
        found = made.sending.collect(60)
    assert (made.asked, gate.requests, len(found.unsent), found.as_expected) == ([], 0, 2, False)


def test_what_is_withdrawn_is_not_sent(gates: Gates) -> None:
    gate = gates.open()
    with sender(gate, good) as made:
        made.sending._rows = sending.MOST_ROWS
        made.sending.ask_ahead(requests(3))
        assert [request.ask.page for request in made.sending.withdraw()] == [2, 3, 4]
        made.sending.collect(0)
    assert (made.asked, gate.requests) == ([], 0)


def test_claimed_requests_come_first_and_in_any_case(gates: Gates) -> None:
    gate = gates.open()
    first, second = requests(2)
    with sender(gate, good) as made:
        made.sending._rows = sending.MOST_ROWS
        made.sending.ask_ahead([second])
        assert gate.claim()
        made.sending.send(first)
        assert [arrival.request for arrival in made.until(1).arrivals] == [first]
        assert [arrival.request for arrival in made.until(1).arrivals] == [second]


def large(page: Page) -> Page:
    """As many characters in a rejected row as rows of that number would take."""
    payload = "x" * (sending.MOST_ROWS * sending.CHARACTERS)
    rejected = (RejectedRow("no_key", payload, "digest"),)
    return dataclasses.replace(page, rows=page.rows[1:], rejected=rejected)


def test_many_rows_that_wait_to_be_stored_are_not_added_to(gates: Gates) -> None:
    gate = gates.open()
    with sender(gate, lambda question: large(good(question))) as made:
        made.sending.ask_ahead(requests(3))
        for arrived in range(1, 4):
            while not made.sending._idle or len(made.sending._arrived) == 0:
                time.sleep(0)  # until the thread has nothing to do
            assert len(made.asked) == arrived, "it went on although nobody took what had arrived"
            found = made.sending.collect(60)
            assert (len(found.arrivals), found.as_expected) == (1, True)


@pytest.mark.parametrize("ahead", [3, 2])
def test_little_is_collected_although_more_is_to_come(gates: Gates, ahead: int) -> None:
    """The loop waits for many rows, but not for ever: what the vendor keeps waiting does not hold up the rest.

    Of two, none is left to be sent once the first has arrived.
    """
    gate = gates.open()
    over = threading.Event()

    def answer(question: Question) -> Page:
        if question.page == 3:
            over.wait(HANG)
        return good(question)

    collected: list[int] = []
    with sender(gate, answer) as made:
        made.sending.ask_ahead(requests(ahead))
        wait_until(lambda: made.asked == [2, 3])
        while not collected:
            collected += [arrival.request.ask.page for arrival in made.sending.collect(None).arrivals]
        over.set()
        assert collected == [2]
        assert len(made.until(ahead - 1).arrivals) == ahead - 1
