from __future__ import annotations

import gzip
import socket
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any

import pytest

from etl.errors import Misconfigured
from etl.vendor.outcomes import Trouble
from etl.vendor.signing import Signature
from etl.vendor.transport import MAX_ANSWER_BYTES, Answer
from etl.web.address import is_loopback
from tests.running import HANG
from tests.vendor.vendor import CERTIFICATE, KEY, Reply, Vendor, post, transport

AUTH = Signature("key", "secret")


def test_an_answer() -> None:
    with Vendor(Reply(b'{"code":0}', date="Tue, 14 Nov 2023 22:13:20 GMT")) as vendor:
        answer = post(vendor.url, now=lambda: 1_700_000_001.25)
    assert (answer.status, answer.body, answer.trouble) == (200, b'{"code":0}', None)
    assert answer.clock_difference == -0.75
    [request] = vendor.requests
    assert (request.path, request.body) == ("/api/number/query", b'{"page":1}')
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["User-Agent"].startswith("numbercheck-etl")
    assert request.headers["accessKey"] == KEY


def test_connections_are_used_again() -> None:
    with Vendor(b"{}") as vendor, transport(vendor.url) as sending:
        for _ in range(5):
            assert sending.post(b"{}", AUTH, HANG).status == 200
    assert vendor.connections == 1


def test_a_request_leaves_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []
    real = HTTPConnection.send
    monkeypatch.setattr(HTTPConnection, "send", lambda self, data: (sent.append(data), real(self, data))[1])
    with Vendor(b"{}") as vendor, transport(vendor.url) as sending:
        for body in (b'{"page":1}', b'{"page":22}'):
            sending.post(body, AUTH, HANG)
    assert [data.partition(b"\r\n\r\n")[2] for data in sent] == [b'{"page":1}', b'{"page":22}']
    assert [request.headers["Content-Length"] for request in vendor.requests] == ["10", "11"]


def test_each_request_is_signed_by_itself() -> None:
    with Vendor(b"{}") as vendor, transport(vendor.url) as sending:
        for number in range(3):
            sending.post(b"%d" % number, Signature(f"key{number}", "secret"), HANG)
    assert [request.headers["accessKey"] for request in vendor.requests] == ["key0", "key1", "key2"]
    assert len({request.headers["sign"] for request in vendor.requests}) == 3


def test_a_cookie_is_sent_back() -> None:
    """A load balancer in front of the vendor may keep its clients apart by it."""
    cookie = Reply(b"{}", headers={"Set-Cookie": "node=7; Path=/"})
    with Vendor(cookie, b"{}") as vendor, transport(vendor.url) as sending:
        for _ in range(3):
            sending.post(b"{}", AUTH, HANG)
    assert [request.headers.get("Cookie") for request in vendor.requests] == [None, "node=7", "node=7"]


def test_connections_are_made_anew_after_they_were_closed() -> None:
    with Vendor(b"{}") as vendor, transport(vendor.url) as sending:
        for _ in range(2):
            assert sending.post(b"{}", AUTH, HANG).status == 200
            sending.close()
    assert vendor.connections == 2


def test_many_threads_at_once_keep_as_many_connections() -> None:
    """No request is answered before all eight threads have sent theirs, and they do that twice."""
    everybody = threading.Barrier(8)

    class Together(Vendor):
        def reply(self) -> Reply:
            everybody.wait(HANG)
            return super().reply()

    with Together(b"{}") as vendor, transport(vendor.url, 8) as sending, ThreadPoolExecutor(8) as pool:
        for _ in range(2):
            found = list(pool.map(lambda _: sending.post(b"{}", AUTH, HANG).body, range(8)))
            assert found == [b"{}"] * 8
    assert vendor.connections == 8


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 500


def closing(text: bytes, reset: bool = False) -> Reply:
    def write(handler: Any) -> None:
        handler.wfile.write(text)
        if reset:
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            handler.connection.close()

    return Reply(raw=write)


