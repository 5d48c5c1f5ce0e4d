"""One small HTTP request. Of its answer, only the status matters."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from urllib.parse import urlsplit

import requests

from etl.report.unsent import Unsent
from etl.report.within import within
from etl.version import DISTRIBUTION, version
from etl.web.address import is_loopback
from etl.web.bounded import BROKEN, UNUSABLE_URL, BoundedSession, limit

# The first line that matches decides. Error texts of requests and urllib3 hold URLs, so none is passed on.
WORDS: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((requests.Timeout, TimeoutError), "no answer in time"),
    ((requests.exceptions.ProxyError,), "the proxy does not let the request through"),
    ((requests.exceptions.SSLError,), "TLS failed"),
    (UNUSABLE_URL, "the address cannot be used"),
    (BROKEN, "there was no connection, or it broke off"),
)


def send(
    method: str,
    url: str,
    seconds: float,
    *,
    data: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    auth: tuple[str, str] | None = None,
) -> None:
    """Send it within `seconds`, and check that it was accepted (2xx). Follows no redirect. Raises Unsent."""
    try:
        status = within(seconds, partial(_status, method, url, seconds, data, headers or {}, auth))
    except (*UNUSABLE_URL, *BROKEN) as error:
        words = next(words for kinds, words in WORDS if isinstance(error, kinds))
        raise Unsent(words, again=not isinstance(error, UNUSABLE_URL)) from None
    if not 200 <= status < 300:
        redirect = ", a redirect, which is not followed" if 300 <= status < 400 else ""
        raise Unsent(f"the answer is HTTP {status}{redirect}", again=status >= 500 or status == 429)


def _status(
    method: str,
    url: str,
    seconds: float,
    data: bytes | None,
    headers: Mapping[str, str],
    auth: tuple[str, str] | None,
) -> int:
    limit.begin(seconds)
    # A proxy named in the environment cannot reach this machine's own loopback addresses.
    proxies = {"no_proxy": urlsplit(url).hostname or ""} if is_loopback(url) else None
    named = {"User-Agent": f"{DISTRIBUTION}/{version()}", **headers}
    with BoundedSession(1) as session:
        response = session.request(
            method,
            url,
            data=data,
            headers=named,
            auth=auth,
            timeout=seconds,
            allow_redirects=False,
            stream=True,
            proxies=proxies,
        )
        with response:
            return response.status_code
