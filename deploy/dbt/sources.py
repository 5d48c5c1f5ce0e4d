"""Writes deploy/dbt/models/numbercheck.yml: the views as sources of dbt, with tests and with how fresh they are.

Columns and their descriptions come from etl/schema/views.py. Run it after a change there or here:

    python deploy/dbt/sources.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from etl.core.batchday import State
from etl.core.fields import FIELDS
from etl.errors import STATUS
from etl.schema import views
from etl.schema.viewwords import View

FILE = Path(__file__).parent / "models" / "numbercheck.yml"
HEAD = "# Written by deploy/dbt/sources.py from the descriptions of the views: change those.\n"
TYPES = {
    "text": "text",
    "integer": "integer",
    "bigint": "bigint",
    "decimal": "numeric",
    "double": "double precision",
    "boolean": "boolean",
    "date": "date",
    "time": "timestamp with time zone",
    "json": "jsonb",
}
KEYS = {
    "v_number_check": ("message_id", "phone"),
    "v_phone_latest": ("account", "phone"),
    "v_daily_summary": ("check_date", "account", "check_level", "region_code", "carrier", "currency"),
    "v_batch_summary": ("account", "batch_no"),
    "v_coverage": ("account", "batch_no", "check_date"),
    "v_sync_run": ("run_id",),
    "v_rejected_row": ("id",),
    "v_privacy_log": ("id",),
}
"""What a view has one line for. The masked view has no key: two masked message ids may look alike."""
MAY_BE_NULL = {"check_level", "region_code", "carrier", "currency"}
VALUES: dict[tuple[str, str], list[Any]] = {
    ("v_coverage", "state"): [str(state) for state in State],
    ("v_batch_summary", "complete"): ["YES", "NO"],
    ("v_sync_run", "narrowed"): ["YES", "NO"],
    ("v_sync_run", "status"): [*STATUS.values(), "running", "interrupted"],
    ("v_sync_run", "exit_code"): [*STATUS],
    ("v_privacy_log", "action"): ["erase", "import", "pseudonymise", "expire"],
}
FLAGS = {field.name for field in FIELDS if field.kind == "flag"}
"""Columns that hold the vendor's YES, NO and UNKNOWN. What else it says is kept, so that is a warning."""
PROVEN = {
    "accepted_values": {
        "arguments": {"values": [0], "quote": False},
        "config": {"where": "state in ('open', 'settled')"},
    }
}
"""Of `missing_rows`: what counts as complete has none."""
FRESH = {
    "loaded_at_field": "finished_at",
    "freshness": {
        "filter": "status = 'complete' and narrowed = 'NO'",
        "warn_after": {"count": 26, "period": "hour"},
        "error_after": {"count": 50, "period": "hour"},
    },
}
"""How old the last run is that was complete for the whole window, as the alert rules have it."""


def sources() -> dict[str, Any]:
    """The content of the file."""
    source = {
        "name": "numbercheck",
        "description": "What numbercheck copies from the vendor, and what it knows of the copy. Times are UTC",
        "schema": "{{ var('numbercheck_schema', 'public') }}",
        "tables": [table(view) for view in views.VIEWS],
    }
    return {"version": 2, "sources": [source]}


def table(view: View) -> dict[str, Any]:
    """A view. The tag `whole_numbers` is for those that a reader of the masked views may not read."""
    made: dict[str, Any] = {"name": view.name, "description": f"{view.comment}. For example: {view.question}"}
    config = FRESH if view.name == "v_sync_run" else {}
    config |= {} if view.masked else {"tags": ["whole_numbers"]}
    made |= {"config": config} if config else {}
    if view.name in KEYS:
        made["data_tests"] = [{"one_line_for_each": {"arguments": {"columns": [*KEYS[view.name]]}}}]
    return made | {"columns": [column(view, name) for name in view.columns]}


def column(view: View, name: str) -> dict[str, Any]:
    """A column of a view, with its tests."""
    made = {"name": str(name), "description": view.columns[name], "data_type": TYPES[view.kinds[name]]}
    tests = list(tests_of(view, name))
    return made | ({"data_tests": tests} if tests else {})


def tests_of(view: View, name: str) -> Iterator[Any]:
    """The tests of a column."""
    if name in KEYS.get(view.name, ()) and name not in MAY_BE_NULL:
        yield "not_null"
    if (values := VALUES.get((view.name, name))) is not None:
        quote = {} if isinstance(values[0], str) else {"quote": False}
        yield {"accepted_values": {"arguments": {"values": values} | quote}}
    if name in FLAGS and view.name != "v_daily_summary":
        yield {
            "accepted_values": {"arguments": {"values": ["YES", "NO", "UNKNOWN"]}, "config": {"severity": "warn"}}
        }
    if (view.name, name) == ("v_coverage", "missing_rows"):
        yield PROVEN


class Dumper(yaml.SafeDumper):
    """Writes what occurs twice twice, not as a reference."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def text() -> str:
    """The text of the file."""
    return HEAD + yaml.dump(sources(), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=115)


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
