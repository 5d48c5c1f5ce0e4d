"""Where a run stands, as somebody who looks on is told; the bar puts it into words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl.cli.bar import words
from etl.core.batchday import BatchDay
from etl.emulator import Book, Emulator
from etl.run.standing import Standing
from etl.vendor import backoff
from tests.gates import Gates
from tests.job import Job
from tests.servers import SQLITE

DATE = dt.date(2026, 3, 1)
LATER = dt.datetime(2026, 3, 12, 12, tzinfo=dt.UTC)
SIZES = {"B-large": 450, "B-small": 30, "B-unknown": 320}


@pytest.fixture
def job(engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Job]:
    """A vendor with three batch days; of the last, nobody knows beforehand how many rows it has."""
    monkeypatch.setattr(backoff, "FIRST_WAIT", 0.01)
    book = Book()
    for name, size in SIZES.items():
        book.add_generated(name, DATE, size)
    lines = [f"{name},{DATE},{'' if name == 'B-unknown' else size}" for name, size in SIZES.items()]
    with Emulator(book) as vendor:
        made = Job(engine.url, vendor, lines, tmp_path, max_in_flight="1", spill_days="0")
        yield made
        made.engine.dispose()


def followed(job: Job, **given: str) -> list[tuple[int, int, int, int]]:
    """Batch days done and planned, requests sent and still expected, each time that the run tells of itself."""
    told: list[tuple[int, int, int, int]] = []

    def look(now: Standing) -> None:
        told.append((now.done, now.planned, now.requests, now.ahead[0]))

    job.progress = look
    job.sync(LATER, **given)
    return told


@pytest.mark.parametrize("server", [SQLITE], indirect=True)
def test_what_a_run_still_takes_is_told_all_along(job: Job) -> None:
    told = followed(job)
    assert told[0] == (0, 3, 0, 5 + 1 + 7), "7 is a guess: from 1 to 50"
    assert told[-1] == (3, 3, 10, 0)
    # The pages of the last one are known once its first has come.
    ahead = [expected for _, _, _, expected in told]
    assert ahead == sorted(ahead, reverse=True)
    assert (2, 3, 7, 3) in told
    assert followed(job) == [(0, 0, 0, 0)]


@pytest.mark.parametrize("server", [SQLITE], indirect=True)
def test_within_the_bounds_of_the_run(job: Job) -> None:
    told = followed(job, max_requests="4")
    assert (told[0], told[-1]) == ((0, 3, 0, 4), (0, 3, 4, 0))


@pytest.mark.parametrize("server", [SQLITE], indirect=True)
def test_what_was_refused_last(job: Job) -> None:
    job.vendor.behaviour.faults.order("throttled", "html")
    refused: list[str] = []
    job.progress = lambda now: refused.append(now.refused)
    job.sync(LATER)
    assert (refused[0], refused[-1]) == ("", "something other than the vendor's API answers (a web page)")


def test_how_long_it_takes_and_that_it_waits(gates: Gates) -> None:
    gate = gates.open(3.0, requests=100)
    _, seconds = gate.outlook(1)
    assert seconds == pytest.approx(3.0, abs=0.05)
    assert gate.outlook(250) == (100, 100 * seconds)
    assert gates.open(3.0, seconds=30).outlook(250)[0] == 10
    assert gates.open().outlook(250) == (250, 0.0)
    assert gate.claim()
    assert gate.pause_left() == 0.0, "the pace is no pause"
    gate.slow_down(40)
    assert gate.pause_left() == 40


class Stub:
    """A run at work."""

    def __init__(self, **given: object) -> None:
        self.done, self.planned, self.last, self.ending = 0, 7, None, False
        self.requests, self.pause, self.refused, self.ahead = 5, 0.0, "", (119, 357.6)
        self.__dict__ |= given


DAY = BatchDay("B 1", DATE, reported=1200, stored=300)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ["the first answer is awaited", "about 119, 0:05:58 at the agreed pace"]),
        ({"last": DAY, "ahead": (2, 0.0)}, ["B 1 on 2026-03-01: 300 of 1,200 rows are here", "about 2"]),
        (
            {"last": DAY, "pause": 12.4, "refused": "too often (code 7)"},
            [
                "no request for 0:00:12: the vendor gets too many",
                "about 119, 0:05:58 at the agreed pace",
                "too often (code 7)",
            ],
        ),
        ({"ending": True, "ahead": (0, 0.0)}, ["the end of the run is recorded", "about 0"]),
    ],
)
def test_it_is_put_into_words(given: dict[str, object], expected: list[str]) -> None:
    lines = words(Stub(**given))  # type: ignore[arg-type]
    assert [line[15:] for line in lines] == expected
    assert [line[:15].strip() for line in lines] == ["now", "requests left", "last refused"][: len(lines)]
    assert len(words(None)) == 1
