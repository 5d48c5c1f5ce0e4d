"""What answers have shown of the page size, and the vendor's count as it came.

`batch_day.reported_rows` holds the vendor's count only as far as it is believed. It can run again after it was
interrupted on a server that cannot roll back DDL.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic.util import load_python_file

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

steps = load_python_file(Path(__file__).resolve().parents[1], "steps.py")


def upgrade() -> None:
    steps.add_column(
        "account",
        sa.Column(
            "page_size", sa.Integer(), comment="Rows per page, as answers have shown; NULL: the documented 100"
        ),
    )
    steps.add_column(
        "batch_day",
        sa.Column("claimed_rows", sa.BigInteger(), comment="The vendor's count as it came; NULL: never asked"),
    )
    steps.add_column(
        "batch_day",
        sa.Column(
            "page_size",
            sa.Integer(),
            comment="Rows per page, as pages_read counts them; NULL: the documented 100",
        ),
    )


def downgrade() -> None:
    steps.drop_column("batch_day", "page_size")
    steps.drop_column("batch_day", "claimed_rows")
    steps.drop_column("account", "page_size")
