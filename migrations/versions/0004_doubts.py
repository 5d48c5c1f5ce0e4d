"""What is in doubt of a batch, and which runs were narrowed.

v_batch_summary gets the column doubt, v_sync_run the column narrowed. Runs recorded so far count as not narrowed.
It can run again after it was interrupted on a server that cannot roll back DDL.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic.util import load_python_file

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

steps = load_python_file(Path(__file__).resolve().parents[1], "steps.py")
VIEWS = ("v_batch_summary", "v_sync_run")
NARROWED = sa.Column(
    "narrowed",
    sa.Boolean(),
    nullable=False,
    server_default=sa.false(),
    comment="It was limited to some batches or dates, and says nothing about the others",
)


def upgrade() -> None:
    steps.add_column("sync_run", NARROWED)
    for name in VIEWS:
        steps.put_view(name, revision)


def downgrade() -> None:
    for name in VIEWS:
        steps.take_view_back(name, down_revision)
    steps.drop_column("sync_run", "narrowed")
