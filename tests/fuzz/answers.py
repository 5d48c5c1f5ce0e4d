"""A vendor that answers anything: a run ends as documented, claims nothing that is not so, and the next one goes on."""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from pathlib import Path

import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from etl.emulator import Book, Emulator, Fault
from tests.fuzz.commands import DOCUMENTED
from tests.fuzz.hunt import hunt
from tests.job import Job

NOON = dt.datetime(2026, 11, 20, 6, tzinfo=dt.UTC)
DAY = NOON.date() - dt.timedelta(days=3)
ROWS = {"A": 230, "B": 7, "C": 100}
NUMBERS = st.sampled_from(
    [0, 1, -1, 7, 99, 100, 101, 250, 5000, 10**6, 2**31 - 1, 2**31, 2**63, 10**40, 1.5, 250.0]
)
ODD = st.one_of(
    NUMBERS, NUMBERS.map(str), st.none(), st.booleans(), st.text(max_size=10), st.just([]), st.just({})
)
ANYTHING = st.recursive(
    ODD, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
)
ROW = st.dictionaries(
    st.sampled_from(["messageId", "requestId", "batchNo", "checkLevel", "price", "carrier", "numberType", "x"]),
    ANYTHING,
    max_size=5,
)
DATA = st.fixed_dictionaries(
    {},
    optional={
        "totalSize": ODD,
        "pageSize": ODD,
        "page": ODD,
        "totalPage": ODD,
        "result": st.lists(ROW, max_size=3),
    },
)
FAULTS = st.one_of(
    st.builds(lambda data: Fault("data", data=data), DATA),
    st.builds(lambda body: Fault("body", body=body), st.binary(max_size=60)),
    st.builds(lambda answer: Fault("body", body=json.dumps(answer).encode()), ANYTHING),
    st.builds(
        lambda code: Fault("code", code=code), st.sampled_from([-1, 1, 88, 999, 1001, 1002, 1003, 1005, 1007])
    ),
    st.builds(
        lambda status: Fault("status", status=status), st.sampled_from([301, 302, 400, 403, 404, 429, 500, 503])
    ),
    st.sampled_from(
        ["empty_ok", "data_null", "half_json", "html", "cut_short", "reset", "short_page", "long_page"]
    ).map(Fault),
)


@given(st.lists(st.none() | FAULTS, min_size=1, max_size=12))
def trial(faults: list[Fault | None]) -> None:
    """These answers come first, then honest ones."""
    book = Book()
    for batch_no, rows in ROWS.items():
        book.add_generated(batch_no, DAY, rows)
    with tempfile.TemporaryDirectory() as directory, Emulator(book, now=lambda: NOON) as vendor:
        vendor.behaviour.faults.order(*faults)
        lines = [f"{batch_no},{DAY}," for batch_no in ROWS]
        job = Job(sa.make_url(f"sqlite:///{directory}/n.db"), vendor, lines, Path(directory), spill_days="0")
        try:
            _two_runs(job)
        finally:
            job.engine.dispose()


def _two_runs(job: Job) -> None:
    first = job.sync(NOON, max_attempts="2", max_requests="60")
    assert first.exit_code in DOCUMENTED
    job.assert_claims_hold()
    second = job.sync(NOON + dt.timedelta(hours=1), max_requests="60")
    assert second.exit_code in DOCUMENTED
    job.assert_claims_hold()
    assert second.requests <= 60


if __name__ == "__main__":
    hunt("Answers", trial)
