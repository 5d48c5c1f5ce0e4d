"""deploy/superset: the parts of the bundle fit together, and its datasets match the views."""

from __future__ import annotations

import json
import re
import subprocess
import sysconfig
import uuid
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from etl.schema import views
from tests.scripts import loaded

FOLDER = Path(__file__).parents[2] / "deploy" / "superset"
HADOLINT = Path(sysconfig.get_path("scripts")) / "hadolint"
FILES = {
    file.relative_to(FOLDER / "bundle").as_posix(): yaml.safe_load(file.read_text(encoding="utf-8"))
    for file in sorted((FOLDER / "bundle").rglob("*.yaml"))
}
DATABASE = FILES["databases/numbercheck.yaml"]
DASHBOARD = FILES["dashboards/number_checks.yaml"]
DATASETS = {found["uuid"]: found for name, found in FILES.items() if name.startswith("datasets/")}
CHARTS = {found["uuid"]: found for name, found in FILES.items() if name.startswith("charts/")}
VIEWS = {view.name: view for view in views.VIEWS if view.masked}


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    return loaded(FOLDER / "datasets.py")


@pytest.mark.parametrize("name", VIEWS)
def test_a_dataset_is_what_its_view_is(generator: ModuleType, name: str) -> None:
    text = (FOLDER / "bundle" / "datasets" / "numbercheck" / f"{name}.yaml").read_text(encoding="utf-8")
    assert text == generator.text(VIEWS[name]), "run: python deploy/superset/datasets.py"


def test_a_dataset_for_each_view_that_a_masked_reader_may_read() -> None:
    assert {found["table_name"] for found in DATASETS.values()} == VIEWS.keys()
    assert {found["database_uuid"] for found in DATASETS.values()} == {DATABASE["uuid"]}


def test_every_part_has_its_own_identity() -> None:
    found = [DATABASE["uuid"], DASHBOARD["uuid"], *DATASETS, *CHARTS]
    assert len({uuid.UUID(text) for text in found}) == len(FILES) - 1  # all but metadata.yaml


def test_no_password_is_in_the_bundle() -> None:
    assert re.fullmatch(
        r"postgresql\+psycopg2://numbercheck_reader@postgres/numbercheck", DATABASE["sqlalchemy_uri"]
    )
    assert "password" not in DATABASE
    assert "encrypted_extra" not in DATABASE


def test_dates_stay_what_they_are_whatever_the_servers_time_zone() -> None:
    """A date that is cut to a day becomes midnight in the session's zone, and is shown in UTC."""
    assert DATABASE["extra"]["engine_params"] == {"connect_args": {"options": "-c timezone=UTC"}}


def test_nobody_writes_through_superset() -> None:
    assert not [key for key in ("allow_dml", "allow_ctas", "allow_cvas", "allow_file_upload") if DATABASE[key]]


def names_in(chart: dict[str, Any]) -> tuple[set[str], set[str]]:
    """The metrics and the columns that a chart asks for."""
    given = chart["params"]
    metrics = {given[key] for key in ("metric", "timeseries_limit_metric") if key in given}
    columns = {entry["subject"] for entry in given["adhoc_filters"]} | {given.get("x_axis")} - {None}
    columns |= {json.loads(entry)[0] for entry in given.get("order_by_cols", [])}
    columns = columns.union(given.get("column_config", ()), given.get("groupby", ()), given.get("all_columns", ()))
    return metrics.union(given.get("metrics", ())), columns


@pytest.mark.parametrize("chart", CHARTS.values(), ids=lambda chart: chart["slice_name"])
def test_a_chart_asks_for_what_its_dataset_has(chart: dict[str, Any]) -> None:
    dataset = DATASETS[chart["dataset_uuid"]]
    metrics, columns = names_in(chart)
    assert metrics | columns
    assert metrics <= {metric["metric_name"] for metric in dataset["metrics"]}
    assert columns <= {column["column_name"] for column in dataset["columns"]}
    assert chart["viz_type"] == chart["params"]["viz_type"]
    assert chart["description"]


@pytest.mark.parametrize("chart", CHARTS.values(), ids=lambda chart: chart["slice_name"])
def test_the_filter_for_dates_reaches_every_chart(chart: dict[str, Any]) -> None:
    dataset = DATASETS[chart["dataset_uuid"]]
    subjects = [e["subject"] for e in chart["params"]["adhoc_filters"] if e["operator"] == "TEMPORAL_RANGE"]
    assert subjects == [dataset["main_dttm_col"]]


def test_the_dashboard_shows_every_chart_once_in_rows_that_are_full() -> None:
    position = DASHBOARD["position"]
    shown = [part["meta"] for part in position.values() if isinstance(part, dict) and part["type"] == "CHART"]
    assert sorted(meta["uuid"] for meta in shown) == sorted(CHARTS)
    assert len({meta["chartId"] for meta in shown}) == len(CHARTS)
    for meta in shown:
        assert meta["sliceName"] == CHARTS[meta["uuid"]]["slice_name"]
    for name in position["GRID_ID"]["children"]:
        assert sum(position[child]["meta"]["width"] for child in position[name]["children"]) == 12, name


def test_filters_are_over_columns_of_datasets() -> None:
    filters = DASHBOARD["metadata"]["native_filter_configuration"]
    targets = [target for found in filters for target in found["targets"] if target]
    assert len(targets) == 2
    for target in targets:
        columns = {column["column_name"] for column in DATASETS[target["datasetUuid"]]["columns"]}
        assert target["column"]["name"] in columns


def test_the_role_that_compose_makes_is_the_one_that_gets_the_password() -> None:
    config = (FOLDER / "superset_config.py").read_text(encoding="utf-8")
    role = re.search(r'^READER = "(\w+)"$', config, re.MULTILINE)
    assert role is not None
    assert f"//{role[1]}@" in DATABASE["sqlalchemy_uri"]
    assert f"ALTER ROLE {role[1]} LOGIN" in (FOLDER.parent / "compose" / "reader.sql").read_text(encoding="utf-8")


def test_scripts_are_sound() -> None:
    assert subprocess.run(["sh", "-n", FOLDER / "start.sh"]).returncode == 0
    compile((FOLDER / "provision.py").read_text(encoding="utf-8"), "provision.py", "exec")


def test_hadolint_has_nothing_to_say() -> None:
    done = subprocess.run(
        [HADOLINT, "--no-color", "--failure-threshold", "style", FOLDER / "Dockerfile"], capture_output=True
    )
    assert (done.returncode, done.stdout.decode()) == (0, "")


def test_the_image_installs_what_the_lock_says_and_copies_what_it_needs() -> None:
    text = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
    installs = re.findall(r"pip install ([^&]*)", text.replace("\\\n", ""))
    assert len(installs) == 2
    assert all("--require-hashes" in install for install in installs)
    assert "--no-build-isolation" in installs[1], "else what builds a package would come unchecked"
    assert re.findall(r"^USER (.+)$", text, re.MULTILINE)[-1] == "10001:10001"
    allowed = {line[1:] for line in (FOLDER / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {word for line in re.findall(r"^COPY (.+)$", text, re.MULTILINE) for word in line.split()[:-1]}
    assert copied == allowed


def test_the_lock_names_no_host_and_holds_what_was_asked_for() -> None:
    lock = (FOLDER / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock + (FOLDER / "requirements-build.lock").read_text(encoding="utf-8")
    locked = set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))
    asked = re.findall(r"^([\w-]+)", (FOLDER / "requirements.in").read_text(encoding="utf-8"), re.MULTILINE)
    assert {name.lower() for name in asked} <= locked
