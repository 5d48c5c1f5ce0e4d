"""One table with a column for each field of the vendor's rows: what scripts usually write into."""

from __future__ import annotations

KEY = ("message_id", "phone")
# Column: the vendor's name for it.
COLUMNS = {
    "message_id": "messageId",
    "phone": "phone",
    "batch_no": "batchNo",
    "check_level": "checkLevel",
    "pre_check": "preCheck",
    "region_code": "regionCode",
    "country_code": "countryCode",
    "national_number": "nationalNumber",
    "stand_number": "standNumber",
    "number_type": "numberType",
    "carrier": "carrier",
    "price": "price",
    "currency": "currency",
    "validity": "validity",
    "reachable": "reachable",
    "roaming": "roaming",
    "mcc": "mcc",
    "mnc": "mnc",
    "ported": "ported",
    "active": "active",
    "early": "early",
    "answered": "answered",
    "response": "response",
    "fail_reason": "failReason",
}
INTEGERS = ("check_level", "number_type")
NAMES = ", ".join(COLUMNS)
UPDATES = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS if name not in KEY)
ON_CONFLICT = f"ON CONFLICT ({', '.join(KEY)}) DO UPDATE SET {UPDATES}"


def type_of(column: str) -> str:
    """Its SQL type."""
    if column in INTEGERS:
        return "integer"
    return "numeric(18,6)" if column == "price" else "text"


def create(table: str = "number_check") -> str:
    """The statement that creates the table if it does not exist yet."""
    columns = ", ".join(f"{name} {type_of(name)}" for name in COLUMNS)
    return f"CREATE TABLE IF NOT EXISTS {table} ({columns}, PRIMARY KEY ({', '.join(KEY)}))"


def upsert_from(staging: str) -> str:
    """The statement that copies all rows from a staging table with the same columns."""
    return f"INSERT INTO number_check ({NAMES}) SELECT {NAMES} FROM {staging} WHERE true {ON_CONFLICT}"
