"""Views that answer an analyst's questions, and the index for a carrier over some days.

v_number_check keeps its columns. It names the tables that are asked by first, for PostgreSQL moves only the first
eight of a query about (join_collapse_limit): a condition on the carrier was looked at last.
The views lie beside it, in views/0003, and are as frozen as this file. It can run again after it was interrupted
on a server that cannot roll DDL back.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op

from etl.database.types import MYSQL_FAMILY

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

HERE = Path(__file__).resolve().parents[1] / "views"
NEW_VIEWS = ("v_daily_summary", "v_phone_latest", "v_batch_summary", "v_number_check_masked")
MYSQL_WORDS = {
    "AS BIGINT": "AS SIGNED",
    "DAYS(newest.check_date)": "datediff(utc_date(), newest.check_date)",
    "TODAY": "utc_date()",
}
# What each kind of server calls what the files write in upper case.
WORDS = {
    "postgresql": {
        "DAYS(newest.check_date)": "(now() AT TIME ZONE 'UTC')::date - newest.check_date",
        "TODAY": "(now() AT TIME ZONE 'UTC')::date",
    },
    "sqlite": {
        "DAYS(newest.check_date)": "CAST(julianday(date('now')) - julianday(newest.check_date) AS INTEGER)",
        "TODAY": "date('now')",
    },
    **dict.fromkeys(MYSQL_FAMILY, MYSQL_WORDS),
}
TABLE = "number_check"
NEW_INDEX, OLD_INDEX = "ix_number_check_carrier_id_batch_day_id", "ix_number_check_carrier_id"


def upgrade() -> None:
    replace_index(NEW_INDEX, ["carrier_id", "batch_day_id"], OLD_INDEX)
    for name in ("v_number_check", *NEW_VIEWS):
        put_view(name, revision)


def downgrade() -> None:
    for name in NEW_VIEWS:
        op.execute(f"DROP VIEW IF EXISTS {name}")
    put_view("v_number_check", down_revision)
    replace_index(OLD_INDEX, ["carrier_id"], NEW_INDEX)


def replace_index(new: str, columns: list[str], old: str) -> None:
    """The new one first: MariaDB has none to spare for the foreign key."""
    there = {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(TABLE)}
    if new not in there:
        op.create_index(new, TABLE, columns)
    if old in there:
        op.drop_index(old, TABLE)


def put_view(name: str, directory: str) -> None:
    """Create it, or give it other insides: who may read it, and what a customer built upon it, stays."""
    dialect = op.get_bind().dialect.name
    own = HERE / directory / dialect / f"{name}.sql"
    sql = (own if own.is_file() else HERE / directory / f"{name}.sql").read_text(encoding="utf-8")
    for word, meaning in WORDS[dialect].items():
        sql = sql.replace(word, meaning)
    if dialect == "sqlite":
        op.execute(f"DROP VIEW IF EXISTS {name}")
    else:
        sql = sql.replace("CREATE VIEW", "CREATE OR REPLACE VIEW")
    op.execute(sql)
