"""With pseudonyms no clear number is ever stored, and everything else is as before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl.admin.pseudonymising import pseudonymise
from etl.core.planning import Rules, Selection
from etl.emulator import Emulator
from etl.errors import Misconfigured
from tests.job import Job
from tests.people import KEY, LATER, LINES, MACS, TODAY, book, figures, number, traces

FULL = Rules(selection=Selection(full=True))
EVERYBODY = tuple(number(n) for n in range(130))
ON = {"pseudonyms": "true"}


@pytest.fixture
def vendor() -> Iterator[Emulator]:
    with Emulator(book(), now=lambda: TODAY) as made:
        yield made


@pytest.fixture
def job(database: sa.URL, engine: sa.Engine, vendor: Emulator, tmp_path: Path) -> Iterator[Job]:
    made = Job(database, vendor, LINES, tmp_path, privacy_key=KEY)
    yield made
    made.engine.dispose()


def rows(job: Job) -> list[dict[str, object]]:
    return job.query("SELECT * FROM v_number_check ORDER BY message_id, phone")


def test_no_clear_number_is_stored_from_the_first_run_on(job: Job, vendor: Emulator) -> None:
    for moment in (TODAY, LATER):
        assert job.sync(moment, **ON).status == "complete"
        assert traces(job.engine, *EVERYBODY) == set()
    assert set(job.states().values()) == {"settled"}
    assert {row["unresolved_rows"] for row in job.coverage().values()} == {0}
    assert not any("phone" in request.body for request in vendor.requests)
    before = rows(job), figures(job.coverage())
    for _ in range(2):
        assert job.sync(LATER, FULL, **ON).rows.inserted == 0
        assert (rows(job), figures(job.coverage())) == before


def test_a_number_always_has_the_same_pseudonym(job: Job) -> None:
    job.sync(LATER, **ON)
    found = {row["phone"] for row in job.query("SELECT phone FROM v_number_check WHERE message_id LIKE '%00003'")}
    assert found == {MACS.pseudonym(number(3))}


def test_turned_on_later_they_are_those_of_a_first_run(job: Job) -> None:
    job.sync(TODAY)
    counts = figures(job.coverage())
    with pytest.raises(Misconfigured, match="hold clear numbers"):
        job.sync(TODAY, **ON)
    assert pseudonymise(job.engine, MACS, "default", "test", TODAY, lambda _: None) > 190
    assert traces(job.engine, *EVERYBODY) == set()
    assert figures(job.coverage()) == counts
    with pytest.raises(Misconfigured, match="stored as pseudonyms"):
        job.sync(TODAY)
    for rules in (None, FULL):
        result = job.sync(LATER, rules, **ON)
        assert (result.status, result.rows.inserted) == ("complete", 0 if rules else result.rows.inserted)
        assert traces(job.engine, *EVERYBODY) == set()
    assert set(job.states().values()) == {"settled"}
    assert pseudonymise(job.engine, MACS, "default", "test", TODAY, lambda _: None) == 0
