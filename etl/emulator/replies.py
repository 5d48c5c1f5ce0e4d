"""What goes over the wire for an answer, spoilt if the fault concerns the transport."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from etl.emulator.behaviour import Behaviour
from etl.emulator.decide import Envelope
from etl.emulator.faults import Fault

JSON = "application/json;charset=UTF-8"
HTML = "text/html;charset=UTF-8"
TOO_MANY_REQUESTS = 429
BUSY_PAGE = b"<html><body>Service is busy</body></html>"
REDIRECTS = range(300, 400)
PATH = "/api/number/query"

Manner = Literal["whole", "reset", "trickle", "cut_short"]


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer: sent after `delay` seconds, with `pause` seconds between bytes if it trickles."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)
    manner: Manner = "whole"
    delay: float = 0.0
    pause: float = 0.0
    code: int | None = None  # the vendor's result code, if the answer has one


def throttled(behaviour: Behaviour) -> Reply:
    if behaviour.throttle_status == TOO_MANY_REQUESTS:
        return page_of_status(TOO_MANY_REQUESTS, retry_after=behaviour.retry_after, delay=behaviour.latency)
    answer = Envelope(88, behaviour.throttle_words)
    return Reply(body=answer.encode(behaviour.wording, behaviour.spelling), code=88, delay=behaviour.latency)


def page_of_status(status: int, *, retry_after: str | None = None, delay: float = 0.0) -> Reply:
    """What a proxy in front of the vendor would answer; a redirect leads to another path of the same server."""
    headers = {"Retry-After": retry_after} if retry_after is not None else {}
    if status in REDIRECTS:
        headers["Location"] = PATH + "/moved"
    body = f"<html><body><h1>{status}</h1></body></html>".encode()
    return Reply(status, body, HTML, headers, delay=delay)


def reply(answer: Envelope, behaviour: Behaviour, fault: Fault | None = None) -> Reply:
    body = answer.encode(behaviour.wording, behaviour.spelling)
    whole = Reply(body=body, delay=behaviour.latency, code=answer.code)
    return whole if fault is None else _spoilt(whole, behaviour, fault)


def _spoilt(whole: Reply, behaviour: Behaviour, fault: Fault) -> Reply:
    if fault.kind == "throttled":
        return throttled(behaviour)
    if fault.kind == "status":
        return page_of_status(fault.status, retry_after=fault.retry_after, delay=whole.delay)
    changes: dict[str, dict[str, Any]] = {
        "html": {"body": BUSY_PAGE, "content_type": HTML, "code": None},
        "body": {"body": fault.body, "code": None},
        "half_json": {"body": whole.body[: len(whole.body) // 2]},
        "reset": {"manner": "reset", "code": None},
        "cut_short": {"manner": "cut_short"},
        "trickle": {"manner": "trickle", "pause": fault.seconds},
        "slow": {"delay": whole.delay + fault.seconds},
    }
    return replace(whole, **changes.get(fault.kind, {}))
