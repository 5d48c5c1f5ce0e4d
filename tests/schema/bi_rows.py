"""Known rows for the views, put into the tables and kept as plain dictionaries for tests to compute with."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import sqlalchemy as sa

from etl.schema import tables
from tests.store.support import DAY, DEADLINE, MOMENT, add_batch, add_category, insert

Row = dict[str, Any]

TODAY = dt.datetime.now(dt.UTC).date()
DATES = (DAY, DAY + dt.timedelta(days=1), TODAY - dt.timedelta(days=31), TODAY - dt.timedelta(days=30), TODAY)
PHONES = ("84980000001", "84980000002", "8498****", "12345", "+6591234567")
PRICES = (None, *map(Decimal, ("0.1", "0.2", "0.0056", "0.000001", "3", "7654321.891", "-0.7")))
STATES = ("settled", "open", "incomplete", "pending", "lost")
MONEY = ("price", "cost", "cost_per_reachable")
HLR, CALL = ("validity", "reachable"), ("answered", "response")


def fill(connection: sa.Connection) -> tuple[list[Row], list[Row]]:
    """Add two accounts with three batches each on five dates. Returns the checks and the batch days."""
    for code in ("USD", "VND"):
        insert(connection, tables.currency, code=code)
    carriers = {name: insert(connection, tables.carrier, name=name) for name in ("Viettel", "Globe")}
    dice = random.Random(4)
    days = [day for account in ("acme", "default") for day in _days(connection, account, dice)]
    checks = [_check(number, dice.choice(days), dice) for number in range(900)]
    add_checks(connection, checks, carriers)
    return checks, days


def _days(connection: sa.Connection, account: str, dice: random.Random) -> list[Row]:
    days = []
    for number, batch_no in enumerate(("B1", "B2", "empty")):
        batch = add_batch(connection, batch_no, account)
        for date in () if batch_no == "empty" else DATES[number:]:
            state = dice.choice(STATES[: 2 if (account, batch_no) == ("acme", "B1") else 5])
            day: Row = {"account": account, "batch_no": batch_no, "check_date": date, "state": state}
            counts = {"reported_rows": None, "stored_rows": 0, "repeated_rows": 0, "rejected_rows": 0}
            if state != "pending":
                counts = {name: dice.randrange(9) for name in counts}
            values = {"check_date": date, "state": state, "deadline": DEADLINE} | counts
            days.append(day | counts | {"id": insert(connection, tables.batch_day, batch_id=batch, **values)})
        insert(connection, tables.batch_listing, batch_id=batch, source="file", submitted_rows=number or None)
    return days


def _check(number: int, day: Row, dice: random.Random) -> Row:
    level = dice.choice((1, 4, 5, None))
    price = dice.choice(PRICES)
    row: Row = {"account": day["account"], "batch_no": day["batch_no"], "check_date": day["check_date"]}
    phone = "84980000001" if number < 20 else f"{dice.choice(PHONES)}{number % 97:02}"
    message_id = f"{phone}-{number}" if number % 10 == 0 else f"m{number % 450:03}"
    row |= {"day": day["id"], "message_id": message_id, "phone": phone}
    row |= {"check_level": level, "region_code": dice.choice(("VN", "PH", None)), "price": price}
    row |= {
        "carrier": dice.choice(("Viettel", "Globe", None)),
        "currency": dice.choice(("USD", "VND")) if price else None,
    }
    if day["batch_no"] == "B1":
        row["currency"] = "USD"
    row |= {name: dice.choice(("YES", "NO", "UNKNOWN", None)) if level == 5 else None for name in HLR}
    row |= {
        "answered": dice.choice(("YES", "NO")) if level == 4 else None,
        "response": "bell" if level == 4 else None,
    }
    row["first_seen_at"] = MOMENT + dt.timedelta(minutes=dice.randrange(3))
    return row


def add_checks(connection: sa.Connection, checks: list[Row], carriers: dict[str, int]) -> None:
    """Insert checks that `fill` or a test has made; their batch days and lookups must exist."""
    names = ("message_id", "phone", "price", "first_seen_at", *HLR, *CALL)
    rows = [
        {name: check.get(name) for name in names}
        | {"batch_day_id": check["day"], "category_id": _category(connection, check, carriers)}
        | {"last_changed_at": check["first_seen_at"]}
        | {"national_number": check["phone"][2:], "standard_number": f"+{check['phone']}"}
        | {"fail_reason": f"no answer from {check['phone']}", "extra": {"to": check["phone"]}}
        for check in checks
    ]
    connection.execute(tables.number_check.insert(), rows)


def _category(connection: sa.Connection, check: Row, carriers: dict[str, int]) -> int:
    codes = {name: check.get(name) for name in ("check_level", "region_code", "currency")}
    return add_category(connection, **codes, carrier_id=carriers.get(check.get("carrier") or ""))


def groups(rows: list[Row], *names: str) -> dict[tuple[Any, ...], list[Row]]:
    """Rows grouped by their values of these columns."""

    def key(row: Row) -> tuple[Any, ...]:
        return tuple(row[name] for name in names)

    def order(row: Row) -> tuple[str, ...]:
        return tuple(str(value) for value in key(row))

    return {found: list(group) for found, group in itertools.groupby(sorted(rows, key=order), key)}


def total(rows: list[Row]) -> Decimal | None:
    """The exact sum of the rows' prices; None if none has a price."""
    prices = [row["price"] for row in rows if row["price"] is not None]
    return sum(prices, Decimal(0)) if prices else None


def count(rows: list[Row], name: str, value: Any = "YES") -> int:
    """How many of the rows have this value."""
    return sum(1 for row in rows if row[name] == value)


def each(whole: Decimal | None, by: int) -> Decimal | None:
    """An amount divided, rounded to six decimals, with halves away from zero."""
    if whole is None or by == 0:
        return None
    return (whole / by).quantize(Decimal("0.000001"), ROUND_HALF_UP)


def ask(engine: sa.Engine, query: str) -> list[Row]:
    """The rows as an analyst's tool gets them: with only the driver's types."""
    with engine.connect() as connection:
        found = connection.exec_driver_sql(query).mappings().all()
    return [{name: plain(name, value) for name, value in row.items()} for row in found]


def plain(name: str, value: Any) -> Any:
    """A value as Python has it, whatever the driver: amounts exact, dates and times as such."""
    if value is None:
        return None
    if name in MONEY:
        assert isinstance(value, str | Decimal)
        return Decimal(value)
    if name.endswith("date"):
        return dt.date.fromisoformat(value) if isinstance(value, str) else value
    if name.endswith("_at") or name == "deadline":
        found = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
        return found if found.tzinfo else found.replace(tzinfo=dt.UTC)
    return value
