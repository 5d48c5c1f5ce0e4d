"""A TCP proxy that falls silent: from then on it accepts everything, forwards nothing, and closes nothing."""

from __future__ import annotations

import contextlib
import re
import selectors
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import sqlalchemy as sa

How = Literal["swallowed", "answer lost"]
COMMIT = rb"(?<!ON )COMMIT"
"""The statement itself, not the clause of a temporary table."""


class BlackHole:
    """Sits in front of the server of `url`; falls silent at the `at`-th client message that contains `pattern`.

    A message counts while `when` is true, and if its client has sent one that contains `following` since its last
    one with `pattern`: this shows which transaction a COMMIT ends. "swallowed": the server does not receive that
    message. "answer lost": the server receives it, but its answer is not passed on. `note`: a file that exists
    from then on.
    """

    def __init__(
        self,
        url: sa.URL,
        pattern: bytes = COMMIT,
        at: int = 1,
        *,
        following: bytes = b"",
        when: Callable[[], bool] = lambda: True,
        how: How = "swallowed",
        note: Path | None = None,
    ) -> None:
        self.silent = threading.Event()
        self._note = note
        self._target = (url.host, url.port)
        self._pattern, self._at, self._when, self._how = re.compile(pattern), at, when, how
        self._following = re.compile(following)
        self._followed: set[socket.socket] = set()
        self._seen = 0
        self._selector = selectors.DefaultSelector()
        self._peers: dict[socket.socket, socket.socket] = {}
        self._clients: set[socket.socket] = set()
        self._closing = threading.Event()

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name="black hole")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._thread.join()
        for sock in (self._listener, *self._peers):
            sock.close()
        self._selector.close()

    def before(self, url: sa.URL) -> sa.URL:
        """The same database, seen through this proxy."""
        return url.set(port=self._listener.getsockname()[1])

    def _run(self) -> None:
        while not self._closing.is_set():
            for key, _ in self._selector.select(0.05):
                sock = key.fileobj
                assert isinstance(sock, socket.socket)
                if sock is self._listener:
                    self._accept()
                else:
                    self._pass_on(sock)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        server = socket.create_connection(self._target)
        self._clients.add(client)
        for one, other in ((client, server), (server, client)):
            self._peers[one] = other
            self._selector.register(one, selectors.EVENT_READ)

    def _pass_on(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            message = sock.recv(65536)
            if not message:
                self._selector.unregister(sock)
            if self._may_pass(sock, message):
                self._peers[sock].sendall(message) if message else self._peers[sock].shutdown(socket.SHUT_WR)

    def _may_pass(self, sock: socket.socket, message: bytes) -> bool:
        if self.silent.is_set():
            return False
        if sock in self._clients and self._counts(sock, message):
            self._seen += 1
            if self._seen == self._at:
                self._fall_silent()
                return self._how == "answer lost"
        return True

    def _fall_silent(self) -> None:
        self.silent.set()
        if self._note:
            self._note.touch()

    def _counts(self, sock: socket.socket, message: bytes) -> bool:
        if self._following.search(message):
            self._followed.add(sock)
        if sock not in self._followed or not self._pattern.search(message):
            return False
        self._followed.discard(sock)
        return self._when()
