"""Views that answer an analyst's questions, and the index for a carrier over some days.

v_number_check keeps its columns. It names the tables that are asked by first, for PostgreSQL moves only the first
eight of a query about (join_collapse_limit): a condition on the carrier was looked at last.
The views lie beside it, in views/0003, and are as frozen as this file. It can run again after it was interrupted
on a server that cannot roll DDL back.
"""

from __future__ import annotations

from pathlib import Path

from alembic.util import load_python_file

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

steps = load_python_file(Path(__file__).resolve().parents[1], "steps.py")
NEW_VIEWS = ("v_daily_summary", "v_phone_latest", "v_batch_summary", "v_number_check_masked")
TABLE = "number_check"
NEW_INDEX, OLD_INDEX = "ix_number_check_carrier_id_batch_day_id", "ix_number_check_carrier_id"


def upgrade() -> None:
    steps.replace_index(TABLE, NEW_INDEX, ["carrier_id", "batch_day_id"], OLD_INDEX)
    for name in ("v_number_check", *NEW_VIEWS):
        steps.put_view(name, revision)


def downgrade() -> None:
    steps.drop_views(NEW_VIEWS)
    steps.put_view("v_number_check", down_revision)
    steps.replace_index(TABLE, OLD_INDEX, ["carrier_id"], NEW_INDEX)
