"""A lake in an object storage: equal to the view, and an error of the storage is a sentence with a remedy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.emulator import Emulator
from etl.errors import EtlError, Misconfigured, TryLater
from etl.lake import storages
from tests.conftest import Start
from tests.job import Job
from tests.lake import storage
from tests.lake.needed import require_lake
from tests.lake.storage import BUCKET, SECRET, BucketWorld, environment, on_the_way
from tests.lake.test_lake_killed import Killer, at_every_point
from tests.lake.test_people import GONE, erased, traces
from tests.people import KEY, LATER, LINES, book

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    require_lake()
    with storage.stand_in() as port:
        yield port


@pytest.fixture
def world(
    port: int, start_server: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[BucketWorld]:
    storage.empty_bucket(port)
    for name, value in environment(port).items():
        monkeypatch.setenv(name, value)
    server = start_server("sqlite")
    url = server.create(at_head=True)
    with Emulator(book(), now=lambda: LATER) as vendor:
        made = BucketWorld(Job(url, vendor, LINES, tmp_path, privacy_key=KEY), tmp_path, port=port)
        made.sync()
        yield made
        made.job.engine.dispose()
    server.drop(url)


def test_equal_and_clean(world: BucketWorld) -> None:
    world.export()
    world.assert_equal()
    assert traces(world, GONE[0])
    erased(world, *GONE)
    world.export()
    world.assert_equal()
    world.assert_claims()
    assert traces(world, *GONE) == set()


@pytest.mark.parametrize(
    ("fault", "after", "kind", "words"),
    [
        ("refuse", 0, Misconfigured, "refuses these credentials"),
        ("error", 40, TryLater, "does not answer"),
        ("hold", 20, TryLater, "does not answer"),
    ],
)
def test_what_a_storage_answers(
    world: BucketWorld, monkeypatch: pytest.MonkeyPatch, fault: str, kind: type[EtlError], words: str, after: int
) -> None:
    """At the first request, and in the middle; then the next export comes to the right end."""
    for name in ("timeout", "retry_timeout"):
        monkeypatch.setitem(storages.SLOW, name, "2s")
    monkeypatch.setitem(storages.SLOW, "max_retries", "0")
    with on_the_way(world.port, fault, after) as port, monkeypatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        with pytest.raises(kind, match=words) as raised:
            world.export()
    assert raised.type is kind
    assert SECRET not in str(raised.value)
    world.export()
    world.assert_equal()


def test_a_bucket_that_is_not_there(world: BucketWorld) -> None:
    world.url = f"s3://not-{BUCKET}/numbercheck"
    with pytest.raises(Misconfigured, match="does not exist"):
        world.export()


def test_kill_9_at_some_points(world: BucketWorld) -> None:
    with Killer() as killer:
        at_every_point(killer, world, 17, step=40)
