"""Debian's PgBouncer before a PostgreSQL of the tests, in a directory that is removed with it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import sqlalchemy as sa

from tests import servers

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


@contextlib.contextmanager
def pgbouncer(url: sa.URL, mode: str) -> Iterator[sa.URL]:
    """A URL for the same database that goes through PgBouncer, which pools by "session" or "transaction"."""
    program = servers.find_program("pgbouncer")
    if program is None:
        raise servers.NotHere("PgBouncer is not on this machine: apt-get install pgbouncer")
    with servers.own_directory() as directory:
        port = servers.free_port()
        (directory / "users").write_text(f'"{url.username}" "{url.password}"\n')
        (directory / "settings").write_text(
            SETTINGS.format(url=url, port=port, directory=directory, mode=mode), encoding="utf-8"
        )
        for name in ("users", "settings"):
            servers.hand_over(directory / name)
        with servers.process_of([program, directory / "settings"], directory):
            through = url.set(port=port)
            with servers.administrator(through):  # waits until it answers
                pass
            yield through
