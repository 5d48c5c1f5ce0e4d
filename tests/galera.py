"""A node of a Galera cluster: one that is alone works, one that looks for others in vain has lost its quorum."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pymysql
import sqlalchemy as sa

from tests import servers
from tests.running import wait_until

LIBRARY = Path("/usr/lib/galera/libgalera_smm.so")


@contextlib.contextmanager
def galera() -> Iterator[servers.Mariadb]:
    """The system's MariaDB as the only node of a cluster."""
    if not LIBRARY.exists():
        raise servers.NotHere("Galera is not on this machine: apt-get install galera-4")
    provider = f"gcache.size=1M;gmcast.listen_addr=tcp://127.0.0.1:{servers.free_port()}"
    options = f"--wsrep-on=ON --wsrep-provider={LIBRARY} --wsrep-cluster-address=gcomm://"
    options += " --wsrep-node-address=127.0.0.1 --binlog-format=ROW --innodb-autoinc-lock-mode=2"
    with servers.mariadb(*options.split(), f"--wsrep-provider-options={provider}") as server:
        yield server


@contextlib.contextmanager
def without_quorum(url: sa.URL) -> Iterator[None]:
    """As long as this lasts, the node looks for a cluster where none is, and refuses whatever reads or writes."""
    _join(url, f"127.0.0.1:{servers.free_port()}?pc.wait_prim=no", ready="OFF")
    try:
        yield
    finally:
        _join(url, "", ready="ON")


def _join(url: sa.URL, others: str, ready: str) -> None:
    # Not by SQLAlchemy, which first asks what only a node with a quorum answers.
    given = {"host": url.host, "port": url.port, "user": url.username, "password": url.password}
    with contextlib.closing(pymysql.connect(**given)) as connection, connection.cursor() as cursor:
        cursor.execute(f"SET GLOBAL wsrep_cluster_address = 'gcomm://{others}'")

        def is_so() -> bool:
            cursor.execute("SHOW STATUS LIKE 'wsrep_ready'")
            return cursor.fetchone() == ("wsrep_ready", ready)

        wait_until(is_so)