@pytest.mark.parametrize(
    ("reply", "status", "trouble"),
    [
        (closing(b""), None, Trouble.BROKEN_OFF),
        (closing(b"", reset=True), None, Trouble.BROKEN_OFF),
        (closing(b"HTTP/1.1 200 OK\r\nContent-"), 200, None),
        (closing(HEAD + b"half"), 200, Trouble.BROKEN_OFF),
        (closing(HEAD + b"half", reset=True), None, Trouble.BROKEN_OFF),
        (closing(CHUNKED[:80]), 200, Trouble.BROKEN_OFF),
        (closing(b"SSH-2.0-OpenSSH\r\n"), None, Trouble.BROKEN_OFF),
        (closing(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"), None, Trouble.BROKEN_OFF),
        (closing(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000), None, Trouble.BROKEN_OFF),
        (closing(b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\nx"), None, Trouble.BROKEN_OFF),
        (closing(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), 200, Trouble.BROKEN_OFF),
        (Reply(b"no gzip", headers={"Content-Encoding": "gzip"}), 200, Trouble.NOT_DECODABLE),
    ],
)
def test_broken_answers(reply: Reply, status: int | None, trouble: Trouble | None) -> None:
    with Vendor(reply) as vendor:
        answer = post(vendor.url)
    assert answer.trouble is trouble
    assert answer.body == b""
    assert status is None or answer.status == status


def test_what_broke_off_keeps_its_status_and_headers() -> None:
    late = closing(b"HTTP/1.1 503 Busy\r\nRetry-After: 9\r\nContent-Length: 9\r\n\r\nx")
    with Vendor(late) as vendor:
        answer = post(vendor.url)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "9")


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_compressed_answers(encoding: str) -> None:
    compress = gzip.compress if encoding == "gzip" else zlib.compress
    with Vendor(Reply(compress(b'{"code":0}'), headers={"Content-Encoding": encoding})) as vendor:
        assert post(vendor.url).body == b'{"code":0}'
    assert vendor.requests[0].headers["Accept-Encoding"] == "gzip, deflate"


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    ("size", "trouble"), [(MAX_ANSWER_BYTES, None), (MAX_ANSWER_BYTES + 1, Trouble.TOO_LARGE)]
)
def test_the_size_limit_counts_decompressed_bytes(compressed: bool, size: int, trouble: Trouble | None) -> None:
    body = bytes(size)
    headers = {"Content-Encoding": "gzip"} if compressed else {}
    with Vendor(Reply(gzip.compress(body, 1) if compressed else body, headers=headers)) as vendor:
        answer = post(vendor.url)
    assert answer.trouble is trouble
    assert len(answer.body) == (size if trouble is None else 0)


def test_an_answer_without_end_is_given_up() -> None:
    def write(handler: Any) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not handler.server.ended.is_set():
            handler.wfile.write(bytes(2**20))

    with Vendor(Reply(raw=write)) as vendor:
        assert post(vendor.url).trouble is Trouble.TOO_LARGE


@pytest.mark.parametrize("location", ["/other", "ftp://nowhere.invalid/", "http://[broken", None])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int, location: str | None) -> None:
    headers = {} if location is None else {"Location": location}
    with Vendor(Reply(b"moved", status, headers)) as vendor:
        answer = post(vendor.url)
    assert (answer.status, answer.body, len(vendor.requests)) == (status, b"moved", 1)
    assert answer.headers.get("Location") == location


def test_a_redirect_with_a_huge_body_is_not_read_to_its_end() -> None:
    with Vendor(Reply(bytes(MAX_ANSWER_BYTES + 1), 302, {"Location": "/other"})) as vendor:
        assert post(vendor.url).trouble is Trouble.TOO_LARGE


def test_nobody_listens(closed_port: int) -> None:
    answer = post(f"http://127.0.0.1:{closed_port}/")
    assert (answer.status, answer.trouble, answer.reason) == (
        None,
        Trouble.NO_CONNECTION,
        "Connection refused",
    )


def test_a_host_that_nobody_knows() -> None:
    answer = post("http://vendor.invalid/")
    assert (answer.trouble, answer.reason) == (Trouble.NO_CONNECTION, "Name or service not known")


def test_each_address_of_a_host_is_tried() -> None:
    """`localhost` often means ::1 first, where nothing listens here."""
    with Vendor(b"{}") as vendor:
        assert post(vendor.url.replace("127.0.0.1", "localhost")).body == b"{}"


def test_tls_certificates_are_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    with Vendor(b"{}", tls=True) as vendor:
        answer = post(vendor.url)
        assert (answer.status, answer.trouble) == (None, Trouble.TLS)
        assert "self-signed certificate" in answer.reason
        assert vendor.requests == []
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATE))
        assert post(vendor.url).body == b"{}"
        assert post(vendor.url.replace("127.0.0.1", "localhost")).trouble is Trouble.TLS


