from __future__ import annotations

import re
import time
from typing import Any

import pytest

from etl.emulator import Faults, parse_fault
from tests.cli.support import Command, Done, real_time
from tests.servers import PASSWORD


def lines(done: Done) -> dict[str, str]:
    """The last finding of each check."""
    found = {}
    for line in done.out.splitlines():
        mark, what, *_ = line.split()
        found[what] = mark
        assert mark in ("ok", "warn", "FIX", "skip"), line
    return found


def seconds_off(done: Done, how: str) -> int:
    """How far off this machine's clock is said to be; that includes the time that an answer takes."""
    found = re.search(rf"This machine's clock is ([0-9]+) s {how} the vendor's", done.out)
    assert found
    return int(found[1])


ALL = ("settings:", "database:", "tls:", "batches:", "vendor:", "https:")


@pytest.fixture(autouse=True)
def _in_the_present(command: Command) -> None:
    real_time(command.vendor)


def test_all_is_well(inside: Command) -> None:
    done = inside("doctor")
    assert lines(done) == dict.fromkeys(ALL, "ok")
    assert "the file lists 2 batches and dates" in done.out
    assert "clock" in done.out
    assert len(inside.vendor.requests) == 1


def test_a_clock_that_is_off(inside: Command) -> None:
    """The vendor refuses the first try; the second one carries its time."""
    inside.vendor.behaviour.clock_skew = 90
    began = time.monotonic()
    done = inside("doctor", status=78)
    assert lines(done) == dict.fromkeys(ALL, "ok") | {"vendor:": "FIX"}
    assert "accepts the credentials" in done.out
    assert 89 - (time.monotonic() - began) <= seconds_off(done, "behind") <= 91
    assert "Set the clock (NTP)" in done.out
    assert len(inside.vendor.requests) == 2
    inside.vendor.behaviour.clock_skew = -40  # not refused yet
    began = time.monotonic()
    off = seconds_off(inside("doctor", status=78), "ahead of")
    assert 39 <= off <= 41 + (time.monotonic() - began)


def test_a_clock_that_is_days_off(inside: Command) -> None:
    """The vendor's time is not taken over."""
    inside.vendor.behaviour.clock_skew = 3 * 24 * 3600
    done = inside("doctor", status=78)
    assert lines(done) == dict.fromkeys(ALL, "ok") | {"vendor:": "FIX"}
    assert re.search(
        r"clock says 20[0-9TZ:-]+, the vendor's says 20[0-9TZ:-]+: they are more than a day", done.out
    )
    assert len(inside.vendor.requests) == 1


@pytest.mark.parametrize(
    ("fault", "status"), [("status:404", 78), ("html", 78), ("status:403", 75), ("code:7", 75)]
)
def test_an_endpoint_that_is_wrong(inside: Command, fault: str, status: int) -> None:
    inside.vendor.behaviour.faults = Faults({parse_fault(fault): 1.0})
    done = inside("doctor", status=status)
    assert lines(done) == dict.fromkeys(ALL, "ok") | {"vendor:": "FIX"}
    assert len(inside.vendor.requests) == 2


def test_a_wrong_secret(inside: Command) -> None:
    inside.secrets.append("another-secret")
    done = inside("doctor", status=78, access_secret="another-secret")
    assert lines(done) == dict.fromkeys(ALL, "ok") | {"vendor:": "FIX"}
    assert re.search(r"A trial request on [0-9-]{10}, page 1, after 1 try: the signature is refused", done.out)
    assert "numbercheck-doctor" not in done.out
    assert "Check NUMBERCHECK_ACCESS_SECRET" in done.out
    assert len(inside.vendor.requests) == 1


def test_everything_is_wrong(inside: Command, closed_port: int) -> None:
    url = f"postgresql://me:{PASSWORD}@127.0.0.1:{closed_port}/x"
    done = inside("doctor", status=78, database_url=url, access_key=None, batch_file="nowhere.csv")
    assert lines(done) == {
        "settings:": "FIX",
        "database:": "FIX",
        "tls:": "skip",
        "batches:": "FIX",
        "vendor:": "skip",
        "https:": "ok",
    }
    for words in ("Not set: NUMBERCHECK_ACCESS_KEY", "The database does not answer", "nowhere.csv cannot be read"):
        assert done.out.count(words) == 1
    assert inside.vendor.requests == []


def test_nobody_answers_and_no_batch_is_known(inside: Command, closed_port: int) -> None:
    done = inside("doctor", status=78, api_url=f"http://127.0.0.1:{closed_port}/", batch_file=None)
    assert lines(done) == dict.fromkeys(ALL, "ok") | {"vendor:": "FIX", "batches:": "FIX"}
    assert "Connection refused" in done.out
    assert "Check NUMBERCHECK_API_URL" in done.out
    assert "No batch source is set" in done.out
    inside("batches", "add", "B-own")
    assert "the list in the database has 1 batch and date" in inside("doctor", batch_file=None).out


def test_lists_that_cannot_be_read_now(inside: Command, closed_port: int) -> None:
    settings: dict[str, Any] = {
        "batch_database_url": f"postgresql://me:{PASSWORD}@127.0.0.1:{closed_port}/orders",
        "batch_query": "SELECT batch_no FROM submission",
    }
    done = inside("doctor", status=75, **settings)
    assert "ok    batches: the file lists" in done.out
    assert "FIX   batches: The database of NUMBERCHECK_BATCH_DATABASE_URL does not answer" in done.out


def test_how_requests_travel(inside: Command, closed_port: int) -> None:
    """No host has an address under .invalid; this machine does not even look it up."""
    plain = inside("doctor", status=75, api_url="http://vendor.invalid/api")
    assert "ok    https: the vendor does not answer over https; requests go over plain http" in plain.out
    assert plain.messages.count("plain http") == 1
    secure = inside("doctor", status=75, api_url=f"https://127.0.0.1:{closed_port}/api")
    assert "ok    https: the API URL is https" in secure.out
