"""The dashboard for Grafana, and the Prometheus beside it: about figures that the job writes, and provisioned whole."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from etl.core.batchday import State
from etl.report.metrics import OF_THE_LEDGER, OF_THE_RUN
from tests.deploy.test_alerts import promtool, run, written

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "grafana"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "numbercheck.json").read_text(encoding="utf-8"))
PANELS: dict[str, dict[str, Any]] = {panel["title"]: panel for panel in DASHBOARD["panels"]}

__all__ = ["promtool"]


def expressions() -> Iterator[str]:
    """Every expression, as Grafana sends it for all accounts."""
    for panel in PANELS.values():
        for target in panel["targets"]:
            yield target["expr"].replace("$account", ".*")


def loaded(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


def test_every_figure_of_the_job_is_shown_and_no_other() -> None:
    asked = set(re.findall(r"numbercheck_\w+", " ".join(expressions())))
    assert asked == set(OF_THE_RUN) | set(OF_THE_LEDGER)


def test_labels_are_those_that_the_job_writes() -> None:
    there = set(re.findall(r"[{,](\w+)=", written().decode()))
    text = " ".join(expressions())
    used = set(re.findall(r"[{,] ?(\w+)=", text)) | {
        label for labels in re.findall(r"by \(([\w, ]+)\)", text) for label in labels.split(", ")
    }
    assert used == there
    assert set(re.findall(r'state="(\w+)"', text)) <= set(State)


def test_every_expression_can_be_read(promtool: str, tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(expressions())]
    assert len(rules) >= len(PANELS)
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    assert f"SUCCESS: {len(rules)} rules found" in run(promtool, "check", "rules", str(file))
    rules[0]["expr"] = rules[0]["expr"].replace("(", "((", 1)
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    assert subprocess.run([promtool, "check", "rules", file], capture_output=True).returncode == 1


def test_each_panel_has_its_place() -> None:
    """On 24 columns, no two at one place, each with a number of its own and a title of its own."""
    assert len(PANELS) == len(DASHBOARD["panels"]) == len({panel["id"] for panel in PANELS.values()})
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in PANELS.values())
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) == 23


@pytest.mark.parametrize("title", PANELS)
def test_each_panel_takes_the_source_that_was_chosen(title: str) -> None:
    panel = PANELS[title]
    assert {json.dumps(one["datasource"]) for one in (panel, *panel["targets"])} == {
        '{"type": "prometheus", "uid": "${datasource}"}'
    }
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


def test_each_exit_status_has_its_word() -> None:
    [mapping] = PANELS["How the last run ended"]["fieldConfig"]["defaults"]["mappings"]
    page = (ROOT / "docs" / "exit-statuses.md").read_text(encoding="utf-8").partition("## ")[0]
    assert set(mapping["options"]) == set(re.findall(r"^\| (\d+) \|", page, re.MULTILINE))


def test_prometheus_takes_its_configuration(promtool: str) -> None:
    folder = ROOT / "deploy" / "prometheus"
    assert "SUCCESS" in run(promtool, "check", "config", str(folder / "prometheus.yml"))


def test_grafana_finds_what_compose_gives_it() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    services = compose["services"]
    [source] = loaded("datasource.yml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
    targets = {entry["source"]: entry["target"] for entry in services["grafana"]["configs"]}
    [provider] = loaded("provider.yml")["providers"]
    assert Path(targets["dashboard"]).parent == Path(provider["options"]["path"])
    assert services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == targets["dashboard"]
    scraped = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8"))
    [pushed, _] = scraped["scrape_configs"]
    assert pushed["static_configs"] == [{"targets": ["pushgateway:9091"]}]
    assert pushed["honor_labels"] is True
    assert {"pushgateway", "prometheus"} <= set(services)
