from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from etl.core.fields import FIELDS, MAX_LENGTH, Field
from etl.schema import migrate, tables
from tests.servers import MARIADB, POSTGRESQL
from tests.store.support import SAMPLE, add_batch, add_batch_day, add_check, add_sample, insert, read_sample

MIGRATIONS = Path(migrate.__file__).resolve().parents[2] / "migrations"
COLUMNS = [column for table in tables.metadata.tables.values() for column in table.columns]
# Texts that a careless collation takes for equal.
ALIKE = [
    "abc",
    "ABC",
    "abc ",
    " abc",
    "ábc",
    "abç",
    "0123",
    "123",
    "+123",
    "ß",
    "ss",
    "批号",
    "批號",
    "🎈",
    "🎉",
]


def test_every_table_and_column_has_a_comment() -> None:
    assert [table.name for table in tables.metadata.tables.values() if not table.comment] == []
    assert [str(column) for column in COLUMNS if not column.comment] == []


@pytest.mark.parametrize("server", [POSTGRESQL, MARIADB], indirect=True)
def test_comments_are_in_the_database(engine: sa.Engine) -> None:
    inspector = sa.inspect(engine)
    for table in tables.metadata.tables.values():
        assert inspector.get_table_comment(table.name)["text"] == table.comment
        found = {column["name"]: column["comment"] for column in inspector.get_columns(table.name)}
        assert found == {column.name: column.comment for column in table.columns}


def test_columns_stand_in_the_database_as_in_their_tables(engine: sa.Engine) -> None:
    """A migration can only append, so a field names the revision that added it, and comes after older fields."""
    inspector = sa.inspect(engine)
    for table in tables.metadata.tables.values():
        found = [column["name"] for column in inspector.get_columns(table.name)]
        assert found == [column.name for column in table.columns]


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_a_field_names_the_revision_that_added_its_column(field: Field) -> None:
    [file] = (MIGRATIONS / "versions").glob(f"{field.since}_*.py")
    assert f'"{field.name}' in file.read_text(encoding="utf-8")


def test_names_are_lower_case_and_short_enough_for_every_database() -> None:
    names = {str(column.name) for column in COLUMNS} | set(tables.metadata.tables)
    for table in tables.metadata.tables.values():
        names |= {str(constraint.name) for constraint in table.constraints}
        names |= {str(index.name) for index in table.indexes}
    assert "None" not in names
    assert {name for name in names if name != name.lower() or len(name) > 63} == set()


def test_the_usual_filters_have_an_index() -> None:
    indexed = {
        str(next(iter(index.columns))) for table in tables.metadata.tables.values() for index in table.indexes
    }
    assert {"number_check.phone", "number_check.batch_day_id"} <= indexed
    assert ["batch_day_id", "category_id"] in [
        [c.name for c in index.columns] for index in tables.number_check.indexes
    ]
    assert {"batch_day.check_date", "batch.batch_no"} <= indexed


