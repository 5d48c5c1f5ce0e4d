"""One POST to the vendor, limited as a whole: in time, even if single bytes trickle in, and in size."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3 import exceptions as urllib3_errors

from etl.errors import Misconfigured
from etl.vendor.backoff import http_date
from etl.vendor.outcomes import Trouble
from etl.vendor.signing import Signature
from etl.web.address import is_loopback
from etl.web.bounded import BROKEN, UNUSABLE_URL, BoundedSession, limit

MAX_ANSWER_BYTES = 16 * 1024 * 1024
"""The limit of one answer, decompressed: hundreds of times the size of a page of 100 rows."""

READ_BYTES = 64 * 1024
LARGE_BYTES = MAX_ANSWER_BYTES // 4
"""More of an answer is received only in its turn. The largest page of rows that anybody saw is half as large."""

BAD_URL = (
    "No request can be sent: NUMBERCHECK_API_URL, or a proxy's URL in HTTP_PROXY, HTTPS_PROXY or ALL_PROXY, is not"
    " usable.",
    "correct it.",
)
NO_CERTIFICATES = (
    "No request can be sent: REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE names certificates that do not exist.",
    "correct or unset it.",
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `status` None: nothing. `trouble` says what went wrong, `reason` how the system puts it.

    `received_at` is this machine's time, in seconds since the epoch, at which the headers had arrived.
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    trouble: Trouble | None = None
    reason: str = ""
    received_at: float = 0.0

    @property
    def clock_difference(self) -> float | None:
        """Seconds by which the server's clock is ahead of this machine's, by its `Date`; None if it sends none."""
        sent_at = http_date(self.headers.get("Date"))
        return None if sent_at is None else sent_at + 0.5 - self.received_at  # Date is cut to whole seconds


class Transport:
    """Sends to one URL over pooled connections. Thread-safe.

    `now` returns this machine's time, in seconds since the epoch.
    """

    def __init__(self, url: str, connections: int, now: Callable[[], float] = time.time) -> None:
        self._url = url
        self._now = now
        self._session = BoundedSession(connections)
        self._session.headers.update(
            {
                "User-Agent": _user_agent(),
                "Content-Type": "application/json",
                "Accept": "application/json",
                "Accept-Encoding": "gzip, deflate",
            }
        )

    def post(
        self, body: bytes, auth: Signature, seconds: float, when_large: Callable[[], None] = lambda: None
    ) -> Answer:
        """The answer within `seconds`, or why none came; looking up a host name may take longer.

        `when_large` is called before the greater part of a large answer is received; it may wait, or raise.
        Raises Misconfigured if the URL, a proxy's URL or the environment's CA certificates cannot be used.
        """
        limit.begin(seconds)
        try:
            response = self._session.send(self._signed(body, auth), timeout=seconds, **self._surroundings)
        except UNUSABLE_URL:
            raise Misconfigured(*BAD_URL) from None
        except BROKEN as error:
            if type(error) is OSError:  # errors of the network come wrapped
                raise Misconfigured(*NO_CERTIFICATES) from None
            return Answer(trouble=_trouble(error), reason=_reason(error))
        with response:
            received_at = self._now()
            content, trouble, reason = _content(response, when_large)
            return Answer(response.status_code, response.headers, content, trouble, reason, received_at)

    def close(self) -> None:
        self._session.close()

    def _signed(self, body: bytes, auth: Signature) -> requests.PreparedRequest:
        request = self._blank.copy()
        request.body = body
        request.headers["Content-Length"] = str(len(body))
        if self._session.cookies:
            request.prepare_cookies(self._session.cookies)
        return auth(request)

    @cached_property
    def _blank(self) -> requests.PreparedRequest:
        """What is the same about all requests; preparing that takes longer than all the rest of one."""
        return self._session.prepare_request(requests.Request("POST", self._url, auth=_unsigned))

    @cached_property
    def _surroundings(self) -> dict[str, Any]:
        """Proxies and certificates that the environment names."""
        # A proxy that the environment names cannot reach this machine's own loopback addresses.
        proxies = {"no_proxy": urlsplit(self._url).hostname or ""} if is_loopback(self._url) else {}
        return dict(self._session.merge_environment_settings(self._url, proxies, True, None, None))


def _unsigned(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


TROUBLES: tuple[tuple[Trouble, tuple[type[BaseException], ...]], ...] = (
    (Trouble.PROXY, (requests.exceptions.ProxyError, urllib3_errors.ProxyError)),
    (Trouble.NO_CONNECTION, (urllib3_errors.NewConnectionError,)),
    (Trouble.TIMED_OUT, (requests.Timeout, urllib3_errors.TimeoutError, TimeoutError)),
    (Trouble.TLS, (requests.exceptions.SSLError, urllib3_errors.SSLError)),
    (Trouble.NOT_DECODABLE, (requests.exceptions.ContentDecodingError, urllib3_errors.DecodeError)),
    (Trouble.BROKEN_OFF, (BaseException,)),
)
"""The first line that names a class of one of the error's causes decides."""


def _content(response: requests.Response, when_large: Callable[[], None]) -> tuple[bytes, Trouble | None, str]:
    content = io.BytesIO()  # gives its bytes away without a copy
    try:
        for chunk in response.raw.stream(READ_BYTES, decode_content=True):
            if content.tell() + len(chunk) > LARGE_BYTES:
                when_large()
            content.write(chunk)
            if content.tell() > MAX_ANSWER_BYTES:
                return b"", Trouble.TOO_LARGE, f"over {MAX_ANSWER_BYTES // 2**20} MiB"
    except BROKEN as error:
        return b"", _trouble(error), _reason(error)
    return content.getvalue(), None, ""


def _trouble(error: BaseException) -> Trouble:
    causes = list(_causes(error))
    return next(trouble for trouble, kinds in TROUBLES if any(isinstance(cause, kinds) for cause in causes))


def _reason(error: BaseException) -> str:
    """The system's words for the innermost cause; those of requests and urllib3 would contain URLs."""
    for cause in reversed(list(_causes(error))):
        words = getattr(cause, "verify_message", None) or getattr(cause, "strerror", None)
        if isinstance(words, str) and words:
            return words
    return ""


def _causes(error: object, depth: int = 10) -> Iterator[BaseException]:
    """The error and what it wraps: requests and urllib3 keep the cause in `args` or as `reason`."""
    if not isinstance(error, BaseException) or not depth:
        return
    yield error
    for inner in (*error.args, getattr(error, "reason", None), error.__cause__):
        yield from _causes(inner, depth - 1)


def _user_agent() -> str:
    try:
        return f"numbercheck-etl/{version('numbercheck-etl')}"
    except PackageNotFoundError:
        return "numbercheck-etl"
