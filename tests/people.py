"""A vendor whose rows name people wherever a row can, and a search for them in all that a database holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from etl.database.engine import reading
from etl.database.sqlitefile import files_of
from etl.emulator import Book, VendorRow
from etl.privacy.macs import Macs
from etl.privacy.numbers import without_country
from etl.scrub import digit_runs

KEY = "a privacy key for tests, of more than 32 bytes"
MACS = Macs(KEY)
DAY = dt.date(2026, 3, 10)
NEXT = DAY + dt.timedelta(days=1)
TODAY = dt.datetime(2026, 3, 10, 6, tzinfo=dt.UTC)
LATER = dt.datetime(2026, 3, 12, 6, tzinfo=dt.UTC)  # in the vendor's zone, both days are over and settled
LINES = [f"A,{DAY},", f"B,{DAY},", f"A,{NEXT},"]
OUTCOME = dt.datetime(2026, 3, 11, 6, tzinfo=dt.UTC)


def number(n: int) -> str:
    return f"84980{n:06}"


def person(n: int, **fields: Any) -> VendorRow:
    """A row with the number in every place where the vendor may write it."""
    digits = number(n)
    sent = {
        "messageId": f"m{n:05}",
        "phone": digits,
        "checkLevel": 5,
        "preCheck": "YES",
        "regionCode": "VN",
        "countryCode": "84",
        "nationalNumber": f"0{digits[2:]}",
        "standNumber": f"+{digits}",
        "carrier": "Viettel",
        "price": Decimal("0.0056"),
        "currency": "USD",
        "validity": "YES",
        "reachable": "YES",
    }
    return VendorRow(sent | fields)


def book(count: int = 130) -> Book:
    """Two batches on one day and one on the next. What is odd is about the numbers 1 to 12 and 20."""
    made = Book()
    rows = [person(n) for n in range(count)]
    rows[1] = person(1, failReason=f"no answer of +{number(2)}, asked 0{number(1)[2:]}")
    rows[2] = person(2, tags={"said": [f"call {number(3)[:2]} {number(3)[2:]}"], number(2): 1}, score=7)
    rows[4] = person(4, messageId=f"id-{number(4)}")
    rows[5] = person(5, phone=f"+{number(5)}")
    rows[6].resolves_at = OUTCOME
    rows[7].resolves_at = OUTCOME
    rows += [person(8), person(9, carrier="another"), person(10, messageId=f"id-{number(10)}")]
    rows += [person(10, messageId=f"id-{number(10)}")]
    rows += [VendorRow({"phone": number(11), "note": f"+{number(12)[:5]}-{number(12)[5:]}"})]
    rows += [person(20, phone="84980****20")]
    made.add("A", DAY, rows)
    made.add("B", DAY, [person(n, messageId=f"b{n:05}") for n in range(60)])
    made.add("A", NEXT, [person(3), person(90), *(person(n, messageId=f"n{n:05}") for n in range(30))])
    return made


def texts(engine: sa.Engine) -> Iterator[tuple[str, str]]:
    """Each text that a table or a view holds, with the name of the column."""
    inspector = sa.inspect(engine)
    with reading(engine).connect() as connection:
        for name in [*inspector.get_table_names(), *inspector.get_view_names()]:
            for row in connection.execute(sa.text(f"SELECT * FROM {name}")).mappings():  # noqa: S608
                yield from ((f"{name}.{column}", str(value)) for column, value in row.items() if value is not None)


def traces(engine: sa.Engine, *numbers: str) -> set[str]:
    """The columns that hold one of these numbers in any spelling, and the files of SQLite that do."""
    wanted = {without_country(each) or each for each in numbers}
    found = {place for place, text in texts(engine) if any(w in run for run in _runs(text) for w in wanted)}
    for file in files_of(engine.url):
        content = file.read_bytes() if file.exists() else b""
        found |= {file.name for each in wanted if each.encode() in content}
    return found


def _runs(text: str) -> set[str]:
    joined = "".join(sign for sign in text if sign.isdigit())
    return digit_runs(text) | ({joined} if len(text) <= 64 else set())


def figures(coverage: dict[Any, dict[str, Any]]) -> dict[Any, dict[str, Any]]:
    """What must not change when people are erased."""
    names = ("state", "reported_rows", "stored_rows", "missing_rows", "repeated_rows", "rejected_rows")
    return {key: {name: row[name] for name in names} for key, row in coverage.items()}
