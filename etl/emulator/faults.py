"""What may go wrong with an answer, by chance or on order."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

KINDS = {
    "status": "an HTTP status instead of an answer",
    "reset": "the connection is reset",
    "slow": "the answer arrives late",
    "trickle": "the answer arrives byte by byte",
    "cut_short": "the connection ends in the middle of the body",
    "half_json": "a complete body that holds half of the JSON",
    "html": "status 200 with an HTML page",
    "throttled": "refused as too fast, as the pace check does it",
    "code": "a result code with its message",
    "data_null": "code 0, data null",
    "short_page": "fewer rows than the page has",
    "long_page": "more rows than asked for",
    "lying_total_page": "a wrong totalPage",
    "empty_ok": "code 0, no rows, the true totalSize",
    "duplicate_rows": "one row is there twice, another is missing",
    "data": "some fields of data are replaced",
    "body": "the body is replaced by any bytes",
}
_OF_VALUE = {"status": "status", "code": "code", "slow": "seconds", "trickle": "seconds"}


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to fail (see KINDS), for any request or only for requests for one batch or one page.

    `status` and `retry_after` belong to the kind status; `seconds` to slow (before the answer) and trickle
    (between two bytes); `code` and `msg` to code; `data` to data; `body` to body.
    """

    kind: str
    status: int = 503
    retry_after: str | None = None
    seconds: float = 1.0
    code: int = 999
    msg: str = "system busy"
    data: Mapping[str, Any] | None = None
    body: bytes = b""
    batch_no: str | None = None
    page: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no fault is called {self.kind!r}; the faults are {', '.join(KINDS)}")

    def concerns(self, batch_no: object, page: object) -> bool:
        return self.batch_no in (None, batch_no) and self.page in (None, page)


def parse_fault(text: str) -> Fault:
    """A fault from `kind` or `kind:value`; the value is the status, the code or the seconds. Raises ValueError."""
    kind, _, value = text.partition(":")
    if not value:
        return Fault(kind)
    if kind not in _OF_VALUE:
        raise ValueError(f"only {', '.join(_OF_VALUE)} can have a value, not {kind!r}")
    name = _OF_VALUE[kind]
    return Fault(kind, **{name: float(value) if name == "seconds" else int(value)})  # type: ignore[arg-type]


class Faults:
    """Decides which request fails, and how: ordered faults come first, then chance, seeded. Thread-safe."""

    def __init__(self, rates: Mapping[Fault | str, float] | None = None, *, seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._random = Random(seed)  # noqa: S311
        self._ordered: list[Fault | None] = []
        self._rates: dict[Fault, float] = {}
        for fault, rate in (rates or {}).items():
            self.at_rate(fault, rate)

    def order(self, *faults: Fault | str | None) -> None:
        """Order faults for the next requests, one for each; None lets one request pass.

        A fault of only one batch or page waits for a request that it concerns.
        """
        with self._lock:
            self._ordered += [_fault(fault) for fault in faults]

    def at_rate(self, fault: Fault | str, rate: float) -> None:
        """From now on, let `fault` happen to this share (0 to 1) of the requests that it concerns."""
        with self._lock:
            self._rates[_fault(fault)] = rate

    def clear(self) -> None:
        with self._lock:
            self._ordered.clear()
            self._rates.clear()

    def draw(self, batch_no: object = None, page: object = None) -> Fault | None:
        """The fault for a request for this batch and page; None: no fault."""
        with self._lock:
            for position, fault in enumerate(self._ordered):
                if fault is None or fault.concerns(batch_no, page):
                    return self._ordered.pop(position)
            return self._by_chance(batch_no, page)

    def _by_chance(self, batch_no: object, page: object) -> Fault | None:
        left = self._random.random()
        for fault, rate in self._rates.items():
            if fault.concerns(batch_no, page):
                left -= rate
                if left < 0:
                    return fault
        return None


def _fault(fault: Any) -> Any:
    return Fault(fault) if isinstance(fault, str) else fault
