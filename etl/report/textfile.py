"""Figures in a file for the textfile collector of Prometheus's node exporter. One file holds one account."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from prometheus_client import generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from etl.errors import Misconfigured
from etl.report.metrics import OF_THE_LEDGER, OF_THE_RUN, Ended, Kept, figures
from etl.store.figures import Ledger

# The exporter runs as another user.
MODE = 0o644
SHOWN_OF_NAME = 40


def write(
    path: Path, needed: Collection[Path], account: str, run: Ended, ledger: Ledger | None, *, keep: bool
) -> None:
    """Replace the file, or that which a link names. A reader sees either the old one or the new one, always whole.

    The file's figures from the ledger stay where this run could not read it. `keep`: so do those of the run
    before, if the file has any. Raises OSError, also for what is no regular file: a device or a pipe would be gone
    for everybody. `needed`: files of another purpose, such as the database, which are not replaced either.
    """
    _require_replaceable(path, needed)
    path = Path(os.path.realpath(path))
    before = _told_before(path, account)
    earlier = keep and any(family.name in OF_THE_RUN for family in before)
    registry = figures(account, None if earlier else run, ledger)
    names = {*(OF_THE_RUN if earlier else ()), *(OF_THE_LEDGER if ledger is None else ())}
    registry.register(Kept(family for family in before if family.name in names))
    _replace(path, generate_latest(registry))


def require_usable(path: Path, needed: Collection[Path]) -> None:
    """Raise Misconfigured where `write` could not write the file."""
    try:
        _require_replaceable(path, needed)
        with tempfile.TemporaryFile(dir=Path(os.path.realpath(path)).parent):
            pass
    except OSError as error:
        problem = f"The metrics file {str(path)!r} cannot be written ({error.strerror})."
        raise Misconfigured(problem, "correct NUMBERCHECK_METRICS_FILE, or let this user write there.") from None


def _require_replaceable(path: Path, needed: Collection[Path]) -> None:
    if os.path.realpath(path) in map(os.path.realpath, needed):
        raise OSError(errno.EINVAL, "the job needs this file for something else")
    with suppress(FileNotFoundError):
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        if any(os.path.samestat(found, stream) for stream in _streams()):
            raise OSError(errno.EINVAL, "it is a standard stream of this process")


def _streams() -> Iterator[os.stat_result]:
    """The files that `/dev/stdout` and the like, or a log that cron writes, lead to."""
    for descriptor in range(3):
        with suppress(OSError):
            yield os.fstat(descriptor)


def _told_before(path: Path, account: str) -> list[Metric]:
    try:
        families = list(text_string_to_metric_families(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return []
    for family in families:
        family.samples = [sample for sample in family.samples if sample.labels.get("account") == account]
    return [family for family in families if family.samples]


def _replace(path: Path, content: bytes) -> None:
    # The exporter reads every *.prom in this directory, so an unfinished file has another suffix.
    # It begins with no more than a part of the name, which may be as long as a name can be.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:SHOWN_OF_NAME]}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), MODE)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
