"""One vendor and the job on a database of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.emulator import Book, Emulator
from tests.conftest import Start
from tests.whole.world import World


@pytest.fixture
def world(start_server: Start, tmp_path: Path) -> Iterator[World]:
    server = start_server("sqlite")
    url = server.create(at_head=True)
    with Emulator(Book()) as vendor:
        made = World(url, vendor, tmp_path)
        yield made
        made.job.engine.dispose()
    server.drop(url)
