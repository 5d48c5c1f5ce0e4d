"""What tells that a batch day was missed, and how far a reading in full has come.

v_coverage keeps its columns. Of a batch day that was lost without ever being asked for, it now says that all
submitted rows are missing. The view is in views/0006, and is as frozen as this file. It can run again after it was
interrupted on a server that cannot roll back DDL.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from alembic.util import load_python_file

from etl.database.types import OPTIONS, BigId, ExactText, UtcTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

steps = load_python_file(Path(__file__).resolve().parents[1], "steps.py")
FULL_READ = "full_read"


def upgrade() -> None:
    for table, column in _columns():
        steps.add_column(table, column)
    if not sa.inspect(op.get_bind()).has_table(FULL_READ):
        _create_full_read()
    steps.put_view("v_coverage", revision)


def downgrade() -> None:
    steps.put_view("v_coverage", "0002")
    if sa.inspect(op.get_bind()).has_table(FULL_READ):
        op.drop_table(FULL_READ)
    for table, column in _columns():
        steps.drop_column(table, column.name)


def _columns() -> tuple[tuple[str, sa.Column[object]], ...]:
    planned_to = "Up to which date everything that the lists name is planned"
    full_pages = "Pages that an unfinished reading in full has read"
    return (
        ("account", sa.Column("planned_to", sa.Date(), comment=planned_to)),
        (
            "batch_listing",
            sa.Column("told_at", UtcTime(), comment="Since when a batch without a date is on the list (UTC)"),
        ),
        ("batch_day", sa.Column("full_at", UtcTime(), comment="When it was last read in full by --full (UTC)")),
        ("batch_day", sa.Column("full_pages", sa.Text(), comment=full_pages)),
    )


def _create_full_read() -> None:
    scope = "What it is narrowed to, as a SHA-256; empty: nothing"
    op.create_table(
        FULL_READ,
        sa.Column("account_id", BigId, autoincrement=False, nullable=False, comment="The account"),
        sa.Column("scope", ExactText(64), nullable=False, comment=scope),
        sa.Column("began_at", UtcTime(), nullable=False, comment="When it began (UTC)"),
        sa.PrimaryKeyConstraint("account_id", "scope", name="pk_full_read"),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name="fk_full_read_account_id"),
        comment="Readings in full (--full) that a bound or a failure ended, and that the next one goes on with",
        **OPTIONS,
    )