def test_certificates_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    with Vendor(b"{}", tls=True) as vendor, pytest.raises(Misconfigured, match="REQUESTS_CA_BUNDLE"):
        post(vendor.url)


def test_certificates_that_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", __file__)
    with Vendor(b"{}", tls=True) as vendor:
        assert post(vendor.url).trouble is Trouble.TLS


def test_https_where_plain_http_answers() -> None:
    with Vendor(b"{}") as vendor:
        assert post(vendor.url.replace("http:", "https:")).trouble is Trouble.TLS


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1/",
        "http://",
        "127.0.0.1/x",
        "http://127.0.0.1:99999/",
        "http://*.invalid/",
    ],
)
def test_urls_that_cannot_be_used(url: str) -> None:
    with pytest.raises(Misconfigured, match="NUMBERCHECK_API_URL"):
        post(url)


def test_a_netrc_does_not_get_in_the_way(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with Vendor(b"{}") as vendor:
        post(vendor.url)
    assert vendor.requests[0].headers["accessKey"] == KEY
    assert "Authorization" not in vendor.requests[0].headers


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with Vendor(b"{}") as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert post("http://vendor.invalid/path").body == b"{}"
    assert proxy.requests[0].path == "http://vendor.invalid/path"


def test_but_not_for_this_machine_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with Vendor(b"{}") as vendor:
        assert post(vendor.url).body == b"{}"


def test_a_proxy_that_refuses_the_tunnel(monkeypatch: pytest.MonkeyPatch) -> None:
    with Vendor(b"{}") as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        answer = post("https://vendor.invalid/path")
    assert (answer.status, answer.trouble) == (None, Trouble.PROXY)


@pytest.mark.parametrize("proxy", ["ftp://x", "http://", "socks5://127.0.0.1:1"])
def test_proxies_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    with pytest.raises(Misconfigured, match="HTTP_PROXY"):
        post("http://vendor.invalid/")


@pytest.mark.parametrize(
    ("date", "difference"),
    [
        ("Tue, 14 Nov 2023 22:13:20 GMT", 1_700_000_000.5),
        ("Tue, 14 Nov 2023 22:13:20 -0000", 1_700_000_000.5),
        ("now", None),
        (None, None),
    ],
)
def test_the_clock_difference(date: str | None, difference: float | None) -> None:
    headers = {} if date is None else {"Date": date}
    assert Answer(200, headers, received_at=0.0).clock_difference == difference


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:8080/x", True),
        ("http://127.9.9.9/", True),
        ("http://[::1]:80/", True),
        ("http://localhost/", True),
        ("http://LOCALHOST:1/", True),
        ("http://api.localhost/", True),
        ("http://localhost.:80/", True),
        ("http://[::ffff:127.0.0.1]/", True),
        ("http://[::ffff:10.0.0.1]/", False),
        ("http://localhost.example/", False),
        ("http://10.0.0.1/", False),
        ("http://user@127.0.0.1@example.org/", False),
        ("http://0.0.0.0/", False),
        ("", False),
    ],
)
def test_which_hosts_are_this_machine(url: str, loopback: bool) -> None:
    assert is_loopback(url) is loopback
