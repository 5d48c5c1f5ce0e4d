"""Figures in a file for the textfile collector of Prometheus's node exporter. One file holds one account."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from prometheus_client import generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from etl.report.metrics import OF_THE_LEDGER, OF_THE_RUN, Ended, Kept, figures
from etl.report.replacing import replace, require_replaceable
from etl.store.figures import Ledger


def write(
    path: Path, needed: Collection[Path], account: str, run: Ended, ledger: Ledger | None, *, keep: bool
) -> None:
    """Replace the file, or that which a link names. A reader sees either the old one or the new one, always whole.

    The file's figures from the ledger stay where this run could not read it. `keep`: so do those of the run
    before, if the file has any. Raises OSError, also for what is no regular file: a device or a pipe would be gone
    for everybody. `needed`: files of another purpose, such as the database, which are not replaced either.
    """
    require_replaceable(path, needed)
    path = Path(os.path.realpath(path))
    before = _told_before(path, account)
    earlier = keep and any(family.name in OF_THE_RUN for family in before)
    registry = figures(account, None if earlier else run, ledger)
    names = {*(OF_THE_RUN if earlier else ()), *(OF_THE_LEDGER if ledger is None else ())}
    registry.register(Kept(family for family in before if family.name in names))
    replace(path, generate_latest(registry))


def _told_before(path: Path, account: str) -> list[Metric]:
    try:
        families = list(text_string_to_metric_families(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return []
    for family in families:
        family.samples = [sample for sample in family.samples if sample.labels.get("account") == account]
    return [family for family in families if family.samples]
