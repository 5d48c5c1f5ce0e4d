"""deploy/dbt: the sources follow the views. dbt itself, on a database of ours, is tried by hand (docs/dbt.md)."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from etl.schema import views
from etl.schema.viewwords import View
from tests.schema import bi_rows
from tests.scripts import loaded

FOLDER = Path(__file__).parents[2] / "deploy" / "dbt"
FILE = FOLDER / "models" / "numbercheck.yml"
[SOURCE] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["sources"]
TABLES: dict[str, dict[str, Any]] = {table["name"]: table for table in SOURCE["tables"]}


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    return loaded(FOLDER / "sources.py")


def test_the_file_is_what_the_views_are(generator: ModuleType) -> None:
    assert FILE.read_text(encoding="utf-8") == generator.text(), "run: python deploy/dbt/sources.py"


@pytest.mark.parametrize("view", views.VIEWS, ids=lambda view: view.name)
def test_every_view_and_column_is_described(view: View) -> None:
    table = TABLES[view.name]
    assert {column["name"]: column["description"] for column in table["columns"]} == dict(view.columns)
    assert table["description"].startswith(view.comment)
    assert ("whole_numbers" in table.get("config", {}).get("tags", ())) is not view.masked


def test_what_is_tested_exists(generator: ModuleType) -> None:
    by_name = {view.name: view for view in views.VIEWS}
    named = [(view, column) for view, key in generator.KEYS.items() for column in key]
    for view, column in [*named, *generator.VALUES]:
        assert column in by_name[view].columns, (view, column)
    assert set(by_name) - set(generator.KEYS) == {"v_number_check_masked"}
    assert {view.name for view in views.VIEWS if set(view.columns) & generator.FLAGS} == {
        "v_number_check",
        "v_number_check_masked",
        "v_phone_latest",
    }


def test_a_key_is_one(engine: sa.Engine, generator: ModuleType) -> None:
    """As the test of the project asks for it, with rows in the views; it finds what is there twice."""
    with engine.begin() as connection:
        bi_rows.fill(connection)
    macro = (FOLDER / "macros" / "one_line_for_each.sql").read_text(encoding="utf-8")
    [query] = re.findall(r"%}\n(select.*?){% endtest", macro, re.DOTALL)
    with engine.connect() as connection:
        for view, key in generator.KEYS.items():
            asked = query.replace("{{ columns | join(', ') }}", ", ".join(key)).replace("{{ model }}", view)
            assert connection.execute(sa.text(asked)).all() == [], view
        several = query.replace("{{ columns | join(', ') }}", "phone").replace("{{ model }}", "v_number_check")
        assert connection.execute(sa.text(several)).all() != []


def test_freshness_is_that_of_the_alert_rules() -> None:
    fresh = TABLES["v_sync_run"]["config"]["freshness"]
    rules = (FOLDER.parent / "prometheus" / "alerts.yml").read_text(encoding="utf-8")
    assert f"(numbercheck_last_success_timestamp_seconds) > {fresh['warn_after']['count']} * 3600" in rules
    assert fresh["filter"] == "status = 'complete' and narrowed = 'NO'"


def test_the_project_is_one_that_others_can_use() -> None:
    project = yaml.safe_load((FOLDER / "dbt_project.yml").read_text(encoding="utf-8"))
    assert project["name"] == SOURCE["name"] == "numbercheck"
    for place in (*project["model-paths"], *project["macro-paths"]):
        assert (FOLDER / place).is_dir()
    assert SOURCE["schema"] == "{{ var('numbercheck_schema', 'public') }}"
    assert project["vars"] == {"numbercheck_schema": "public"}
