"""Debian's PgBouncer before a PostgreSQL of the tests, in a directory that is removed with it."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import sqlalchemy as sa

from tests import servers
from tests.running import wait_until

# As Debian configures it, apart from the addresses: anything that is taken from a session has to work with this.
SETTINGS = """\
[databases]
* = host={url.host} port={url.port}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {directory}/users
pool_mode = {mode}
"""


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


@contextlib.contextmanager
def pgbouncer(url: sa.URL, mode: str, further: str = "") -> Iterator[sa.URL]:
    """A URL for the same database that goes through PgBouncer, which pools by "session", "transaction" or "statement".

    `further`: lines of its settings.
    """
    program = servers.find_program("pgbouncer")
    if program is None:
        raise servers.NotHere("PgBouncer is not on this machine: apt-get install pgbouncer")
    with servers.own_directory() as directory:
        port = servers.free_port()
        (directory / "users").write_text(f'"{url.username}" "{url.password}"\n')
        (directory / "settings").write_text(
            SETTINGS.format(url=url, port=port, directory=directory, mode=mode) + further + "\n", encoding="utf-8"
        )
        for name in ("users", "settings"):
            servers.hand_over(directory / name)
        with servers.process_of([program, directory / "settings"], directory):
            through = url.set(port=port)
            wait_until(lambda: _answers(port))
            yield through
