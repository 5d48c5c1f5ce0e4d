"""A PostgreSQL of tests/servers.py that is stopped and started again in its directory, at its port."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from tests import servers
from tests.running import wait_until


class Restarting:
    """The server behind `server`; PostgreSQL's own files in its directory say how it was started."""

    def __init__(self, server: servers.Postgresql) -> None:
        self._admin = sa.create_engine(server.create().set(database="postgres"), poolclass=sa.NullPool)
        with self._admin.connect() as connection:
            self._data = Path(connection.exec_driver_sql("SHOW data_directory").scalar_one())
        self._command = shlex.split((self._data / "postmaster.opts").read_text())
        self._again: subprocess.Popen[bytes] | None = None

    def stop(self) -> None:
        """Shut it down as `pg_ctl stop -m fast` does: what is not committed is rolled back, every session ends."""
        noted = self._data / "postmaster.pid"
        os.kill(int(noted.read_text().split()[0]), signal.SIGINT)
        wait_until(lambda: not noted.exists())
        if self._again is not None:
            self._again.wait()

    def start(self) -> None:
        """Start it again, and wait until it answers."""
        with (self._data.parent / "log").open("ab") as log:
            self._again = subprocess.Popen(self._command, stdout=log, stderr=log, cwd="/", **servers.OTHER_USER)
        wait_until(self._answers)

    def _answers(self) -> bool:
        try:
            self._admin.connect().close()
        except sa.exc.OperationalError:
            return False
        return True

    def close(self) -> None:
        """Stop it for good."""
        if self._again is not None:
            self._again.send_signal(signal.SIGINT)
            self._again.wait()


@contextlib.contextmanager
def postgresql() -> Iterator[tuple[servers.Postgresql, Restarting]]:
    """A separate server, which a test may stop and break. Raises servers.NotHere."""
    with servers.postgresql() as server:
        restarting = Restarting(server)
        try:
            yield server, restarting
        finally:
            restarting.close()
