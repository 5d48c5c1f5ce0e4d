"""The command on a node of a Galera cluster (docs/operate/galera.md)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from tests.absent import own_server
from tests.cli.support import NOW, Command, real_time, rows
from tests.galera import galera, without_quorum

pytestmark = [pytest.mark.mariadb, pytest.mark.full]


@pytest.fixture
def node(inside: Command) -> Iterator[sa.URL]:
    """The database of a node that works; the command is told of it."""
    with own_server(galera) as server:
        url = server.create(at_head=True)
        inside.environment["NUMBERCHECK_DATABASE_URL"] = url_of(url)
        yield url


def url_of(url: sa.URL) -> str:
    return url.render_as_string(hide_password=False)


def test_a_node_that_works_and_one_that_lost_its_quorum(inside: Command, node: sa.URL) -> None:
    real_time(inside.vendor)
    told = inside("doctor").out
    assert (
        "ok    database: the server is a node of a Galera cluster (wsrep_on): all jobs must name this one" in told
    )
    assert inside.sync().result["rows"]["inserted"] == 370
    with without_quorum(node):
        for command in (["sync", "--now", NOW.isoformat()], ["status"], ["db", "check"], ["db", "upgrade"]):
            said = inside(*command, status=75).messages
            assert "This node of the cluster takes no statements" in said
            assert "WSREP has not yet prepared node for application use" in said
            assert "or name a node that works in NUMBERCHECK_DATABASE_URL, the same for all jobs" in said
        listed = {"batch_file": None, "batch_query": "SELECT 'B-old' AS batch_no, '2026-03-09' AS date"}
        elsewhere = {"database_url": "sqlite:///own.db", "batch_database_url": url_of(node)}
        said = inside.sync(status=75, **listed, **elsewhere).messages
        assert "WSREP has not yet prepared node" in said
    assert inside.sync("--full").result["rows"]["unchanged"] == 370
    assert rows(node, "SELECT count(*) FROM v_number_check") == [(370,)]
