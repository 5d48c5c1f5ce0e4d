"""Amounts that come out exact on every server, SQLite included."""

from __future__ import annotations

from decimal import Decimal

import pytest
import sqlalchemy as sa

from etl.schema import tables
from tests.schema.bi_rows import Row, add_checks, ask, each
from tests.servers import SQLITE
from tests.store.support import MOMENT, add_batch, add_batch_day, insert

AMOUNTS = {
    "many tenths": ["0.1"] * 1001,
    "millionths": ["0.000001"] * 3 + ["0.999999", "0.0056"],
    "large": ["999999999999.999999"] * 200,
    "large and small": ["999999999999", "0.000001", "123456789012.345678"],
    "taken back": ["5.25", "-0.75", "-4.5"],
    "just below nought": ["-0.000001"],
    "more taken back than paid": ["1.5", "-3.25", "-1000000000"],
    "a half less than nothing": ["1", "-1.5"],
    "halves of a millionth": ["0.000001", "0.000002", "0.000002"],
    "halves of a millionth below nought": ["-0.000001", "-0.000002", "-0.000002"],
    "whole": ["0", "100", "1000"],
    "nought": ["0", "0"],
}


def test_cost_is_exact(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        insert(connection, tables.currency, code="USD")
        for batch_no, prices in AMOUNTS.items():
            day = add_batch_day(connection, add_batch(connection, batch_no))
            carriers = {batch_no: insert(connection, tables.carrier, name=batch_no)}
            basis: Row = {"day": day, "currency": "USD", "first_seen_at": MOMENT, "carrier": batch_no}
            basis |= {"validity": "YES", "answered": None, "response": None}
            rows = [
                basis
                | {"message_id": f"{batch_no} {n}", "phone": str(n), "price": Decimal(price)}
                | {"reachable": "YES" if n < 2 else "NO"}
                for n, price in enumerate(prices)
            ]
            add_checks(connection, rows, carriers)
    sums = {name: sum(map(Decimal, prices)) for name, prices in AMOUNTS.items()}
    batches = {row["batch_no"]: row["cost"] for row in ask(engine, "SELECT batch_no, cost FROM v_batch_summary")}
    assert batches == sums
    days = {row["carrier"]: row for row in ask(engine, "SELECT * FROM v_daily_summary")}
    assert {name: row["cost"] for name, row in days.items()} == sums
    shares = {name: each(Decimal(sums[name]), min(len(AMOUNTS[name]), 2)) for name in AMOUNTS}
    assert {name: row["cost_per_reachable"] for name, row in days.items()} == shares


@pytest.mark.parametrize("server", [SQLITE], indirect=True)
def test_amounts_have_no_needless_zeros_on_sqlite(engine: sa.Engine) -> None:
    """Like the prices themselves (docs/adr/0008): equal amounts are equal texts."""
    with engine.begin() as connection:
        for batch_no, price in (("a", "10"), ("b", "0.50"), ("c", "-0.5"), ("d", "0")):
            row = {
                "day": add_batch_day(connection, add_batch(connection, batch_no)),
                "message_id": batch_no,
                "phone": "1",
            }
            add_checks(connection, [row | {"price": Decimal(price), "first_seen_at": MOMENT}], {})
    with engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT cost FROM v_batch_summary ORDER BY batch_no").scalars().all()
    assert found == ["10", "0.5", "-0.5", "0"]
