"""A stand-in for S3 on loopback, and a server before it that refuses or holds back what it is asked."""

from __future__ import annotations

import io
import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast
from xml.sax.saxutils import unescape

from tests import engines
from tests.dying import ROOT
from tests.lake.world import LakeWorld
from tests.running import wait_until

BUCKET = "lake"
SECRET = "storage-s3cr3t"


@contextmanager
def stand_in() -> Iterator[int]:
    """Moto's server; yields its port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    command = [str(engines.program("moto_server")), "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with process:
        try:
            wait_until(lambda: _asked(port, "GET", "/moto-api/"))
            yield port
        finally:
            process.kill()


def empty_bucket(port: int) -> None:
    """Forget everything, and make the bucket."""
    assert _asked(port, "POST", "/moto-api/reset")
    assert _asked(port, "PUT", f"/{BUCKET}")


def environment(port: int) -> dict[str, str]:
    """What a storage's credentials and place are taken from."""
    return {
        "AWS_ACCESS_KEY_ID": "AKID-TEST",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ALLOW_HTTP": "true",
    }


def _asked(port: int, method: str, path: str) -> bool:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method, headers=_SIGNED)
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310  (ours)
            return bool(answer.status == 200)
    except OSError:
        return False


_SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request, Signature=x"}


class BucketWorld(LakeWorld):
    """The same with a lake in the bucket."""

    def __init__(self, *given: Any, port: int) -> None:
        super().__init__(*given)
        self.port = port
        self.url = f"s3://{BUCKET}/numbercheck"

    def bytes_of_all(self) -> Iterator[tuple[str, bytes]]:
        for name in self._objects():
            content = self._get(f"/{BUCKET}/{name}")
            yield name, content
            if name.endswith(".parquet"):
                yield name, _laid_open(content)

    def _objects(self) -> list[str]:
        listed = self._get(f"/{BUCKET}?list-type=2&max-keys=10000").decode()
        return [unescape(name) for name in re.findall("<Key>(.*?)</Key>", listed)]

    def _get(self, path: str) -> bytes:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=_SIGNED)
        with urllib.request.urlopen(request) as answer:  # noqa: S310  (ours)
            return bytes(answer.read())


def _laid_open(content: bytes) -> bytes:
    import pyarrow.parquet as pq

    return repr([column.to_pylist() for column in pq.ParquetFile(io.BytesIO(content)).read().columns]).encode()


# -- the server before it -----------------------------------------------------------------------------------


@contextmanager
def on_the_way(port: int, fault: str, after: int = 0) -> Iterator[int]:
    """A server that passes so many requests on to a port, and then does what `fault` says; yields its port.

    It is a process of its own: while the storage is asked, no other thread of the asking process runs.
    """
    command = [sys.executable, "-m", "tests.lake.way", str(port), fault, str(after)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield int(cast(TextIO, process.stdout).readline())
        finally:
            process.kill()
