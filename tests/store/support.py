"""Rows for tests, inserted into the tables directly."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from etl.schema import tables
from etl.store.lookups import combination

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
    values = {"first_seen_at": MOMENT, "last_changed_at": MOMENT} | in_category(connection, values)
    insert(connection, tables.number_check, batch_day_id=day, message_id=message_id, phone=phone, **values)


def in_category(connection: sa.Connection, values: dict[str, Any]) -> dict[str, Any]:
    """The values of a check, with the number of its category in place of what stands there."""
    shared = {name: values.get(name) for name in SHARED}
    own = {name: value for name, value in values.items() if name not in SHARED}
    return own | {"category_id": add_category(connection, **shared)}


def add_category(connection: sa.Connection, **codes: Any) -> int:
    """The number of this combination, which is added if it is not there."""
    found = combination(codes.get(name) for name in SHARED)
    number = connection.scalar(sa.select(tables.category.c.category_id).filter_by(combination=found))
    return int(number or insert(connection, tables.category, combination=found, **codes))


SHARED = [column.name for column in tables.category.c][1:-1]
KEY = {"message_id": "m1", "phone": "84980000001"}
SHARED_SAMPLE = {"check_level": 77, "region_code": "QQ", "number_type": "77", "carrier_id": 11, "currency": "VND"}
RESULTS = {
    "hlr_result": {"validity": "YES", "mcc": "452"},
    "call_result": {"early": "NO", "response": "asleep"},
}
"""The results of the check of SAMPLE, and the tables that hold them before 0010."""
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
    "full_read": {"account_id": 7, "scope": "", "began_at": MOMENT},
    "check_level": {"code": 77, "name": "unknown (77)"},
    "number_type": {"vendor_value": "77", "code": 77, "name": "unknown (77)"},
    "call_response": {"code": "asleep", "name": "unknown (asleep)"},
    "region": {"code": "QQ", "name": "unknown (QQ)"},
    "currency": {"code": "VND"},
    "carrier": {"carrier_id": 11, "name": "Viettel"},
    "category": {"category_id": 13, "combination": "77|QQ|77|11|VND"} | SHARED_SAMPLE,
    "number_check": KEY
    | RESULTS["hlr_result"]
    | RESULTS["call_result"]
    | {
        "batch_day_id": 10,
        "category_id": 13,
        "price": Decimal("0.0056"),
        "extra": {"new": Decimal("1.10")},
        "first_seen_at": MOMENT,
        "last_changed_at": MOMENT,
    },
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
    "privacy_key": {"number": 1, "fingerprint": "f" * 43, "since": MOMENT},
    "erased_phone": {
        "account_id": 7,
        "mac": "m" * 43,
        "digits": 11,
        "whole": True,
        "erased_at": MOMENT,
        "until_date": DAY,
    },
    "privacy_log": {
        "privacy_log_id": 14,
        "account_id": 7,
        "happened_at": MOMENT,
        "action": "erase",
        "who": "somebody",
        "phones": 1,
        "changed_rows": 2,
        "reason": "request 17",
    },
    "daily_total": {
        "batch_day_id": 10,
        "category_id": 13,
        "checked_rows": 3,
        "priced_rows": 3,
        "cost": Decimal("0.0168"),
    },
    # The first one is made by the revision, and another one in each database.
    "database_identity": {"number": 2, "database_id": "0123456789abcdef" * 2},
}


LATER = {
    "full_read",
    "category",
    "privacy_key",
    "erased_phone",
    "privacy_log",
    "daily_total",
    "database_identity",
}
"""Tables that the first revision does not have."""


def add_sample(connection: sa.Connection) -> None:
    """Insert SAMPLE into those tables and columns that the schema has at its current revision."""
    for name, row in SAMPLE.items():
        if name in LATER and not sa.inspect(connection).has_table(name):
            continue
        _insert_reflected(connection, name, row | (SHARED_SAMPLE if name == "number_check" else {}))
        if name == "number_check" and sa.inspect(connection).has_table("hlr_result"):
            for part, results in RESULTS.items():
                _insert_reflected(connection, part, KEY | results)


def _insert_reflected(connection: sa.Connection, name: str, row: dict[str, Any]) -> None:
    there = {column["name"] for column in sa.inspect(connection).get_columns(name)}
    table = sa.table(name, *(sa.column(column, _type_of(name, column)) for column in row if column in there))
    connection.execute(sa.insert(table).values({column: row[column] for column in row if column in there}))


def _type_of(table: str, column: str) -> sa.types.TypeEngine[Any]:
    """The type of a column; before 0010, it may have been in another table."""
    of = (tables.metadata.tables.get(table), tables.number_check, tables.category)
    return next(each.c[column].type for each in of if each is not None and column in each.c)


def read_sample(connection: sa.Connection) -> dict[str, dict[str, Any]]:
    """The part of SAMPLE that the database holds, at whatever revision it is."""
    found = {}
    for name, row in SAMPLE.items():
        if name == "category" and not sa.inspect(connection).has_table(name):
            found |= _read_before_0010(connection)
        elif name not in found:
            table = tables.metadata.tables[name]
            keys = [table.c.combination] if name == "category" else [*table.primary_key]
            keys = [column for column in keys if column.name in row]
            columns = [table.c[column] for column in row]
            query = sa.select(*columns).where(*(key == row[key.name] for key in keys))
            rows = [dict(line) for line in connection.execute(query).mappings()]
            # A table that came with a later revision than the sample is empty.
            [found[name]] = rows or ([row] if name in LATER else [])
    # The migration numbers categories by itself.
    found["category"]["category_id"] = found["number_check"]["category_id"] = 13
    return found


def _read_before_0010(connection: sa.Connection) -> dict[str, dict[str, Any]]:
    """The check of SAMPLE as it is today, from the tables that there were before."""
    row = SAMPLE["number_check"] | SHARED_SAMPLE
    names = {name: set(row) & {c["name"] for c in sa.inspect(connection).get_columns(name)} for name in OLD_CHECKS}
    parts = [sa.table(name, *(sa.column(c, _type_of(name, c)) for c in names[name])) for name in OLD_CHECKS]
    values: dict[str, Any] = {}
    for part in parts:
        values |= connection.execute(sa.select(part)).mappings().one()
    shared = {name: values.pop(name) for name in SHARED}
    return {"category": SAMPLE["category"] | shared, "number_check": values | {"category_id": 13}}


OLD_CHECKS = ("number_check", *RESULTS)
