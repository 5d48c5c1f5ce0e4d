from __future__ import annotations

import pytest

from etl.web import bounded
from tests.clocks import HandSet
from tests.ports import closed_port

__all__ = ["closed_port"]


@pytest.fixture(autouse=True)
def _no_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests must not depend on the proxy, netrc and certificates of the person who runs them."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("NETRC", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> HandSet:
    """The clock that the time limits of requests are measured by."""
    clock = HandSet()
    monkeypatch.setattr(bounded, "monotonic", clock)
    return clock
