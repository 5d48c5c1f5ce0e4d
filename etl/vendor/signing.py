"""The vendor's five headers. The signature covers the exact bytes that are sent."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from requests import PreparedRequest

BIZ_TYPE = "1"
ACTION = "numbercheck"
DEFAULT_ALGORITHM = "md5"
ALGORITHMS = (DEFAULT_ALGORITHM, "sha256")
SIGNED_HEADERS = ("accessKey", "action", "bizType", "ts")  # in ASCII order, as the vendor hashes them


def sign(secret: str, headers: Mapping[str, str], body: bytes | None, algorithm: str = DEFAULT_ALGORITHM) -> str:
    """The signature (lower-case hexadecimal) of a request with these headers and this body.

    `headers` needs the four names in SIGNED_HEADERS, others are ignored; `ts` is milliseconds since the
    epoch. `body` is what goes over the wire, byte for byte; None or empty if there is none. `algorithm`
    is one of ALGORITHMS. Raises KeyError if a header is missing, ValueError for any other algorithm.
    """
    if algorithm not in ALGORITHMS:
        raise ValueError(f"the signature algorithm must be one of {', '.join(ALGORITHMS)}")
    text = "&".join(f"{name}={headers[name]}" for name in SIGNED_HEADERS).encode()
    if body:
        text += b"&body=" + body
    text += b"&accessSecret=" + secret.encode()
    return hashlib.new(algorithm, text, usedforsecurity=False).hexdigest()


class Signature:
    """Signs a request while requests prepares it. To send one again, prepare it again (new ts, new sign).

    `now` returns the vendor's time in seconds since the epoch.
    """

    def __init__(
        self,
        access_key: str,
        access_secret: str,
        algorithm: str = DEFAULT_ALGORITHM,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._key = access_key
        self._secret = access_secret
        self._algorithm = algorithm
        self._now = now

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        body = request.body.encode() if isinstance(request.body, str) else request.body
        if body is not None and not isinstance(body, bytes):
            raise TypeError("only a body of bytes or text can be signed")
        request.body = body
        headers = {
            "accessKey": self._key,
            "ts": str(int(self._now() * 1000)),
            "bizType": BIZ_TYPE,
            "action": ACTION,
        }
        headers["sign"] = sign(self._secret, headers, body, self._algorithm)
        if self._algorithm != DEFAULT_ALGORITHM:
            headers["algorithm"] = self._algorithm
        request.headers.update(headers)
        return request
