"""What requests take from the environment: proxies and CA certificates, and nothing else."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from etl.report import ping, push, send
from etl.web.bounded import BoundedSession, limit
from tests.report.receiver import Receiver
from tests.vendor.vendor import GOOD, Reply, Vendor, ask, post


@pytest.fixture(params=["HOME", "NETRC"])
def _with_netrc(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file with a login for every host, where requests would look for it."""
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login me password mine\ndefault login me password mine\n")
    netrc.chmod(0o600)
    monkeypatch.delenv("NETRC", raising=False)
    monkeypatch.setenv(request.param, str(netrc if request.param == "NETRC" else tmp_path))


SENT: dict[str, Callable[[str], None]] = {
    "ping": lambda url: ping.end(url, 0),
    "start": ping.start,
    "push": lambda url: push.push(url, "default", CollectorRegistry()),
    "send": lambda url: send.send("GET", url, 60.0),
}


@pytest.mark.usefixtures("_with_netrc")
@pytest.mark.parametrize("kind", SENT)
def test_no_login_of_netrc_is_sent(kind: str) -> None:
    with Receiver().running() as receiver:
        SENT[kind](receiver.url)
    assert ["Authorization" in request.headers for request in receiver.requests] == [False]


@pytest.mark.usefixtures("_with_netrc")
@pytest.mark.parametrize("kind", SENT)
def test_the_login_that_a_url_names_is_sent(kind: str) -> None:
    with Receiver().running() as receiver:
        SENT[kind](receiver.url.replace("://", "://some:one%40here@"))
    (request,) = receiver.requests
    assert request.headers["Authorization"] == "Basic " + base64.b64encode(b"some:one@here").decode()


@pytest.mark.usefixtures("_with_netrc")
def test_no_login_of_netrc_is_sent_to_the_vendor() -> None:
    _, vendor = ask(GOOD)
    assert [name for name in vendor.requests[0].headers if name.lower() == "authorization"] == []


def test_a_proxy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with Vendor(Reply(GOOD)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.removesuffix("/api/number/query"))
        answer = post("http://vendor.invalid/api", 60.0)
    assert (answer.status, proxy.requests[0].path) == (200, "http://vendor.invalid/api")


def test_one_session_for_several_addresses() -> None:
    with Vendor(b"one") as one, Vendor(b"two") as two, BoundedSession(1) as session:
        for vendor, body in ((one, b"one"), (two, b"two"), (two, b"two"), (one, b"one")):
            limit.begin(60.0)
            assert session.post(vendor.url, data=b"{}", timeout=60.0).content == body


def test_one_session_with_and_without_a_proxy() -> None:
    with Vendor(b"itself") as vendor, Vendor(b"proxy") as proxy, BoundedSession(1) as session:
        named = {"http": proxy.url}
        for proxies, body in (({}, b"itself"), (named, b"proxy"), ({}, b"itself")):
            limit.begin(60.0)
            assert session.post(vendor.url, data=b"{}", timeout=60.0, proxies=proxies).content == body
