from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from etl.core.fields import LATER_FIELDS
from etl.schema import migrate, tables
from tests.store.support import (
    DAY,
    DEADLINE,
    KEY,
    MOMENT,
    add_batch,
    add_batch_day,
    add_category,
    add_check,
    add_sample,
    insert,
)

LATER = "".join(f" {field.name}" for field in LATER_FIELDS)
# From CONTRACT.md, word for word; columns that were added later come last.
COLUMNS = {
    "v_number_check": "account batch_no check_date message_id phone check_level check_level_name pre_check "
    "region_code region_name country_code national_number standard_number number_type number_type_name "
    "carrier price currency validity reachable roaming mcc mnc ported active early answered response "
    "response_name fail_reason extra first_seen_at last_changed_at" + LATER,
    "v_coverage": "account batch_no check_date state reported_rows stored_rows missing_rows unresolved_rows "
    "repeated_rows rejected_rows submitted_rows last_synced_at deadline note erased_rows expired_at",
    "v_sync_run": "run_id account started_at finished_at status exit_code window_first window_last requests "
    "retries rows_received rows_inserted rows_updated rows_unchanged rows_rejected version narrowed",
    "v_rejected_row": "id account batch_no check_date page reason payload seen_at",
}


def read(connection: sa.Connection, view: str) -> list[dict[str, Any]]:
    """The rows of a view as an analyst's tool gets them: no types but the driver's."""
    return [dict(row) for row in connection.exec_driver_sql(f"SELECT * FROM {view}").mappings()]  # noqa: S608


def moment(value: Any) -> dt.datetime:
    found = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


def test_views_are_those_of_the_contract(engine: sa.Engine) -> None:
    inspector = sa.inspect(engine)
    assert set(COLUMNS) <= set(inspector.get_view_names()) == set(migrate.VIEW_NAMES)
    for view, columns in COLUMNS.items():
        assert [column["name"] for column in inspector.get_columns(view)] == columns.split()


def test_a_check_with_everything(engine: sa.Engine) -> None:
    check: dict[str, Any] = {
        "check_level": 5,
        "pre_check": "YES",
        "region_code": "VN",
        "country_code": "84",
        "national_number": "980000001",
        "standard_number": "84980000001",
        "currency": "VND",
        "fail_reason": "none",
    }
    hlr = {"validity": "YES", "reachable": "NO", "roaming": "UNKNOWN", "mcc": "452", "mnc": "04"}
    hlr |= {"ported": "NO", "active": "YES"}
    call = {"early": "YES", "answered": "NO", "response": "bell"}
    with engine.begin() as connection:
        day = add_batch_day(connection, add_batch(connection, "B1", "acme"))
        insert(connection, tables.currency, code="VND")
        carrier = insert(connection, tables.carrier, name="Viettel")
        add_check(
            connection,
            day,
            **check,
            number_type="2",
            carrier_id=carrier,
            price=Decimal("0.0056"),
            extra={"new": Decimal("1.10")},
            **hlr,
            **call,
        )
    with engine.connect() as connection:
        [row] = read(connection, "v_number_check")
    names = {"account": "acme", "batch_no": "B1", "number_type": 2, "number_type_name": "mobile"}
    names |= {
        "check_level_name": "HLR",
        "region_name": "Vietnam",
        "carrier": "Viettel",
        "response_name": "Ringing",
    }
    expected = KEY | check | hlr | call | names
    assert {name: row[name] for name in expected} == expected
    assert str(row["check_date"]) == DAY.isoformat()
    assert Decimal(row["price"]) == Decimal("0.0056")
    extra = row["extra"] if isinstance(row["extra"], dict) else json.loads(row["extra"], parse_float=Decimal)
    assert extra == {"new": Decimal("1.10")}
    assert (moment(row["first_seen_at"]), moment(row["last_changed_at"])) == (MOMENT, MOMENT)


