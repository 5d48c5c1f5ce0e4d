"""Figures to a Prometheus Pushgateway, for runs on hosts that come and go."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from urllib.parse import unquote, urlsplit

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import pushadd_to_gateway

from etl.report.send import send

JOB = "numbercheck"
PUSH_SECONDS = 10.0

Login = tuple[str, str] | None


def push(url: str, account: str, registry: CollectorRegistry) -> None:
    """Replace the figures of this account that `registry` holds; others stay. Raises Unsent."""
    address, login = without_login(url)
    handler = partial(_handler, login)
    pushadd_to_gateway(address, JOB, registry, {"account": account}, timeout=PUSH_SECONDS, handler=handler)


def without_login(url: str) -> tuple[str, Login]:
    """The URL without user and password, and the pair of them (None if the URL names no user)."""
    parts = urlsplit(url)
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
    if parts.username is None:
        return bare, None
    return bare, (unquote(parts.username), unquote(parts.password or ""))


def _handler(
    login: Login, url: str, method: str, timeout: float | None, headers: list[tuple[str, str]], data: bytes
) -> Callable[[], None]:
    """The handler for prometheus-client. Its own follows a redirect of a POST with a GET, which pushes nothing."""
    return partial(send, method, url, timeout or PUSH_SECONDS, data=data, headers=dict(headers), auth=login)
