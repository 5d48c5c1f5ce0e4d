"""An endpoint that is wrong as a whole ends the run after a dozen requests; single failures never do."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.emulator import Book, Emulator, Fault, Faults
from etl.run.suspicion import Suspicion
from etl.vendor import backoff
from tests.conftest import Start
from tests.job import Job

FIRST = dt.date(2026, 3, 1)
LATER = dt.datetime(2026, 3, 12, 12, tzinfo=dt.UTC)
DOZEN = 12
ALL = 22
"""Batch days, two on a date."""

WRONG = [
    (Fault("status", status=301), 78, "HTTP status 301, to "),
    (Fault("status", status=308), 78, "HTTP status 308, to "),
    (Fault("status", status=404), 78, "HTTP status 404"),
    (Fault("status", status=405), 78, "HTTP status 405"),
    (Fault("html"), 78, "a web page"),
    (Fault("body", body=b"It works!"), 78, "not JSON"),
    (Fault("code", code=1001, msg="no header"), 78, "code 1001"),
    (Fault("status", status=403), 75, "HTTP status 403"),
    (Fault("status", status=400), 75, "HTTP status 400"),
    (Fault("body", body=b'{"status": "UP"}'), 75, "no result code"),
    (Fault("body", body=b""), 75, "empty"),
    (Fault("data_null"), 75, "no data"),
    (Fault("code", code=88, msg="Account suspended"), 75, "“Account suspended”"),
    (Fault("code", code=4711, msg="news"), 75, "code 4711"),
    (Fault("code", code=1002, msg="wrong"), 75, "code 1002"),
    (Fault("code", code=1004, msg="expired"), 75, "code 1004"),
]


@pytest.fixture(autouse=True)
def _in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST_WAIT", 0.001)


@pytest.fixture
def vendor() -> Iterator[Emulator]:
    book = Book()
    for number in range(ALL):
        book.add_generated(f"B{number}", FIRST + dt.timedelta(days=number // 2), 3, seed=number)
    with Emulator(book, now=lambda: LATER) as emulator:
        yield emulator


@pytest.fixture
def job(vendor: Emulator, start_server: Start, tmp_path: Path) -> Iterator[Job]:
    made = Job(start_server("sqlite").create(at_head=True), vendor, lines(range(ALL)), tmp_path, spill_days="0")
    yield made
    made.engine.dispose()


def lines(numbers: range) -> list[str]:
    return [f"B{number},{FIRST + dt.timedelta(days=number // 2)}," for number in numbers]


def always(job: Job, *faults: Fault, after: int = 0) -> None:
    """From now on all requests fail, each with one of these faults; the first `after` pass."""
    job.vendor.clear()
    made = Faults({fault: 1 / len(faults) for fault in faults}, seed=1)
    made.order(*[None] * after)
    job.vendor.behaviour.faults = made


def assert_recovers(job: Job) -> None:
    job.vendor.behaviour.faults.clear()
    assert job.sync(LATER).exit_code == 0
    job.assert_equals_vendor()


@pytest.mark.parametrize(("fault", "status", "words"), WRONG, ids=lambda value: str(value)[:30])
def test_the_same_answer_to_every_batch_day_ends_the_run(job: Job, fault: Fault, status: int, words: str) -> None:
    always(job, fault)
    result = job.sync(LATER)
    assert result.exit_code == status
    assert len(job.vendor.requests) <= DOZEN
    [reason] = map(str, result.reasons)
    assert reason.startswith(f"127.0.0.1:{job.vendor.port} answered 5 batch days in a row alike")
    assert words in reason
    assert_recovers(job)


FAILING = [
    (
        Fault("status", status=429),
        "answered 5 batch days in a row alike, so this run stops: throttled (HTTP status 429)",
    ),
    (Fault("status", status=500), "alike, so this run stops: the server failed (HTTP status 500)"),
    (Fault("status", status=503), "alike, so this run stops: the server failed (HTTP status 503)"),
    (Fault("code", code=88, msg="too many requests"), "alike, so this run stops: throttled (code 88)"),
    (Fault("reset"), "5 batch days in a row got no answer from"),
]


@pytest.mark.parametrize("attempts", ["1", "2", "3", "4", "6", "8"])
@pytest.mark.parametrize(("fault", "words"), FAILING, ids=lambda value: str(value)[:30])
def test_an_endpoint_that_fails_for_every_batch_day_too(job: Job, fault: Fault, words: str, attempts: str) -> None:
    """One request has all its tries, because that may pass; the others have one each."""
    always(job, fault)
    result = job.sync(LATER, max_attempts=attempts)
    assert result.exit_code == 75
    assert len(job.vendor.requests) <= DOZEN
    [reason] = map(str, result.reasons)
    assert words in reason
    assert f"127.0.0.1:{job.vendor.port}" in reason
    assert_recovers(job)


@pytest.mark.parametrize("attempts", ["1", "2", "20"])
@pytest.mark.parametrize(("fault", "status", "_words"), WRONG[::4])
def test_however_often_a_request_is_tried(job: Job, fault: Fault, status: int, attempts: str, _words: str) -> None:
    always(job, fault)
    assert job.sync(LATER, max_attempts=attempts).exit_code == status
    assert len(job.vendor.requests) <= DOZEN


@pytest.mark.parametrize("in_flight", ["1", "4"])
@pytest.mark.parametrize("good", [1, 7])
@pytest.mark.parametrize(("fault", "status", "_words"), WRONG[::4])
def test_an_endpoint_that_turns_wrong_in_the_middle(
    job: Job, fault: Fault, status: int, good: int, in_flight: str, _words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    always(job, fault, after=good)
    sent = sent_at_good_answers(job, monkeypatch)
    result = job.sync(LATER, max_in_flight=in_flight)
    assert (result.exit_code, result.rows.inserted) == (status, 3 * good)
    # What was under way at the turn may be answered after the first failures, which then begin anew.
    assert len(job.vendor.requests) <= sent[-1] + DOZEN + int(in_flight) - 1
    assert_recovers(job)


def sent_at_good_answers(job: Job, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many requests had been sent each time that good answers arrived in the job."""
    sent: list[int] = []
    dispel = Suspicion.dispel

    def recording(suspicion: Suspicion) -> None:
        sent.append(len(job.vendor.requests))
        dispel(suspicion)

    monkeypatch.setattr(Suspicion, "dispel", recording)
    return sent


