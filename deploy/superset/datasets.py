"""Writes deploy/superset/bundle/datasets: a dataset for each view that a masked reader may read.

Columns and their descriptions come from etl/schema/views.py. Run it after a change there or here:

    python deploy/superset/datasets.py
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from etl.schema import views
from etl.schema.viewwords import View

FOLDER = Path(__file__).parent / "bundle" / "datasets" / "numbercheck"
DATABASE_UUID = "6f0c4e52-8a4e-4f0e-9a63-2f1f64b0f7d1"
TYPES = {
    "text": "VARCHAR",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "decimal": "NUMERIC",
    "double": "DOUBLE PRECISION",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "time": "TIMESTAMP WITH TIME ZONE",
    "json": "JSONB",
}
TITLES = {
    "batch_no": "Batch",
    "check_level_name": "Kind of check",
    "exit_code": "Exit",
    "first_seen_at": "First seen",
    "finished_at": "Finished",
    "last_changed_at": "Last changed",
    "number_type_name": "Kind of number",
    "region_name": "Country",
    "response_name": "Call ended",
    "rows_inserted": "New",
    "rows_updated": "Changed",
    "started_at": "Started",
}
MAIN_TIME = {"v_batch_summary": "last_date", "v_sync_run": "started_at", "v_privacy_log": "happened_at"}


class Metric(NamedTuple):
    """A figure that charts share: its name in queries, its label, how it is computed and shown."""

    name: str
    title: str
    sql: str
    format: str


METRICS = {
    "v_daily_summary": (
        Metric("checks", "Checks", "sum(checked_rows)", ",d"),
        Metric("valid", "Valid", "sum(valid_rows)", ",d"),
        Metric("reachable", "Reachable", "sum(reachable_rows)", ",d"),
        Metric("answered", "Answered", "sum(answered_rows)", ",d"),
        Metric("cost", "Cost", "sum(cost)", ",.2f"),
        Metric(
            "cost_per_reachable",
            "Per reachable",
            "sum(cost) FILTER (WHERE check_level_name = 'HLR') / nullif(sum(reachable_rows), 0)",
            ",.4f",
        ),
        Metric(
            "reachable_share",
            "Reachable",
            "1.0 * sum(reachable_rows) / nullif(sum(checked_rows) FILTER (WHERE check_level_name = 'HLR'), 0)",
            ".1%",
        ),
        Metric(
            "answered_share",
            "Answered",
            "1.0 * sum(answered_rows) / nullif(sum(checked_rows) FILTER (WHERE check_level_name = 'Call'), 0)",
            ".1%",
        ),
    ),
    "v_coverage": (
        Metric("batch_days", "Batch days", "count(*)", ",d"),
        Metric(
            "still_missing",
            "Rows still missing",
            "coalesce(sum(missing_rows) FILTER (WHERE state <> 'lost'), 0)",
            ",d",
        ),
        Metric("lost_days", "Batch days lost", "count(*) FILTER (WHERE state = 'lost')", ",d"),
        Metric(
            "not_complete",
            "Batch days not complete",
            "count(*) FILTER (WHERE state IN ('pending', 'incomplete'))",
            ",d",
        ),
    ),
    "v_sync_run": (
        Metric("runs", "Runs", "count(*)", ",d"),
        Metric(
            "hours_since_complete",
            "Hours since the last complete run",
            "extract(epoch FROM now() - max(finished_at) "
            "FILTER (WHERE status = 'complete' AND narrowed = 'NO')) / 3600",
            ",.1f",
        ),
    ),
    "v_batch_summary": (Metric("batches", "Batches", "count(*)", ",d"),),
    "v_privacy_log": (Metric("actions", "Actions", "count(*)", ",d"),),
    "v_number_check_masked": (Metric("checks", "Checks", "count(*)", ",d"),),
}


def dataset(view: View) -> dict[str, Any]:
    """The dataset of a view, in the form that Superset imports."""
    return {
        "table_name": view.name,
        "description": f"{view.comment}. It answers, for example: {view.question}",
        "main_dttm_col": MAIN_TIME.get(view.name, "check_date"),
        "schema": "public",
        "sql": None,
        "uuid": identity(view.name),
        "database_uuid": DATABASE_UUID,
        "version": "1.0.0",
        "columns": [column(name, view) for name in view.columns],
        "metrics": [metric(found) for found in METRICS[view.name]],
    }


def identity(name: str) -> str:
    """An id that is always the same for a view, so that importing it again replaces it."""
    return str(uuid.uuid5(uuid.UUID(DATABASE_UUID), name))


def column(name: str, view: View) -> dict[str, Any]:
    """A column of a view."""
    kind = view.kinds[name]
    return {
        "column_name": str(name),
        "verbose_name": TITLES.get(name) or name.removesuffix("_rows").replace("_", " ").capitalize(),
        "type": TYPES[kind],
        "is_dttm": kind in ("date", "time"),
        "groupby": True,
        "filterable": True,
        "description": view.columns[name],
    }


def metric(found: Metric) -> dict[str, Any]:
    """A figure of a dataset."""
    return {
        "metric_name": found.name,
        "verbose_name": found.title,
        "expression": found.sql,
        "d3format": found.format,
    }


def text(view: View) -> str:
    """The text of the file of a view's dataset."""
    return yaml.safe_dump(dataset(view), sort_keys=False, allow_unicode=True, width=110)


def main() -> None:
    """Write all datasets."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for view in views.VIEWS:
        if view.masked:
            (FOLDER / f"{view.name}.yaml").write_text(text(view), encoding="utf-8")


if __name__ == "__main__":
    main()
