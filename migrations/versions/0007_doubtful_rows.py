"""How many rows of a batch day have a value that its column could not take.

The count is kept up to date by the difference that each answer makes, so what is held now has to be counted first.
It can run again after it was interrupted on a server that cannot roll back DDL: the count is set, not added to.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op
from alembic.util import load_python_file
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

steps = load_python_file(Path(__file__).resolve().parents[1], "steps.py")
TABLE, COLUMN = "batch_day", "doubtful_rows"
COMMENT = "Rows held with a value that its column could not take; `extra` in number_check has it"
# The vendor's names of a field, and the column that is empty where the value did not fit.
CHECK = {
    "checkLevel": "check_level",
    "preCheck": "pre_check",
    "regionCode": "region_code",
    "country": "region_code",
    "countryCode": "country_code",
    "nationalNumber": "national_number",
    "standNumber": "standard_number",
    "numberType": "number_type",
    "carrier": "carrier_id",
    "operator": "carrier_id",
    "price": "price",
    "currency": "currency",
    "failReason": "fail_reason",
}
HLR = {name: name for name in ("validity", "reachable", "roaming", "mcc", "mnc", "ported", "active")}
CALL = {
    "early": "early",
    "ring": "early",
    "answered": "answered",
    "answer": "answered",
    "response": "response",
    "responseStatus": "response",
}
COLUMN_OF = CHECK | HLR | CALL
KEY = ("message_id", "phone")


def upgrade() -> None:
    column = sa.Column(COLUMN, sa.BigInteger(), comment=COMMENT, nullable=False, server_default="0")
    steps.add_column(TABLE, column)
    days = sa.table(TABLE, sa.column("batch_day_id"), sa.column(COLUMN))
    connection = op.get_bind()
    connection.execute(sa.update(days).values({COLUMN: 0}).where(days.c[COLUMN] != 0))
    for day_id, rows in sorted(_doubtful_rows(connection).items()):
        connection.execute(sa.update(days).values({COLUMN: rows}).where(days.c.batch_day_id == day_id))


def downgrade() -> None:
    steps.drop_column(TABLE, COLUMN)


def _doubtful_rows(connection: sa.Connection) -> Counter[int]:
    """How many there are of each batch day; only rows with something in `extra` are read."""
    json = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
    check = sa.table("number_check", *map(sa.column, ("batch_day_id", *KEY, *sorted(set(CHECK.values())))))
    hlr = sa.table("hlr_result", *map(sa.column, (*KEY, *HLR.values())))
    call = sa.table("call_result", *map(sa.column, (*KEY, *sorted(set(CALL.values())))))
    joined: Any = check
    for part in (hlr, call):
        joined = joined.outerjoin(part, sa.and_(*(part.c[name] == check.c[name] for name in KEY)))
    columns = [c for table in (check, hlr, call) for c in table.c if c.name not in KEY]
    extra = sa.column("extra", json)
    query = sa.select(extra, *columns).select_from(joined).where(extra.is_not(None))
    found: Counter[int] = Counter()
    for row in connection.execute(query, execution_options={"stream_results": True}):
        found[row.batch_day_id] += _is_doubtful(row.extra, row._mapping)
    return +found


def _is_doubtful(extra: dict[str, Any], row: Any) -> bool:
    names = {name for name in extra if name in COLUMN_OF}
    cost = extra.get("cost")
    if cost is not None:
        names |= {name for name in ("price", "currency") if not isinstance(cost, dict) or name in cost}
    return any(row[COLUMN_OF[name]] is None for name in names)
