"""Rows for tests, inserted into the tables directly."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from etl.schema import tables

DAY = dt.date(2026, 3, 1)
MOMENT = dt.datetime(2026, 3, 1, 12, 34, 56, 789012, tzinfo=dt.UTC)
DEADLINE = dt.datetime(2026, 3, 14, 16, tzinfo=dt.UTC)


def insert(connection: sa.Connection, table: sa.Table, **values: Any) -> Any:
    """Insert one row; returns its primary key if that is a single column."""
    key = connection.execute(table.insert().values(**values)).inserted_primary_key
    return key[0] if key else None


def add_batch(connection: sa.Connection, batch_no: str = "B1", account: str = "default") -> int:
    account_id = connection.scalar(sa.select(tables.account.c.account_id).filter_by(name=account))
    account_id = account_id or insert(connection, tables.account, name=account)
    return int(insert(connection, tables.batch, account_id=account_id, batch_no=batch_no))


def add_batch_day(connection: sa.Connection, batch_id: int, date: dt.date = DAY, **values: Any) -> int:
    values = {"batch_id": batch_id, "check_date": date, "deadline": DEADLINE} | values
    return int(insert(connection, tables.batch_day, **values))


def add_check(
    connection: sa.Connection, day: int, message_id: str = "m1", phone: str = "84980000001", **values: Any
) -> None:
    values = {"first_seen_at": MOMENT, "last_changed_at": MOMENT} | values
    insert(connection, tables.number_check, batch_day_id=day, message_id=message_id, phone=phone, **values)


KEY = {"message_id": "m1", "phone": "84980000001"}
# A row of every table, in an order that foreign keys allow, with codes that no revision seeds.
SAMPLE: dict[str, dict[str, Any]] = {
    "account": {"account_id": 7, "name": "default"},
    "request_slot": {"account_id": 7, "next_at": 1_772_000_000.123456},
    "batch": {"batch_id": 8, "account_id": 7, "batch_no": "Ñ-批号-🎈", "retired_at": MOMENT},
    "batch_listing": {"batch_listing_id": 9, "batch_id": 8, "source": "file", "submitted_rows": 100},
    "batch_day": {
        "batch_day_id": 10,
        "batch_id": 8,
        "check_date": DAY,
        "deadline": DEADLINE,
        "state": "open",
        "spill": True,
        "reported_rows": 1,
        "stored_rows": 1,
    },
    "check_level": {"code": 77, "name": "unknown (77)"},
    "number_type": {"vendor_value": "77", "code": 77, "name": "unknown (77)"},
    "call_response": {"code": "asleep", "name": "unknown (asleep)"},
    "region": {"code": "QQ", "name": "unknown (QQ)"},
    "currency": {"code": "VND"},
    "carrier": {"carrier_id": 11, "name": "Viettel"},
    "number_check": KEY
    | {
        "batch_day_id": 10,
        "check_level": 77,
        "region_code": "QQ",
        "number_type": "77",
        "carrier_id": 11,
        "price": Decimal("0.0056"),
        "currency": "VND",
        "extra": {"new": Decimal("1.10")},
        "first_seen_at": MOMENT,
        "last_changed_at": MOMENT,
    },
    "hlr_result": KEY | {"validity": "YES", "mcc": "452"},
    "call_result": KEY | {"response": "asleep", "early": "NO"},
    "further_sighting": KEY | {"batch_day_id": 10},
    "repeated_key": KEY | {"batch_day_id": 10, "repeats": 2},
    "awaited_check": KEY | {"batch_day_id": 10, "page": 3, "total": 250, "wait_hours": 2, "due_at": MOMENT},
    "rejected_row": {
        "rejected_row_id": 12,
        "batch_day_id": 10,
        "page": 3,
        "reason": "phone_missing",
        "payload": '{"messageId": "m2"}',
        "digest": "0" * 64,
        "seen_at": MOMENT,
    },
    "sync_run": {
        "run_id": "r1",
        "account_id": 7,
        "started_at": MOMENT,
        "status": "running",
        "window_first": DAY,
        "window_last": DAY,
        "version": "0.1.0",
    },
}


def add_sample(connection: sa.Connection) -> None:
    """Insert SAMPLE into those tables and columns that the schema has at its current revision."""
    for name, row in SAMPLE.items():
        table = tables.metadata.tables[name]
        there = {column["name"] for column in sa.inspect(connection).get_columns(name)}
        insert(connection, table, **{column: value for column, value in row.items() if column in there})


def read_sample(connection: sa.Connection) -> dict[str, dict[str, Any]]:
    """The part of SAMPLE that the database holds."""
    found = {}
    for name, row in SAMPLE.items():
        table = tables.metadata.tables[name]
        keys = [column for column in table.primary_key if column.name in row]
        columns = [table.c[column] for column in row]
        query = sa.select(*columns).where(*(key == row[key.name] for key in keys))
        found[name] = dict(connection.execute(query).mappings().one())
    return found
