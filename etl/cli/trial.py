"""The trial request of `numbercheck doctor`: where it goes, and what its answer says."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from etl.errors import BatchDayFailed, EndpointRefuses, Misconfigured
from etl.vendor.client import Client, Question, require_near

# The vendor refuses requests that are more than 60 s off.
CLOCK_TOLERANCE = 30.0
# No batch has this number: it is asked for only to see whether the credentials are accepted.
NO_BATCH = "numbercheck-doctor"


def ask(client: Client, date: dt.date) -> None:
    """Ask for this date, and raise what a run would end with if all of its batch days were answered like this."""
    try:
        client.ask(Question(NO_BATCH, date, called="A trial request"))
    except BatchDayFailed as failure:
        if failure.cause is None:
            raise
        lasting = " If that does not help, ask the vendor." if failure.cause.ends is EndpointRefuses else ""
        raise failure.cause.ends(failure.problem, failure.remedy + lasting, failure.subject) from None


def clock(difference: float | None) -> Iterator[str]:
    """How far the vendor's clock is ahead of ours, in seconds. Raises Misconfigured if that is too much."""
    if difference is None:
        yield "the vendor's answer gives no time"
    elif abs(difference) > CLOCK_TOLERANCE:
        require_near(difference, time.time())
        raise Misconfigured(
            f"This machine's clock is {abs(difference):.0f} s {'behind' if difference > 0 else 'ahead of'} the "
            "vendor's, which refuses requests 60 s off.",
            "Set the clock (NTP); until then, syncs correct for it.",
        )
    else:
        yield f"the clocks differ by {abs(difference):.0f} s"


def https_addresses(url: str) -> list[str]:
    """Where the API at this http URL may answer over https: at the usual port, and at its own if it has one."""
    parts = urlsplit(url)
    host = parts.netloc.removesuffix(f":{parts.port}") if parts.port else parts.netloc
    ports = ["", f":{parts.port}"] if parts.port not in (None, 80, 443) else [""]
    return [parts._replace(scheme="https", netloc=host + port).geturl() for port in ports]


def shown(url: str) -> str:
    """A URL's scheme, host and port: its path and query may hold a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
