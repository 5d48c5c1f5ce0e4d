"""A vendor that names people, the job, and a lake on a disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.emulator import Emulator
from tests.conftest import Start
from tests.job import Job
from tests.lake.needed import require_lake
from tests.lake.world import LakeWorld
from tests.people import KEY, LATER, LINES, book


@pytest.fixture(autouse=True, scope="session")
def _packages() -> None:
    require_lake()


@pytest.fixture
def world(request: pytest.FixtureRequest, start_server: Start, tmp_path: Path) -> Iterator[LakeWorld]:
    """Filled at `LATER`, on SQLite unless a test asks for another server by its parameter `kind`."""
    server = start_server(request.getfixturevalue("kind") if "kind" in request.fixturenames else "sqlite")
    url = server.create(at_head=True)
    with Emulator(book(), now=lambda: LATER) as vendor:
        job = Job(url, vendor, LINES, tmp_path, privacy_key=KEY)
        made = LakeWorld(job, tmp_path)
        made.sync()
        yield made
        job.engine.dispose()
    server.drop(url)
