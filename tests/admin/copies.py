"""Pairs of databases for tests of copying, and rows that a server might not keep as they are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from etl.admin import copying
from etl.database.engine import reading
from etl.schema import tables
from tests.conftest import Start
from tests.store.sessions import new_database
from tests.store.support import DAY, MOMENT, add_batch, add_batch_day, add_check, add_sample, insert

ODD_TEXTS = {
    "m 1 ": "trailing space ",
    "m 1": "no trailing space",
    "M 1": "another case",
    "0001": "𠮷野家 👩‍👩‍👧 🎈",
    "1": "e\u0301 is not é",
    "m-ไทย": "موبايلي\t\n'\"\\%s :x",
    "m-empty": "",
}  # fmt: skip
EXTRA = {
    "big": Decimal("123456789012345678901234567890.12345678901234567890"),
    "huge": 10**60,
    "power": Decimal("1E+3"),
    "nothing": None,
    "empty": {},
    "list": [True, False, Decimal("1.10"), "1.10", "𠮷 "],
    "": {"b": 1, "a": {"z": "\u2028"}},
}


def silently(*_: object) -> None:
    pass


def pair(source: str, target: str) -> Any:
    return pytest.param(
        (source, target),
        marks=[getattr(pytest.mark, kind) for kind in (source, target) if kind != "sqlite"],
        id=f"{source} to {target}",
    )


PAIRS = [
    pair("sqlite", "postgresql"),
    pair("postgresql", "sqlite"),
    pair("sqlite", "mariadb"),
    pair("mariadb", "sqlite"),
    pair("postgresql", "mariadb"),
    pair("mariadb", "postgresql"),
    pair("postgresql", "postgresql"),
    pair("sqlite", "sqlite"),
]
TARGETS = [PAIRS[0], PAIRS[2], PAIRS[7]]
SOURCES = [PAIRS[1], PAIRS[3], PAIRS[7]]


@contextmanager
def two_databases(start_server: Start, kinds: tuple[str, str]) -> Iterator[tuple[sa.Engine, sa.Engine]]:
    """Fresh databases on servers of these kinds, with their schema at head."""
    with new_database(start_server(kinds[0])) as source, new_database(start_server(kinds[1])) as target:
        yield source, target


def add_odd_rows(connection: sa.Connection) -> None:
    """Add rows to every table, of two accounts, with content that a server might change."""
    add_sample(connection)
    for number in range(12, 20):
        insert(connection, tables.carrier, carrier_id=number, name=f"carrier {number} 🎈" + " " * (number % 3))
    insert(connection, tables.currency, code="vnd")
    batch = add_batch(connection, "B1 ", "second account")
    for date, state in ((DAY, "lost"), (DAY + dt.timedelta(days=1), "incomplete")):
        day = add_batch_day(
            connection, batch, date, state=state, loss_told=True, note="ünd so weiter", growth="end"
        )
    for number, (message_id, text) in enumerate(ODD_TEXTS.items()):
        values: dict[str, Any] = {"fail_reason": text, "carrier_id": 12 + number, "extra": EXTRA}
        values |= {"price": Decimal(f"99999999999{number}.00000{number}"), "currency": "vnd"}
        values["first_seen_at"] = MOMENT.replace(microsecond=number)
        add_check(connection, day, message_id, f"8498{number}", **values)
    add_check(connection, day, "m-null", "1 ", price=Decimal("-0.5"), extra={})
    insert(connection, tables.account, name="third account", key_fingerprint="f" * 64, holder="process 1")


OF_A_LOCK = ("account.holder", "account.lock_key", "account.lock_session")


def content(engine: sa.Engine, without: tuple[str, ...] = OF_A_LOCK) -> dict[str, list[Any]]:
    """Every row of every table except that of the pace, as Python sees it."""
    found = {}
    with reading(engine).connect() as connection:
        for table in tables.metadata.sorted_tables:
            columns = [column for column in table.columns if f"{table.name}.{column.name}" not in without]
            rows = [tuple(row) for row in connection.execute(sa.select(*columns))]
            found[table.name] = sorted(rows, key=repr)
    del found["request_slot"]
    return found


def is_empty(engine: sa.Engine) -> bool:
    """Whether the database holds only what the migrations put there."""
    found = content(engine)
    seeded = {table.name for table in copying.SEEDED}
    assert all(found[name] for name in seeded - {"currency"})
    return not any(rows for name, rows in found.items() if name not in seeded)