@pytest.mark.parametrize("days", [2, 3, 4])
def test_fewer_batch_days_are_enough_where_there_are_no_more(job: Job, days: int) -> None:
    job.list(lines(range(days)))
    always(job, Fault("status", status=404))
    result = job.sync(LATER)
    assert (result.exit_code, result.planned) == (78, days)


def test_a_single_batch_day_says_nothing_of_the_endpoint(job: Job) -> None:
    job.list(lines(range(1)))
    always(job, Fault("status", status=404))
    assert job.sync(LATER).exit_code == 75


@pytest.mark.parametrize("attempts", ["1", "2", "6"])
@pytest.mark.parametrize(
    ("faults", "status"),
    [
        ((Fault("status", status=403), Fault("html"), Fault("body", body=b"{}")), 75),
        ((Fault("status", status=500), Fault("status", status=502), Fault("status", status=503)), 75),
        ((Fault("status", status=404), Fault("status", status=302), Fault("html")), 78),
    ],
)
def test_useless_answers_that_differ_end_the_run_as_well(
    job: Job, faults: tuple[Fault, ...], status: int, attempts: str
) -> None:
    always(job, *faults)
    result = job.sync(LATER, max_attempts=attempts)
    assert result.exit_code == status
    assert len(job.vendor.requests) <= DOZEN
    [reason] = map(str, result.reasons)
    assert f"no answer from 127.0.0.1:{job.vendor.port} that can be used" in reason


@pytest.mark.parametrize("bad", [{0, 1, 2, 3, 4, 5}, set(range(0, ALL, 2)), set(range(12)), {20, 21}])
@pytest.mark.parametrize(
    "fault",
    [Fault("data_null"), Fault("code", code=88, msg="No such batch"), Fault("status", status=500)],
)
def test_failing_batch_days_keep_no_others_from_being_read(job: Job, bad: set[int], fault: Fault) -> None:
    """However many stand first in the plan."""
    book = job.vendor.book
    job.vendor.behaviour.faults = Faults({replaced(fault, f"B{number}"): 1.0 for number in bad})
    # A run that ends early has asked at least two more of those that fail, whatever chance has chosen.
    for _ in range(1 + len(bad) // 2):
        result = job.sync(LATER)
    assert result.exit_code == 75
    states = job.states()
    assert {batch for (batch, _), state in states.items() if state == "settled"} >= {
        batch for batch, _, _ in book.batch_days() if int(batch[1:]) not in bad
    }


def replaced(fault: Fault, batch_no: str) -> Fault:
    return dataclasses.replace(fault, batch_no=batch_no)


def test_refusals_of_single_dates_and_appkeys_are_no_sign(job: Job) -> None:
    """The vendor knows what it refuses, so the endpoint works."""
    far = [f"B{number},{FIRST - dt.timedelta(days=2)}," for number in range(9)]
    job.list([*far, *lines(range(ALL))])
    result = job.sync(LATER, window_days="20")
    assert len(job.vendor.requests) >= 9 + ALL
    assert [str(reason) for reason in result.reasons] == []
    job.assert_equals_vendor()


def test_an_own_appkey_that_is_refused_for_many_batches(job: Job) -> None:
    job.batch_file.write_text(
        "batch_no,date,appkey\n"
        + "\n".join(f"{line}{'nonsense' if number < 9 else ''}" for number, line in enumerate(lines(range(ALL)))),
        encoding="utf-8",
    )
    result = job.sync(LATER)
    assert (result.exit_code, result.status, len(job.vendor.requests)) == (78, "misconfigured", ALL)
    assert result.rows.inserted == 3 * (ALL - 9)  # the others are read all the same
    assert sorted(map(str, result.reasons)) == [
        f"The vendor refuses the appkey of the batch 'B{number}'. "
        "Remedy: correct it in the list that names the batch."
        for number in range(9)
    ]


def test_an_endpoint_that_recovers(job: Job) -> None:
    job.vendor.behaviour.faults.order(*[Fault("status", status=403)] * 8)
    result = job.sync(LATER)
    assert (result.exit_code, result.reasons) == (75, [])
    assert result.rows.inserted >= 3 * (ALL - 4)
    assert_recovers(job)


@pytest.mark.parametrize("days", [40, -40, 1.01, -1.01])
def test_a_clock_that_is_days_off_ends_the_run_with_both_times(job: Job, days: float) -> None:
    job.vendor.behaviour.clock_skew = days * 24 * 3600
    result = job.sync(LATER)
    assert (result.exit_code, len(job.vendor.requests)) == (78, 1)
    [reason] = map(str, result.reasons)
    vendors = dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
    assert f"{dt.datetime.now(dt.UTC):This machine's clock says %Y-%m-%dT}" in reason
    assert f"{vendors:the vendor's says %Y-%m-%dT}" in reason


@pytest.mark.parametrize("days", [0.9, -0.9])
def test_a_clock_that_is_hours_off_is_learnt_at_any_virtual_time(job: Job, days: float) -> None:
    job.vendor.behaviour.clock_skew = days * 24 * 3600
    assert job.sync(LATER).exit_code == 0
    job.assert_equals_vendor()
