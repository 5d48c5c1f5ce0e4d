"""The alert rules: tested by Prometheus's own promtool, and about figures that the job really writes."""

from __future__ import annotations

import datetime as dt
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest

from etl.core.batchday import State
from etl.core.doubt import DoubtKind
from etl.report.metrics import Ended, figures
from etl.store.figures import Ledger
from tests.absent import absent

FOLDER = Path(__file__).parents[2] / "deploy" / "prometheus"
GROUPS = yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))["groups"]
RULES: dict[str, dict[str, Any]] = {rule["alert"]: rule for group in GROUPS for rule in group["rules"]}
TESTS = yaml.safe_load((FOLDER / "alerts_test.yml").read_text(encoding="utf-8"))["tests"]
NOT_HERE = "no promtool on PATH: apt-get install --no-install-recommends prometheus"
NOW = dt.datetime(2026, 3, 10, 4, 0, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def promtool() -> str:
    return shutil.which("promtool") or absent(NOT_HERE)


def written() -> bytes:
    """The figures of an account about which everything is known."""
    known = Ledger(dict.fromkeys(State, 1), 2, 3, NOW, dict.fromkeys(DoubtKind, 4), 5, NOW)
    return generate_latest(figures('南 "1"\\', Ended(NOW.timestamp(), 75, 12.5, 100, 3), known))


def run(promtool: str, *arguments: str) -> str:
    """The output of promtool, which must find nothing wrong."""
    done = subprocess.run([promtool, *arguments], cwd=FOLDER, capture_output=True)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    return done.stdout.decode() + done.stderr.decode()


def test_the_rules_can_be_loaded(promtool: str) -> None:
    assert f"SUCCESS: {len(RULES)} rules found" in run(promtool, "check", "rules", "alerts.yml")


def test_each_fires_when_it_must_and_only_then(promtool: str) -> None:
    assert "SUCCESS" in run(promtool, "test", "rules", "alerts_test.yml")


def test_promtool_can_read_the_figures(promtool: str) -> None:
    """promtool reads `batch_days` as a span of time; it is a count, and its name is fixed."""
    done = subprocess.run([promtool, "check", "metrics"], input=written(), capture_output=True)
    assert done.stdout + done.stderr == b'numbercheck_batch_days use base unit "seconds" instead of "days"\n'


def test_promtool_notices_a_mistake(promtool: str, tmp_path: Path) -> None:
    for name in ("alerts.yml", "alerts_test.yml"):
        shutil.copy(FOLDER / name, tmp_path)
    rules = tmp_path / "alerts.yml"
    rules.write_text(rules.read_text(encoding="utf-8").replace("26 * 3600", "27 * 3600"), encoding="utf-8")
    done = subprocess.run([promtool, "test", "rules", "alerts_test.yml"], cwd=tmp_path, capture_output=True)
    assert done.returncode == 1
    assert b"NumbercheckNoSuccess" in done.stdout + done.stderr


@pytest.mark.parametrize("alert", RULES)
def test_there_is_a_test_of_firing_and_one_of_silence(alert: str) -> None:
    tried = [check for test in TESTS for check in test["promql_expr_test"] if f'"{alert}"' in check["expr"]]
    assert {bool(check["exp_samples"]) for check in tried} == {True, False}


@pytest.mark.parametrize("alert", RULES)
def test_asks_only_for_figures_that_the_job_writes(alert: str) -> None:
    names = set(re.findall(r"^# TYPE (numbercheck_\w+) gauge$", written().decode(), re.MULTILINE))
    states = set(re.findall(r'state="(\w+)"', written().decode()))
    expression = RULES[alert]["expr"]
    asked = set(re.findall(r"numbercheck_\w+", expression))
    assert asked
    assert asked <= names
    assert set("|".join(re.findall(r'state=~?"([\w|]+)"', expression)).split("|")) - {""} <= states


@pytest.mark.parametrize("alert", RULES)
def test_tells_what_to_do_and_where_it_is_written(alert: str) -> None:
    rule = RULES[alert]
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"].keys() == {"summary", "description", "runbook"}
    words = re.findall("[A-Z][a-z]+", alert.removeprefix("Numbercheck"))
    anchor = "-".join(["alarm", *words]).lower()
    assert rule["annotations"]["runbook"] == f"docs/operate/alarms.md#{anchor}"


def test_each_anchor_is_a_heading_of_the_manual() -> None:
    manual = FOLDER.parents[1] / "docs" / "operate" / "alarms.md"
    headings = re.findall(r"^#+ (.+)$", manual.read_text(encoding="utf-8"), re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    wanted = {rule["annotations"]["runbook"].partition("#")[2] for rule in RULES.values()}
    assert wanted - anchors == set()
