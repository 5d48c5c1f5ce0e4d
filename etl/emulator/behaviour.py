"""How the emulated vendor behaves where its pages leave that open. Everything may be changed while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from etl.emulator.faults import Faults
from etl.emulator.order import Order
from etl.emulator.spelling import Spelling
from etl.emulator.wording import Wording

TOO_FAST = "Request too frequent, please try again later"


@dataclass(slots=True)
class Behaviour:
    """Durations are in seconds of real time."""

    wording: Wording = "page"
    spelling: Spelling = "plain"  # how the numbers of an answer are written
    order: Order = "ascending"
    replicas: int = 1  # they take turns to answer; each but the first lists rows in a hash order of its own
    window_days: int = 14  # how many dates it answers for, including today
    timezone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Asia/Shanghai"))
    interval: float = 0.0  # between the starts of two requests of one account; 0: no check
    tolerance: float = 0.05  # by how much a request may come earlier than that
    throttle_status: int = 429  # 200: code 88 refuses instead
    throttle_words: str = TOO_FAST
    retry_after: str | None = None  # sent if status 429 refuses
    latency: float = 0.0
    clock_skew: float = 0.0  # how far the vendor's clock (timestamp check, Date header) is ahead
    masked: bool = False  # answers contain masked phone numbers
    faults: Faults = field(default_factory=Faults)
