"""How the emulated vendor behaves where its pages leave it open. Everything may be changed while it runs."""

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
    """Times in seconds, real ones."""

    wording: Wording = "page"
    spelling: Spelling = "plain"  # how the numbers of an answer are written
    order: Order = "ascending"
    replicas: int = 1  # they answer by turns; all but the first list in a hash order of their own
    window_days: int = 14  # dates answered for, today included
    timezone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Asia/Shanghai"))
    interval: float = 0.0  # between the starts of two requests of one account; 0: no check
    tolerance: float = 0.05  # how much closer they may come
    throttle_status: int = 429  # 200: refused by code 88 instead
    throttle_words: str = TOO_FAST
    retry_after: str | None = None  # sent with a refusal by status 429
    latency: float = 0.0
    clock_skew: float = 0.0  # how far the vendor's clock (timestamp check, Date header) is ahead
    masked: bool = False  # phone numbers are answered masked
    faults: Faults = field(default_factory=Faults)
