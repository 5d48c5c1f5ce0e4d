"""Views that call no stranger's functions, a lock that only writers can take, and notes in our own words.

It can run again after it was interrupted on a server that cannot roll back DDL.
"""

from __future__ import annotations

import re
from pathlib import Path

import sqlalchemy as sa
from alembic import op
from alembic.util import load_python_file

from etl.database.types import ExactText

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

steps = load_python_file(Path(__file__).resolve().parents[1], "steps.py")
VIEWS = (
    "v_number_check",
    "v_coverage",
    "v_sync_run",
    "v_rejected_row",
    "v_number_check_masked",
    "v_daily_summary",
    "v_batch_summary",
    "v_phone_latest",
)
COLUMNS = {
    "lock_key": (32, "Random name of the lock of the run that holds this account, or held it last"),
    "lock_session": (128, "The session of the database that took this lock; it counts in no other"),
}
# What the vendor said, as notes of earlier versions hold it: it may contain phone numbers.
VENDORS_WORDS = re.compile(": “.*”", re.DOTALL)


def upgrade() -> None:
    for name, (length, comment) in COLUMNS.items():
        steps.add_column("account", sa.Column(name, ExactText(length), comment=comment))
    if op.get_bind().dialect.name == "postgresql":
        # Only there may a view have been bound to functions that others created.
        for view in VIEWS:
            steps.put_view(view, revision)
    _keep_our_words()


def downgrade() -> None:
    for name in reversed(COLUMNS):
        steps.drop_column("account", name)


def _keep_our_words() -> None:
    day = sa.table("batch_day", sa.column("batch_day_id"), sa.column("note"))
    connection = op.get_bind()
    found = sa.select(day.c.batch_day_id, day.c.note).where(day.c.note.contains("“"))
    for number, note in connection.execute(found).all():
        own = VENDORS_WORDS.sub("", note)
        connection.execute(sa.update(day).values(note=own).where(day.c.batch_day_id == number))
