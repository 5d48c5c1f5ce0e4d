"""What the lookups hold at first, and the views that readers get.

Both lie beside it, in data/0002 and views/0002, and are as frozen as this file. It can run again after it was
interrupted on a server that cannot roll DDL back.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op

from etl.database.types import MYSQL_FAMILY

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

HERE = Path(__file__).resolve().parents[1]
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
        seed(table)
    for name in VIEWS:
        create_view(name)


def downgrade() -> None:
    for name in VIEWS:
        op.execute(f"DROP VIEW IF EXISTS {name}")


def seed(table: sa.TableClause) -> None:
    with (HERE / "data" / revision / f"{table.name}.csv").open(encoding="utf-8", newline="") as file:
        lines = [
            {name: value(table.c[name], text) for name, text in line.items()} for line in csv.DictReader(file)
        ]
    key = table.c[next(iter(lines[0]))]
    known = set(op.get_bind().scalars(sa.select(key)))
    op.bulk_insert(table, [line for line in lines if line[key.name] not in known])


def value(column: sa.ColumnClause[Any], text: str) -> Any:
    return column.type.python_type(text) if text else None


def create_view(name: str) -> None:
    sql = (HERE / "views" / revision / f"{name}.sql").read_text(encoding="utf-8")
    if op.get_bind().dialect.name in MYSQL_FAMILY:
        sql = sql.replace("AS BIGINT", "AS SIGNED")
    op.execute(f"DROP VIEW IF EXISTS {name}")
    op.execute(sql)
