"""The contents of reports, as a dictionary."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

STATES = ("pending", "incomplete", "open", "settled", "lost")


def told(text: str) -> dict[str, float]:
    """Figures by name, without the common prefix; batch days by `batch_days/state`. All of one account."""
    found, accounts = {}, set()
    for family in text_string_to_metric_families(text):
        assert family.type == "gauge"
        assert family.documentation
        for sample in family.samples:
            labels = dict(sample.labels)
            accounts.add(labels.pop("account"))
            name = "/".join([sample.name.removeprefix("numbercheck_"), *labels.values()])
            assert set(labels) <= {"state", "kind"}
            assert name not in found
            found[name] = sample.value
    assert len(accounts) <= 1
    return found


def batch_days(figures: dict[str, float]) -> dict[str, float]:
    """The batch days of each state; every state is present."""
    found = {name.partition("/")[2]: value for name, value in figures.items() if name.startswith("batch_days/")}
    assert set(found) == set(STATES)
    return {state: number for state, number in found.items() if number}


def in_file(directory: Path) -> dict[str, float]:
    """The figures in the metrics file."""
    return told((directory / "numbercheck.prom").read_text(encoding="utf-8"))
