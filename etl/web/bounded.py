"""A requests session that limits how long each request takes as a whole.

The timeout of the requests library applies to each read: an answer that trickles in byte by byte never exceeds it.
Here everything that a request waits for, from the connection to the last byte, shares one limit.
"""

from __future__ import annotations

import http.client
import io
import socket
import threading
from time import monotonic
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from requests.cookies import extract_cookies_to_jar
from requests.structures import CaseInsensitiveDict
from requests.utils import get_auth_from_url
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, ProxyManager
from urllib3 import exceptions as urllib3_errors
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.connection import allowed_gai_family, create_connection

from etl.web.processor import PROCESSOR

READ_AHEAD = 64 * 1024
"""Bytes that are received at once: a usual page of rows comes in one piece."""
UNUSABLE_URL = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
    urllib3_errors.LocationValueError,
)
BROKEN = (requests.RequestException, urllib3_errors.HTTPError, http.client.HTTPException, OSError)
"""The errors that a request may raise."""


class Limit(threading.local):
    """When the present request of this thread must have ended, on the monotonic clock."""

    until = 0.0

    def begin(self, seconds: float) -> None:
        """A request of this thread begins now and must end within `seconds`."""
        self.until = monotonic() + seconds

    def seconds_left(self) -> float:
        left = self.until - monotonic()
        if left <= 0:
            raise TimeoutError("the request took too long")
        return left


limit = Limit()


class _Reader(io.RawIOBase):
    """Reads from a socket within the limit: a socket's own timeout starts again with each byte."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase) -> None:
        self._sock = sock
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(limit.seconds_left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Reader(sock, self.fp.detach()), READ_AHEAD)


class _InOnePiece(HTTPConnection):
    """Sends head and body of a request together: waking the other side once is enough."""

    _held: list[bytes] | None = None

    def request(self, *args: Any, **kwargs: Any) -> None:
        held = self._held = list[bytes]()
        try:
            with PROCESSOR:
                super().request(*args, **kwargs)
        finally:
            self._held = None
        self.send(b"".join(held))

    def send(self, data: Any) -> None:
        if self._held is None:
            super().send(data)
        else:
            self._held.append(data)


class _HTTPConnection(_InOnePiece):
    response_class = _Response

    def _new_conn(self) -> socket.socket:
        return _connect(self, self._dns_host)


class _HTTPSConnection(_InOnePiece, HTTPSConnection):
    response_class = _Response

    def _new_conn(self) -> socket.socket:
        return _connect(self, self._dns_host)


def _connect(connection: HTTPConnection, host: str) -> socket.socket:
    """Like urllib3's function, which gives the whole timeout to each address of the host; here they share it."""
    error: OSError = OSError("the host has no address")
    try:
        addresses = socket.getaddrinfo(host.strip("[]"), connection.port, allowed_gai_family(), socket.SOCK_STREAM)
        for *_, address in addresses:
            try:
                sock = create_connection(
                    (str(address[0]), connection.port),
                    limit.seconds_left(),
                    socket_options=connection.socket_options,
                )
                sock.settimeout(limit.seconds_left())  # a TLS handshake comes next
                return sock
            except OSError as failure:
                error = failure
        raise error
    except UnicodeError:
        raise urllib3_errors.LocationParseError(host) from None
    except socket.gaierror as failure:
        raise urllib3_errors.NameResolutionError(host, connection, failure) from failure
    except TimeoutError as failure:
        raise urllib3_errors.ConnectTimeoutError(connection, "timed out") from failure
    except OSError as failure:
        raise urllib3_errors.NewConnectionError(connection, "no connection") from failure


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


POOLS: dict[str, type[HTTPConnectionPool]] = {"http": _HTTPPool, "https": _HTTPSPool}


class _Adapter(HTTPAdapter):
    _latest: tuple[tuple[object, ...], Any] | None = None  # the question and its answer

    def get_connection_with_tls_context(self, request: Any, *surroundings: Any, **more: Any) -> Any:
        """The pool for this URL: the one of the request before, if that was like this one."""
        alike = (request.url, surroundings, more)
        if (latest := self._latest) and latest[0] == alike:
            return latest[1]
        pool = super().get_connection_with_tls_context(request, *surroundings, **more)
        self._latest = alike, pool
        return pool

    def close(self) -> None:
        self._latest = None  # a pool closes its connections when nothing refers to it any more
        super().close()

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        """Status, headers and body, and nothing that takes a look into them."""
        response = requests.Response()
        response.status_code = resp.status
        response.headers = CaseInsensitiveDict(resp.headers)
        response.raw = resp
        return response

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        if isinstance(manager, ProxyManager):
            manager.pool_classes_by_scheme = POOLS
        return manager


def _login_of_the_url(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Send the user and password that the URL names, if any. Without this, requests would look into ~/.netrc."""
    login = get_auth_from_url(request.url or "")
    return HTTPBasicAuth(*login)(request) if any(login) else request


class BoundedSession(requests.Session):
    """Keeps up to `connections` connections per host. Call `limit.begin` before each request.

    Of the environment, it uses proxies and CA certificates, and nothing else.
    """

    def __init__(self, connections: int) -> None:
        super().__init__()
        self.auth = _login_of_the_url
        adapter = _Adapter(pool_connections=2, pool_maxsize=connections)
        self.mount("http://", adapter)
        self.mount("https://", adapter)

    def send(self, request: requests.PreparedRequest, **how: Any) -> requests.Response:
        """Send it once, and return what comes as it is, not read yet.

        No redirect is followed, and none prepared: requests would read the whole body for that, whatever its size.
        """
        how.pop("allow_redirects", None)
        response = self.get_adapter(request.url or "").send(request, **how)
        if "Set-Cookie" in response.headers:
            extract_cookies_to_jar(self.cookies, request, response.raw)  # type: ignore[no-untyped-call]
        return response
