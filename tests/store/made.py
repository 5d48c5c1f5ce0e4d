"""Typed rows and pages for tests, as etl/vendor makes them."""

from __future__ import annotations

import datetime as dt
import hashlib
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from etl.core.checkrow import CheckRow, RejectedRow
from etl.core.fields import FIELDS, Field
from etl.core.page import Page
from etl.core.window import Window
from etl.store.lookups import Lookups
from tests.store.support import add_batch, add_batch_day

NOTHING = dict.fromkeys(CheckRow._fields)
ZONE = ZoneInfo("Asia/Shanghai")
NOW = dt.datetime(2026, 3, 14, 4, 30, tzinfo=dt.UTC)  # 12:30 on 2026-03-14 in China
HOUR = dt.timedelta(hours=1)


def window(moment: dt.datetime = NOW, days: int = 14, zone: ZoneInfo = ZONE, hours: float = 12) -> Window:
    """The window: by default, 2026-03-01 to 2026-03-14."""
    return Window(moment, days, zone, dt.timedelta(hours=hours))


def check(message_id: str = "m1", phone: str = "84980000001", **fields: Any) -> CheckRow:
    """A row in which all other fields are blank."""
    return CheckRow(**NOTHING | {"message_id": message_id, "phone": phone} | fields)


def sample(field: Field, turn: int = 0) -> Any:
    """A value that fits the column of a field: a different one for each `turn`, and never a blank."""
    match field.kind:
        case "integer":
            return turn
        case "price":
            return Decimal(turn) / 8
        case "flag":
            return ("YES", "NO", "UNKNOWN")[turn % 3]
    return f"{field.name} {turn}"[-field.length :]


def samples(turn: int = 0) -> dict[str, Any]:
    """Such a value for every field that is not part of the key."""
    return {field.name: sample(field, turn) for field in FIELDS[2:]}


def hlr(message_id: str = "m1", phone: str = "84980000001", **fields: Any) -> CheckRow:
    """A row of an HLR check; it waits for its outcome unless a field of the outcome is given."""
    return check(message_id, phone, check_level=5, **fields)


def bad(payload: str = "{}", reason: str = "message_id_missing") -> RejectedRow:
    """A row that cannot be stored."""
    return RejectedRow(reason, payload, hashlib.sha256(payload.encode()).hexdigest())


def page(*rows: CheckRow | RejectedRow, number: int = 1, total: int | None = None, more: int = 0) -> Page:
    """An answer with these rows; `more` further listings only repeat some of them."""
    checks = tuple(row for row in rows if isinstance(row, CheckRow))
    rejected = tuple(row for row in rows if isinstance(row, RejectedRow))
    received = len(rows) + more
    return Page(number, received if total is None else total, checks, rejected, {}, {}, received, "page")


def batch_day(connection: sa.Connection, batch_no: str = "B1", account: str = "default", **values: Any) -> int:
    """The number of a new batch day of a new batch."""
    return add_batch_day(connection, add_batch(connection, batch_no, account), **values)


def lookups() -> Lookups:
    """The lookups as a new run knows them."""
    return Lookups()


def table(connection: sa.Connection, table: sa.Table) -> list[dict[str, Any]]:
    """Every row of a table."""
    return [dict(row._mapping) for row in connection.execute(sa.select(table))]
