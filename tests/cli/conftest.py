"""A vendor with some batch days, and the command against it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.emulator import Book, Emulator
from etl.vendor import backoff
from tests.cli.support import DAY, NOW, ROOT, TODAY, Command
from tests.conftest import Start
from tests.ports import closed_port
from tests.running import inherited

__all__ = ["closed_port"]

EVERYTHING = "import etl.cli, etl.schema.migrate, etl.vendor.transport; [*etl.cli.main.commands.values()]"


@pytest.fixture(scope="session")
def bytecode(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bytecode cache shared by all processes if Python must not write any: compiling each time takes longer."""
    cache = tmp_path_factory.mktemp("bytecode")
    if sys.dont_write_bytecode:
        environment = inherited() | {"PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(cache)}
        subprocess.run([sys.executable, "-c", EVERYTHING], env=environment, check=True)
    return cache


@pytest.fixture
def book() -> Book:
    """Two batches: 250 rows yesterday, 120 rows today."""
    book = Book()
    book.add_generated("B-old", TODAY - DAY, 250)
    book.add_generated("B-new", TODAY, 120)
    return book


@pytest.fixture
def vendor(book: Book) -> Iterator[Emulator]:
    with Emulator(book, now=lambda: NOW) as vendor:
        yield vendor


@pytest.fixture
def command(tmp_path: Path, vendor: Emulator, bytecode: Path) -> Command:
    """The command, with a list of the vendor's batch days."""
    command = Command(tmp_path, vendor, bytecode)
    command.write_list(f"{batch_no},{date}," for batch_no, date, _ in vendor.book.batch_days())
    return command


@pytest.fixture
def inside(command: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command run in this process: a process of its own would also wait longer before it tries again."""
    command.processes = False
    monkeypatch.setattr(backoff, "FIRST_WAIT", 0.01)
    return command


@pytest.fixture
def prepared(command: Command, start_server: Start) -> Command:
    """The command, with a database at `numbercheck.db` that already has its schema."""
    url = start_server("sqlite").create(at_head=True)
    shutil.move(str(url.database), command.directory / "numbercheck.db")
    return command
