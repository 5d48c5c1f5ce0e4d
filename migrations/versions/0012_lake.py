"""What a lake needs to follow this database: versions of batch days, archived dates, and an id of the database.

It can run again after it was interrupted on a server that cannot roll back DDL.
"""

from __future__ import annotations

import secrets
from pathlib import Path

import sqlalchemy as sa
from alembic import op
from alembic.util import load_python_file

from etl.database.types import OPTIONS, ExactText, UtcTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

steps = load_python_file(Path(__file__).resolve().parents[1], "steps.py")
IDENTITY = "database_identity"
INDEX = "ix_batch_day_archived_at"
VERSION = "Rises with every change of what the views show of it, times aside; milliseconds since 1970 or one more"
ARCHIVED = "When its rows began to leave this database, because the lake has them (UTC)"
EXPORTED = "When a lake last had all that this database holds of this account (UTC)"


def upgrade() -> None:
    steps.add_column("batch_day", _version())
    steps.add_column("batch_day", sa.Column("archived_at", UtcTime(), comment=ARCHIVED))
    if INDEX not in _indexes():
        op.create_index(INDEX, "batch_day", ["archived_at"])
    steps.add_column("account", sa.Column("lake_exported_at", UtcTime(), comment=EXPORTED))
    if IDENTITY not in sa.inspect(op.get_bind()).get_table_names():
        _create_identity()
    _identify()
    steps.put_view("v_coverage", revision)


def downgrade() -> None:
    steps.take_view_back("v_coverage", down_revision)
    if "archived_at" in {column["name"] for column in sa.inspect(op.get_bind()).get_columns("batch_day")}:
        # What an earlier version knows as expired, it does not ask for either.
        op.execute("UPDATE batch_day SET expired_at = coalesce(expired_at, archived_at)")
    if IDENTITY in sa.inspect(op.get_bind()).get_table_names():
        op.drop_table(IDENTITY)
    steps.drop_column("account", "lake_exported_at")
    if INDEX in _indexes():
        op.drop_index(INDEX, "batch_day")
    steps.drop_column("batch_day", "archived_at")
    steps.drop_column("batch_day", "version")


def _indexes() -> set[str | None]:
    return {index["name"] for index in sa.inspect(op.get_bind()).get_indexes("batch_day")}


def _version() -> sa.Column[int]:
    return sa.Column("version", sa.BigInteger(), comment=VERSION, nullable=False, server_default="0")


def _create_identity() -> None:
    op.create_table(
        IDENTITY,
        sa.Column(
            "number",
            sa.Integer(),
            comment="1: there is one id",
            primary_key=True,
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("database_id", ExactText(32), comment="Random; a copy has the same", nullable=False),
        comment="By which a lake knows the database that fills it",
        **OPTIONS,
    )


def _identify() -> None:
    table = sa.table(IDENTITY, sa.column("number"), sa.column("database_id"))
    if op.get_bind().execute(sa.select(table.c.number)).first() is None:
        op.bulk_insert(table, [{"number": 1, "database_id": secrets.token_hex(16)}])
