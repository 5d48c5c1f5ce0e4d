"""A batch can be retired on one date: the column `batch_listing.retired_at`."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from alembic.util import load_python_file

from etl.database.types import UtcTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

steps = load_python_file(Path(__file__).resolve().parents[1], "steps.py")
TABLE = "batch_listing"
COMMENT = "When this date was retired: not looked for, whatever list names it (UTC)"


def upgrade() -> None:
    steps.add_column(TABLE, sa.Column("retired_at", UtcTime(), comment=COMMENT))


def downgrade() -> None:
    # Without the column a mark would be a line like any other. Where it is gone already, the marks are too.
    if "retired_at" in {column["name"] for column in sa.inspect(op.get_bind()).get_columns(TABLE)}:
        op.execute(f"DELETE FROM {TABLE} WHERE retired_at IS NOT NULL")  # noqa: S608  (a name of our own)
    steps.drop_column(TABLE, "retired_at")
