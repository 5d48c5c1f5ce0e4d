"""What the lookups hold at first, and the views that readers get.

Both lie beside it, in data/0002 and views/0002, and are as frozen as this file. It can run again after it was
interrupted on a server that cannot roll DDL back.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic.util import load_python_file

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

steps = load_python_file(Path(__file__).resolve().parents[1], "steps.py")
VIEWS = ("v_number_check", "v_coverage", "v_sync_run", "v_rejected_row")
LOOKUPS = (
    sa.table("check_level", sa.column("code", sa.Integer()), sa.column("name", sa.String())),
    sa.table(
        "number_type",
        sa.column("vendor_value", sa.String()),
        sa.column("code", sa.Integer()),
        sa.column("name", sa.String()),
    ),
    sa.table("call_response", sa.column("code", sa.String()), sa.column("name", sa.String())),
    sa.table("region", sa.column("code", sa.String()), sa.column("name", sa.String())),
)


def upgrade() -> None:
    for table in LOOKUPS:
        steps.fill(table, revision)
    for name in VIEWS:
        steps.put_view(name, revision)


def downgrade() -> None:
    steps.drop_views(VIEWS)