def test_keys_are_equal_only_when_every_character_is(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        for text in ALIKE:
            day = add_batch_day(connection, add_batch(connection, text))
            insert(connection, tables.carrier, name=text)
            add_check(connection, day, message_id=text, phone=text)
    with engine.connect() as connection:
        for column in (tables.batch.c.batch_no, tables.carrier.c.name, tables.number_check.c.phone):
            assert sorted(connection.scalars(sa.select(column))) == sorted(ALIKE)
            for text in ALIKE:
                assert connection.scalars(sa.select(column).where(column == text)).all() == [text]


def test_a_row_may_be_nested_thirty_levels_deep(engine: sa.Engine) -> None:
    """MariaDB's JSON allows 32 levels; etl/vendor/convert.py accepts no more than 30."""
    extra: Any = "deep"
    for _ in range(30):
        extra = {"in": extra}
    with engine.begin() as connection:
        add_check(connection, add_batch_day(connection, add_batch(connection)), extra=extra)
    with engine.connect() as connection:
        assert connection.scalar(sa.select(tables.number_check.c.extra)) == extra


def test_a_key_that_is_there_is_refused(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        day = add_batch_day(connection, add_batch(connection))
        add_check(connection, day)
    with engine.connect() as connection, pytest.raises(sa.exc.IntegrityError):
        add_check(connection, day)


def test_texts_of_the_greatest_length_fit(engine: sa.Engine) -> None:
    long = {
        c.name: "🎈" * c.type.impl_instance.length
        for c in COLUMNS
        if c.table.name == "number_check" and c.name in MAX_LENGTH and not c.foreign_keys
    }  # type: ignore[attr-defined]
    carrier = "🎈" * MAX_LENGTH["carrier"]
    with engine.begin() as connection:
        day = add_batch_day(connection, add_batch(connection))
        carrier_id = insert(connection, tables.carrier, name=carrier)
        add_check(connection, day, **long, carrier_id=carrier_id)
    with engine.connect() as connection:
        texts = sa.select(*(tables.number_check.c[name] for name in long))
        assert dict(connection.execute(texts).mappings().one()) == long
        assert connection.scalar(sa.select(tables.carrier.c.name)) == carrier


def test_every_table_gives_back_what_was_put_in(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        add_sample(connection)
    with engine.connect() as connection:
        assert read_sample(connection) == SAMPLE
    assert list(SAMPLE) == list(tables.metadata.tables)


def test_prices_come_out_equal(engine: sa.Engine) -> None:
    texts = ["0", "0.0056", "-1.5", "100", "1E+3", "0.000001", "999999999999.999999", "123456789012.5"]
    prices = {str(number): Decimal(text) for number, text in enumerate(texts)}
    with engine.begin() as connection:
        day = add_batch_day(connection, add_batch(connection))
        for phone, price in prices.items():
            add_check(connection, day, phone=phone, price=price)
    check = tables.number_check.c
    with engine.connect() as connection:
        found = {row.phone: row.price for row in connection.execute(sa.select(check.phone, check.price))}
    assert found == prices
    assert {type(price) for price in found.values()} == {Decimal}


def test_times_come_out_as_the_same_moment_in_utc_whatever_their_zone(engine: sa.Engine) -> None:
    shanghai = dt.timezone(dt.timedelta(hours=8))
    moments = [
        dt.datetime(2026, 3, 1, 1, 2, 3, 400005, shanghai),
        dt.datetime(1999, 12, 31, 23, 59, 59, 999999, dt.UTC),
        dt.datetime(2026, 10, 25, 0, 30, tzinfo=dt.UTC),
    ]
    with engine.begin() as connection:
        batch = add_batch(connection)
        for number, moment in enumerate(moments):
            add_batch_day(connection, batch, dt.date(2026, 3, 1 + number), last_synced_at=moment)
    query = sa.select(tables.batch_day.c.last_synced_at).order_by(tables.batch_day.c.check_date)
    with engine.connect() as connection:
        found = connection.scalars(query).all()
        later = tables.batch_day.c.last_synced_at > moments[0]
        assert len(connection.execute(query.where(later)).all()) == 1
    assert found == moments
    assert {moment.utcoffset() for moment in found} == {dt.timedelta(0)}


def test_a_time_without_a_zone_is_refused(engine: sa.Engine) -> None:
    with engine.connect() as connection, pytest.raises(sa.exc.StatementError, match="without a time zone"):
        add_batch_day(connection, 1, last_synced_at=dt.datetime(2026, 3, 1))


def test_json_comes_out_equal(engine: sa.Engine) -> None:
    extras: dict[str, Any] = {
        "a": {"cost": Decimal("0.10"), "deep": [1, None, True, {"text": "quotes \"' and \\ and %s and :x"}]},
        "b": {
            "批号": "🎈",
            "big": 12345678901234567890,
            "empty": {},
            "exact": Decimal("0.1234567890123456789"),
        },
        "c": None,
    }
    with engine.begin() as connection:
        day = add_batch_day(connection, add_batch(connection))
        for phone, extra in extras.items():
            add_check(connection, day, phone=phone, extra=extra)
    check = tables.number_check.c
    with engine.connect() as connection:
        found = {row.phone: row.extra for row in connection.execute(sa.select(check.phone, check.extra))}
        blank = connection.scalars(sa.select(check.phone).where(check.extra.is_(sa.null()))).all()
    assert found == extras
    assert blank == ["c"]


def test_what_refers_to_nothing_is_refused(engine: sa.Engine) -> None:
    orphans: list[tuple[sa.Table, dict[str, Any]]] = [
        (tables.batch, {"account_id": 1, "batch_no": "B"}),
        (tables.category, {"combination": "9||||", "check_level": 9}),
        (tables.request_slot, {"account_id": 1, "next_at": 1.5}),
    ]
    for table, values in orphans:
        with engine.connect() as connection, pytest.raises(sa.exc.IntegrityError):
            insert(connection, table, **values)


def test_a_state_that_does_not_exist_is_refused(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        batch = add_batch(connection)
        # MariaDB calls a broken CHECK an operational error.
        with pytest.raises((sa.exc.IntegrityError, sa.exc.OperationalError)):
            add_batch_day(connection, batch, state="fine")


def test_lookups_hold_the_vendors_codes(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        levels = connection.execute(sa.select(tables.check_level).order_by("code")).all()
        types = {row.vendor_value: row for row in connection.execute(sa.select(tables.number_type))}
        responses = {row.code: row.name for row in connection.execute(sa.select(tables.call_response))}
        regions = {row.code: row.name for row in connection.execute(sa.select(tables.region))}
    assert [tuple(level) for level in levels] == [(1, "Basic"), (2, "Advanced"), (4, "Call"), (5, "HLR")]
    assert [types[str(code)].code for code in range(9)] == list(range(9))
    assert (types["2"].name, types["mobile"].name, types["mobile"].code) == ("mobile", "mobile", None)
    assert (types["0"].name, types["others"].name, types["invalid"].code) == ("others", "others", None)
    assert len(types) == 12
    assert len(responses) == 11
    assert (responses["bell"], responses["others"]) == ("Ringing", "Temporarily unable to connect")
    assert len(regions) == 250
    assert (regions["VN"], regions["NA"], regions["XK"]) == ("Vietnam", "Namibia", "Kosovo")
    assert regions["CI"] == "Côte d'Ivoire"