def test_a_check_with_nothing(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        add_check(connection, add_batch_day(connection, add_batch(connection)))
    with engine.connect() as connection:
        [row] = read(connection, "v_number_check")
    given = {name for name, value in row.items() if value is not None}
    assert given == {"account", "batch_no", "check_date", "first_seen_at", "last_changed_at", *KEY}


def test_a_word_for_the_number_type_has_no_integer(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        day = add_batch_day(connection, add_batch(connection))
        for value in ("2", "mobile", "invalid"):
            add_check(connection, day, phone=value, number_type=value)
    query = "SELECT phone, number_type, number_type_name FROM v_number_check"
    with engine.connect() as connection:
        found = {tuple(row) for row in connection.exec_driver_sql(query)}
    assert found == {("2", 2, "mobile"), ("mobile", None, "mobile"), ("invalid", None, "invalid")}


def test_prices_add_up(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        day = add_batch_day(connection, add_batch(connection))
        for number, price in enumerate(["0.0056", "0.0044", "10", None]):
            add_check(connection, day, phone=str(number), price=None if price is None else Decimal(price))
    with engine.connect() as connection:
        total = connection.exec_driver_sql("SELECT sum(price) FROM v_number_check").scalar()
    assert total == pytest.approx(Decimal("10.01") if isinstance(total, Decimal) else 10.01)


def test_coverage(engine: sa.Engine) -> None:
    other_day = DAY + dt.timedelta(days=1)
    with engine.begin() as connection:
        batch = add_batch(connection)
        counts: dict[str, Any] = {"reported_rows": 10, "stored_rows": 4, "repeated_rows": 2, "rejected_rows": 1}
        day = add_batch_day(
            connection, batch, state="incomplete", last_synced_at=MOMENT, note="two rows vanished", **counts
        )
        add_batch_day(connection, batch, other_day, spill=True)
        for phone in ("1", "2"):
            add_check(connection, day, phone=phone)
            key = {"message_id": "m1", "phone": phone}
            insert(connection, tables.awaited_check, batch_day_id=day, **key, page=1, wait_hours=1, due_at=MOMENT)
        for date, rows in ((DAY, 3), (DAY, 4), (DAY, None), (None, 100), (other_day, None)):
            insert(
                connection,
                tables.batch_listing,
                batch_id=batch,
                source="file",
                check_date=date,
                submitted_rows=rows,
            )
    with engine.connect() as connection:
        asked, pending = read(connection, "v_coverage ORDER BY check_date")
    assert (moment(asked.pop("last_synced_at")), moment(asked.pop("deadline"))) == (MOMENT, DEADLINE)
    assert str(asked.pop("check_date")) == DAY.isoformat()
    named = {"account": "default", "batch_no": "B1", "state": "incomplete", "note": "two rows vanished"}
    nothing = {"erased_rows": 0, "expired_at": None}
    assert asked == named | counts | nothing | {"missing_rows": 3, "unresolved_rows": 2, "submitted_rows": 7}
    assert {type(asked[name]) for name in ("missing_rows", "unresolved_rows", "submitted_rows")} == {int}
    blank = ("reported_rows", "missing_rows", "submitted_rows", "last_synced_at", "note")
    assert [pending[name] for name in blank] == [None] * 5
    assert (pending["state"], pending["stored_rows"], pending["unresolved_rows"]) == ("pending", 0, 0)


def test_runs_and_rejected_rows(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        add_sample(connection)
    with engine.connect() as connection:
        [run], [rejected] = read(connection, "v_sync_run"), read(connection, "v_rejected_row")
    assert moment(run.pop("started_at")) == MOMENT
    assert (str(run.pop("window_first")), str(run.pop("window_last"))) == (DAY.isoformat(), DAY.isoformat())
    counts = [name for name in COLUMNS["v_sync_run"].split() if name.startswith(("rows_", "re"))]
    assert run == dict.fromkeys(counts, 0) | {
        "run_id": "r1",
        "account": "default",
        "finished_at": None,
        "status": "running",
        "exit_code": None,
        "version": "0.1.0",
        "narrowed": "NO",
    }
    assert moment(rejected.pop("seen_at")) == MOMENT
    assert str(rejected.pop("check_date")) == DAY.isoformat()
    assert rejected == {
        "id": 12,
        "account": "default",
        "batch_no": "Ñ-批号-🎈",
        "page": 3,
        "reason": "phone_missing",
        "payload": '{"messageId": "m2"}',
    }


# The index that leads from a condition on a view to its rows of number_check.
INDEXES = {
    "v_number_check WHERE check_date = '2026-02-21'": "ix_number_check_batch_day_id_category_id",
    "v_number_check WHERE batch_no = 'batch 9'": "ix_number_check_batch_day_id_category_id",
    "v_number_check WHERE phone = '9-9'": "ix_number_check_phone",
    "v_number_check WHERE carrier = 'carrier 9' AND check_date > '2026-02-26'": "ix_number_check_batch_day_id_category_id",
    "v_number_check_masked WHERE check_date = '2026-02-21'": "ix_number_check_batch_day_id_category_id",
    "v_daily_summary WHERE check_date = '2026-02-21'": "ix_number_check_batch_day_id_category_id",
    "v_batch_summary WHERE batch_no = 'batch 9'": "ix_number_check_batch_day_id_category_id",
    "v_phone_latest WHERE phone = '9-9'": "ix_number_check_phone",
}


def test_the_usual_filters_find_their_index(engine: sa.Engine) -> None:
    times = {"message_id": "m1", "first_seen_at": MOMENT, "last_changed_at": MOMENT}
    rows = []
    with engine.begin() as connection:
        carriers = [insert(connection, tables.carrier, name=f"carrier {n}") for n in range(20)]
        categories = [add_category(connection, carrier_id=carrier) for carrier in carriers]
        for n in range(20):
            day = add_batch_day(connection, add_batch(connection, f"batch {n}"), DAY - dt.timedelta(days=n))
            fixed = times | {"batch_day_id": day}
            rows += [fixed | {"phone": f"{n}-{i}", "category_id": categories[i % 20]} for i in range(100)]
        connection.execute(tables.number_check.insert(), rows)
    how = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
    with engine.connect() as connection:
        which = "TABLE " + ", ".join(tables.metadata.tables) if engine.dialect.name == "mariadb" else ""
        connection.exec_driver_sql(f"ANALYZE {which}").close()
        for question, index in INDEXES.items():
            query = f"{how} SELECT * FROM {question}"  # noqa: S608
            assert index in str(connection.exec_driver_sql(query).all()), question
