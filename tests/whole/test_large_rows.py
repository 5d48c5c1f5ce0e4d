"""Rows of megabytes, and as many as a page may hold: they are stored, cut, in statements that every server accepts."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from etl.core.pagesize import LARGEST
from etl.emulator import Book, Emulator, VendorRow
from etl.vendor.jsontext import MOST_BYTES
from tests.conftest import Start
from tests.job import Job
from tests.unsynced import unsynced

DAY = dt.date(2026, 3, 10)
LATER = dt.datetime(2026, 3, 12, 6, tzinfo=dt.UTC)
MIB = 2**20


def row(number: int, **fields: Any) -> VendorRow:
    return VendorRow({"messageId": f"m{number:06d}", "phone": f"8490{number:07d}", "checkLevel": 1, **fields})


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def job(request: pytest.FixtureRequest, start_server: Start, tmp_path: Path) -> Iterator[Job]:
    server = start_server(request.param)
    url = server.create(at_head=True)
    with Emulator(Book(), now=lambda: LATER) as vendor:
        made = Job(url, vendor, [f"A,{DAY},"], tmp_path, spill_days="0")
        unsynced(made.engine)
        yield made
        made.engine.dispose()
        server.drop(url)


def test_rows_of_megabytes_are_cut(job: Job) -> None:
    huge = [
        row(1, remark="é" * (3 * MIB)),
        row(2, remark=["x" * MIB] * 2, small="s"),
        row(3, carrier="y" * MIB),
    ]
    unstorable = VendorRow({"phone": "84900000004", "remark": "z" * (2 * MIB)})
    job.vendor.book.add("A", DAY, [*huge, unstorable, row(5)])
    assert job.sync(LATER).exit_code == 0
    held = {line["message_id"]: line["extra"] for line in job.query("SELECT * FROM v_number_check")}
    extras = {name: json.loads(text) if isinstance(text, str) else text for name, text in held.items()}
    assert extras["m000001"]["remark"]["bytes"] == 6 * MIB
    assert extras["m000002"]["small"] == "s"
    assert extras["m000003"]["carrier"]["bytes"] == MIB
    assert extras["m000005"] is None
    [rejected] = job.query("SELECT payload FROM v_rejected_row")
    assert json.loads(rejected["payload"])["bytes"] > 2 * MIB
    texts = [json.dumps(extra) for extra in extras.values()] + [rejected["payload"]]
    assert max(map(len, texts)) <= MOST_BYTES
    assert job.sync(LATER).requests == 0


def test_the_largest_pages_with_all_that_is_new(job: Job) -> None:
    """Four pages of 1,000 rows at once, each with a carrier of its own, an `extra`, or without a key."""
    job.vendor.behaviour.page_size_least = LARGEST
    rows = [row(n, carrier=f"Carrier {n}", remark="r" * 2_000) for n in range(3 * LARGEST)]
    rows += [VendorRow({"phone": f"8490{n:07d}", "remark": "r" * 2_000}) for n in range(LARGEST)]
    job.vendor.book.add("A", DAY, rows)
    assert job.sync(LATER).exit_code == 0
    [found] = job.coverage().values()
    assert (found["state"], found["stored_rows"], found["rejected_rows"]) == ("settled", 3 * LARGEST, LARGEST)
