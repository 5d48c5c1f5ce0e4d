"""Fetching goes on while answers are stored, for what is needed in any case, and for nothing else."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

import pytest

from etl.core.batchday import pages_of
from etl.core.page import Page
from etl.errors import CredentialsRefused, DateRefused, RunEnded, Unusable
from etl.run.fetch import AHEAD_FROM, ROWS_AHEAD
from etl.vendor.client import Question
from tests.gates import Gates
from tests.run.readings import PAGE_SIZE, Run, days_of, page_of

MANY = 16
SIZES = (2_000,) * 20


def pages(sizes: tuple[int, ...]) -> int:
    return sum(map(pages_of, sizes))


def asked(run: Run) -> Counter[tuple[str, int]]:
    return Counter((question.batch_no, question.page) for question in run.client.questions)


def most_unstored(run: Run) -> list[int]:
    """How many requests had been sent whose answers were not stored, each time when some were going to be stored."""
    seen, stored = [], [0]

    def storing(answers: int) -> None:
        seen.append(len(run.client.questions) - stored[0])
        stored[0] += answers

    run.storing = storing
    return seen


def test_each_page_is_asked_for_once(gates: Gates) -> None:
    gate = gates.open()
    run = Run(gate, MANY, days_of(*SIZES, 0, 1, 99, 100, 101, 3_999, dates=5))
    run.go()
    assert all(day.proven for day in run.days)
    assert sorted(day.id for day in run.closed) == [day.id for day in run.days]
    assert set(asked(run).values()) == {1}
    assert gate.requests == len(run.client.questions) == pages((*SIZES, 0, 1, 99, 100, 101, 3_999))


def test_while_answers_are_stored_more_is_sent_than_can_be_under_way_at_once(gates: Gates) -> None:
    """The store waits until that has happened: if it did not, it would wait in vain."""
    run = Run(gates.open(), MANY, days_of(*SIZES))
    stored = 0

    def storing(answers: int) -> None:
        nonlocal stored
        stored += answers
        if 150 < stored < 200:
            run.client.wait_for(stored + 2 * MANY)

    run.storing = storing
    run.go()
    assert all(day.proven for day in run.days)


def test_it_goes_on_over_the_ends_of_batch_days(gates: Gates) -> None:
    """Each batch day is one page, so that nothing is certain but the first pages of others."""
    run = Run(gates.open(), MANY, days_of(*(50,) * 100))
    stored = 0

    def storing(answers: int) -> None:
        nonlocal stored
        stored += answers
        if 1 < stored < 60:
            run.client.wait_for(stored + MANY // 2)

    run.storing = storing
    run.go()
    assert len(run.client.questions) == 100


def test_a_reading_in_full_asks_ahead_as_well(gates: Gates) -> None:
    days = days_of(*SIZES)
    Run(gates.open(), MANY, days).go()
    gate = gates.open()
    run, stored = Run(gate, MANY, days), 0
    for day in days:
        run.held[day.batch_no] = set(page_of(1, day.stored, day.stored).rows)

    def storing(answers: int) -> None:
        nonlocal stored
        stored += answers
        if 150 < stored < 200:
            run.client.wait_for(stored + 2 * MANY)

    run.storing = storing
    run.go(full=True)
    assert gate.requests == pages(SIZES)
    assert set(asked(run).values()) == {1}


@pytest.mark.parametrize(("in_flight", "interval"), [(1, 0.0), (4, 0.0), (AHEAD_FROM, 0.0), (4, 3.0), (MANY, 3.0)])
def test_with_few_under_way_or_at_a_pace_nothing_is_asked_ahead(
    gates: Gates, in_flight: int, interval: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(gates.open(interval), in_flight, days_of(1_000, 250, 99, dates=2))
    monkeypatch.setattr(run.fetcher._sending, "ask_ahead", lambda _: pytest.fail("asked ahead"))
    collect = run.fetcher._sending.collect

    def in_no_time(timeout: float | None) -> Any:
        if timeout is None:
            return collect(None)
        gates.clock.sleep(timeout)
        return collect(0)

    monkeypatch.setattr(run.fetcher._sending, "collect", in_no_time)
    seen = most_unstored(run)
    run.go()
    assert len(run.client.questions) == pages((1_000, 250, 99))
    assert max(seen) <= 2 * in_flight


@pytest.mark.parametrize("size", [100, 1_000])
def test_what_is_asked_ahead_is_bounded_in_rows(gates: Gates, size: int) -> None:
    """Also where the vendor puts more rows on a page than it was asked for."""
    run = Run(gates.open(), MANY, days_of(*(4_000,) * 20), lambda question, _: page_of(question.page, 4_000, size))
    seen = most_unstored(run)
    run.go()
    assert all(day.proven for day in run.days)
    # One such part is being stored, and another one is asked for.
    assert max(seen[3:]) <= 2 * max(ROWS_AHEAD * MANY // size, MANY) + MANY


def test_a_wrong_key_costs_one_request(gates: Gates) -> None:
    def refuse(_question: Question, _number: int) -> Page:
        raise CredentialsRefused("wrong key")

    gate = gates.open()
    run = Run(gate, MANY, days_of(*SIZES), refuse)
    with pytest.raises(CredentialsRefused):
        run.go()
    assert gate.requests == len(run.client.questions) == 1


def test_a_page_that_comes_short_is_asked_for_again_and_no_other(gates: Gates) -> None:
    done: list[int] = []

    def answer(question: Question, _number: int) -> Page:
        page = page_of(question.page, 2_000)
        if (question.batch_no, question.page) == ("B3", 7) and not done:
            done.append(1)
            return dataclasses.replace(page, rows=page.rows[:60], received=60)
        return page

    run = Run(gates.open(), MANY, days_of(*SIZES), answer)
    run.go()
    assert all(day.proven for day in run.days)
    assert {page: times for page, times in asked(run).items() if times > 1} == {("B3", 7): 2}


def test_rows_that_are_added_meanwhile_are_found(gates: Gates) -> None:
    def answer(question: Question, number: int) -> Page:
        return page_of(question.page, 2_000 if number < 150 else 2_150)

    run = Run(gates.open(), MANY, days_of(*SIZES), answer)
    run.go()
    assert all(day.proven for day in run.days)
    assert len(run.client.questions) <= pages((2_150,) * len(SIZES)) + len(SIZES)


@pytest.mark.parametrize("less", [50, 20])
def test_a_page_size_that_changes_makes_what_was_asked_ahead_needless(gates: Gates, less: int) -> None:
    changed = 150

    def answer(question: Question, number: int) -> Page:
        return page_of(question.page, 2_000, min(question.page_size, PAGE_SIZE if number < changed else less))

    run = Run(gates.open(), MANY, days_of(*SIZES), answer)
    run.go()
    assert all(day.proven for day in run.days)
    # What was under way comes in vain, and each batch day that had begun starts again where pages do not fit.
    assert len(run.client.questions) <= changed + pages_of(2_000, less) * len(SIZES) + 2 * MANY


def test_a_batch_day_that_fails_is_not_asked_for_any_more(gates: Gates) -> None:
    def answer(question: Question, _number: int) -> Page:
        if question.batch_no == "B3" and question.page == 5:
            raise Unusable("no page")
        return page_of(question.page, 2_000)

    run = Run(gates.open(), MANY, days_of(*SIZES), answer)
    run.go()
    assert [day.batch_no for day, _ in run.failed] == ["B3"]
    assert sum(day.proven for day in run.days) == len(SIZES) - 1
    assert sum(times for (batch, _), times in asked(run).items() if batch == "B3") <= 5 + MANY
    assert max(asked(run).values()) == 1


def test_a_date_that_is_refused_is_asked_for_twice(gates: Gates) -> None:
    days = days_of(*SIZES, dates=4)
    refused = {day.batch_no for day in days if day.date == days[2].date}

    def answer(question: Question, _number: int) -> Page:
        if question.batch_no in refused:
            raise DateRefused("too old")
        return page_of(question.page, 2_000)

    run = Run(gates.open(), MANY, days, answer)
    run.go()
    assert {day.batch_no for day, _ in run.failed} == refused
    assert sum(times for (batch, _), times in asked(run).items() if batch in refused) == 2


@pytest.mark.parametrize("after", [1, 100, 200])
def test_a_signal_ends_it_and_what_is_under_way_is_kept(gates: Gates, after: int) -> None:
    gate = gates.open()
    started: list[int] = []

    def answer(question: Question, number: int) -> Page:
        if number == after:
            with gate._lock:  # no thread is between its question and its count
                gate.stop("SIGTERM was received")
                started.append(gate.requests)
        return page_of(question.page, 2_000)

    run = Run(gate, MANY, days_of(*SIZES), answer)
    with pytest.raises(RunEnded, match="SIGTERM"):
        run.go()
    assert started == [gate.requests], "a request started after the signal"
    assert len(run.client.questions) == gate.requests <= after + MANY
    assert sum(map(len, run.held.values())) == gate.requests * PAGE_SIZE


@pytest.mark.parametrize("bound", [1, 50, 133])
def test_the_bound_of_requests_is_kept_to_the_last_one(gates: Gates, bound: int) -> None:
    gate = gates.open(requests=bound)
    run = Run(gate, MANY, days_of(*SIZES))
    with pytest.raises(RunEnded):
        run.go()
    assert gate.requests == len(run.client.questions) == bound
    assert sum(map(len, run.held.values())) == bound * PAGE_SIZE


def test_nothing_is_sent_any_more_once_storing_has_failed(gates: Gates) -> None:
    gate = gates.open()
    run, stored = Run(gate, MANY, days_of(*SIZES)), 0

    def storing(answers: int) -> None:
        nonlocal stored
        stored += answers
        if stored > 100:
            raise ConnectionError

    run.storing = storing
    with pytest.raises(ConnectionError):
        run.go()
    assert gate.requests <= stored + ROWS_AHEAD * MANY // PAGE_SIZE + MANY


def test_readings_are_closed_while_long_ones_in_front_of_them_go_on(gates: Gates) -> None:
    run = Run(gates.open(), MANY, days_of(*(4_000,) * 3, *(50,) * 300))
    open_ones: list[int] = []

    def storing(_: int) -> None:
        open_ones.append(len(run.fetcher._active))

    run.storing = storing
    run.go()
    assert len(run.closed) == 303
    assert max(open_ones) < 4 * MANY  # a few more than are awaited: those whose answers are being stored


def test_the_order_of_the_plan_is_kept(gates: Gates) -> None:
    days = days_of(*SIZES, dates=4)
    run = Run(gates.open(), MANY, days)
    run.go()
    begun = list(dict.fromkeys(question.batch_no for question in run.client.questions))
    places = [int(batch[1:]) for batch in begun]
    assert all(abs(place - number) < MANY for number, place in enumerate(places))
