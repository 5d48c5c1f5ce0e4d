"""`doctor` about the way to a database, on servers with TLS and without."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl.cli import on_the_way
from tests import servers
from tests.absent import absent, own_server
from tests.cli.support import Command, real_time
from tests.servers import MARIADB, POSTGRESQL
from tests.vendor.vendor import CERTIFICATE

REMEDY = {"postgresql": "sslmode=verify-full&sslrootcert=FILE", "mariadb": "ssl_ca=FILE"}
CHECKED = {
    "postgresql": {"sslmode": "verify-full", "sslrootcert": str(CERTIFICATE)},
    "mariadb": {"ssl_ca": str(CERTIFICATE)},
}
UNCHECKED = {"postgresql": {"sslmode": "require"}, "mariadb": {"ssl_check_hostname": "false"}}


def away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take this machine for another one."""
    monkeypatch.setattr(on_the_way, "is_loopback", lambda _: False)


def about_tls(command: Command, url: sa.URL, status: int = 0, **settings: str) -> list[str]:
    real_time(command.vendor)
    given = url.render_as_string(hide_password=False)
    done = command("doctor", status=status, database_url=given, auto_migrate="true", **settings)
    return [line for line in done.out.splitlines() if line.split()[1] == "tls:"]


@contextmanager
def certificate() -> Iterator[Path]:
    """The certificate with its key, as the servers' user may read it."""
    with servers.own_directory() as directory:
        file = directory / "loopback.pem"
        shutil.copy(CERTIFICATE, file)
        file.chmod(0o600)
        servers.hand_over(file)
        yield file


def with_tls(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take Debian's PostgreSQL: the wheel's speaks no TLS."""
    if kind == "postgresql":
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        if not found:
            absent("A PostgreSQL with TLS is not on this machine: apt-get install postgresql-15")
        monkeypatch.setattr(servers, "POSTGRESQL_PROGRAMS", str(found[-1].parent))


@pytest.fixture(params=[POSTGRESQL, MARIADB])
def tls(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[sa.URL]:
    """An empty database of a server that speaks TLS."""
    with_tls(request.param, monkeypatch)
    with certificate() as file:
        options = {
            "postgresql": ("ssl=on", f"ssl_cert_file={file}", f"ssl_key_file={file}"),
            "mariadb": (f"--ssl-cert={file}", f"--ssl-key={file}"),
        }
        with own_server(getattr(servers, request.param), *options[request.param]) as server:
            yield server.create()


@pytest.mark.parametrize("server", ["sqlite", POSTGRESQL, MARIADB], indirect=True)
def test_a_database_on_this_machine_needs_none(inside: Command, database: sa.URL) -> None:
    assert about_tls(inside, database) == [
        "ok    tls: the database of NUMBERCHECK_DATABASE_URL is on this machine"
    ]


@pytest.mark.parametrize("server", [POSTGRESQL, MARIADB], indirect=True)
def test_a_server_elsewhere_without_tls_is_a_warning(
    inside: Command, database: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    away(monkeypatch)
    [line] = about_tls(inside, database)
    assert line.startswith("warn  tls: The way to 127.0.0.1 (NUMBERCHECK_DATABASE_URL) is not encrypted: ")
    assert REMEDY[database.get_backend_name()] in line


@pytest.mark.parametrize("server", [POSTGRESQL, MARIADB], indirect=True)
def test_the_source_of_batches_is_looked_at_too(
    inside: Command, database: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    away(monkeypatch)
    source = database.render_as_string(hide_password=False)
    settings = {"batch_database_url": source, "batch_query": "SELECT 'B-new' AS batch_no"}
    [line] = about_tls(inside, sa.make_url("sqlite:///numbercheck.db"), **settings)[1:]
    assert line.startswith("warn  tls: The way to 127.0.0.1 (NUMBERCHECK_BATCH_DATABASE_URL) is not encrypted: ")


def test_a_server_with_tls(inside: Command, tls: sa.URL, monkeypatch: pytest.MonkeyPatch) -> None:
    away(monkeypatch)
    kind = tls.get_backend_name()
    [line] = about_tls(inside, tls.update_query_dict(CHECKED[kind]))
    assert line.endswith("is encrypted, and its certificate is checked")
    [line] = about_tls(inside, tls.update_query_dict(UNCHECKED[kind]))
    assert line.startswith("ok    tls: ")
    assert REMEDY[kind] in line


def test_a_certificate_that_nobody_vouches_for(inside: Command, tls: sa.URL, tmp_path: Path) -> None:
    nobody = {
        "postgresql": {"sslmode": "verify-full", "sslrootcert": "system"},
        "mariadb": {"ssl_capath": str(tmp_path)},
    }
    given = tls.update_query_dict(nobody[tls.get_backend_name()])
    done = inside("status", status=78, database_url=given.render_as_string(hide_password=False))
    assert "cannot be encrypted as asked for" in done.messages
    assert "NUMBERCHECK_DATABASE_URL" in done.messages
