"""A run and the ledger as figures for Prometheus. No label names a run or a batch: neither is a time series."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from etl.store.figures import Ledger

# A run that is narrowed to some batches or dates counts as the last run only where it did not end with 0.
OF_THE_RUN = {
    "numbercheck_last_run_timestamp_seconds": "When the last run of sync ended, whatever its result",
    "numbercheck_exit_status": "Exit status of the last run",
    "numbercheck_run_seconds": "How long the last run took",
    "numbercheck_requests": "Requests that the last run sent, every attempt counted",
    "numbercheck_throttled": "Requests of the last run that the vendor refused as too many",
    "numbercheck_new_codes": "Codes and carriers that the last run was the first to see",
}
OF_THE_LEDGER = {
    "numbercheck_last_success_timestamp_seconds": "When the last run of the whole window that ended with 0 ended",
    "numbercheck_batch_days": "Batch days in the ledger, by state",
    "numbercheck_doubts": "What may be missing although it counts as complete: doubts, by kind",
    "numbercheck_rows_at_risk": "Rows missing (at least) from incomplete batch days gone within 48 hours",
    "numbercheck_rejected_rows": "Rows in the ledger that could not be stored as they are",
    "numbercheck_doubtful_rows": "Rows held with a value that its column could not take",
    "numbercheck_lake_exported_timestamp_seconds": "When the last complete export to a lake began",
}


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that has ended, or could not begin; `at` in seconds since the epoch."""

    at: float
    exit_status: int
    seconds: float
    requests: int = 0
    throttled: int = 0
    new_codes: int = 0


class Kept(Collector):
    """Figures kept from an earlier report."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterator[Metric]:
        """The figures."""
        return iter(self._families)


def figures(account: str, run: Ended | None, ledger: Ledger | None) -> CollectorRegistry:
    """All figures that are known: those of the run, those of the ledger."""
    registry = CollectorRegistry()
    told: dict[str, float] = {}
    if run is not None:
        told = {
            "numbercheck_last_run_timestamp_seconds": run.at,
            "numbercheck_exit_status": run.exit_status,
            "numbercheck_run_seconds": run.seconds,
            "numbercheck_requests": run.requests,
            "numbercheck_throttled": run.throttled,
            "numbercheck_new_codes": run.new_codes,
        }
    if ledger is not None:
        _add(registry, "numbercheck_batch_days", account, "state", ledger.batch_days)
        _add(registry, "numbercheck_doubts", account, "kind", ledger.doubts)
        told["numbercheck_rows_at_risk"] = ledger.rows_at_risk
        told["numbercheck_rejected_rows"] = ledger.rejected_rows
        told["numbercheck_doubtful_rows"] = ledger.doubtful_rows
        if ledger.last_success is not None:
            told["numbercheck_last_success_timestamp_seconds"] = ledger.last_success.timestamp()
        if ledger.lake_exported is not None:
            told["numbercheck_lake_exported_timestamp_seconds"] = ledger.lake_exported.timestamp()
    for name, value in told.items():
        words = (OF_THE_RUN | OF_THE_LEDGER)[name]
        Gauge(name, words, ["account"], registry=registry).labels(account).set(value)
    return registry


def _add(registry: CollectorRegistry, name: str, account: str, label: str, numbers: Mapping[Any, int]) -> None:
    """A figure of the ledger with one more label; the keys of `numbers` are that label's values."""
    gauge = Gauge(name, OF_THE_LEDGER[name], ["account", label], registry=registry)
    for value, number in numbers.items():
        gauge.labels(account, str(value)).set(number)
