"""MySQL 8 by its dialect alone, without a server: what is sent to it compiles, with a collation that it has."""

from __future__ import annotations

from typing import Any, cast

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import CreateIndex, CreateTable

from etl.database.keys import _found
from etl.database.sql import insert_missing, server_clock
from etl.database.types import exact_collation
from etl.database.upsert import upsert
from etl.schema import tables


@pytest.fixture
def dialect() -> sa.Dialect:
    made = mysql.dialect()
    made.is_mariadb = False
    made.server_version_info = (8, 0, 36)
    made._requires_alias_for_on_duplicate_key = True  # as it does after connecting to 8.0.20 or newer
    return made


@pytest.mark.parametrize("table", tables.metadata.sorted_tables, ids=str)
def test_tables_compile(dialect: sa.Dialect, table: sa.Table) -> None:
    sql = str(CreateTable(table).compile(dialect=dialect))
    assert "nopad" not in sql
    for column in table.columns:
        line = next(line for line in sql.splitlines() if line.split()[:1] == [column.name])
        assert ("COLLATE utf8mb4_0900_bin" in line) is ("VARCHAR" in line)
    for index in table.indexes:
        assert str(CreateIndex(index).compile(dialect=dialect)).startswith(f"CREATE INDEX {index.name} ON ")


def test_the_collation_counts_every_character(dialect: sa.Dialect) -> None:
    assert exact_collation(dialect) == "utf8mb4_0900_bin"


def test_the_clock_compiles(dialect: sa.Dialect) -> None:
    assert str(sa.select(server_clock(dialect)).compile(dialect=dialect)).startswith("SELECT (unix_timestamp(")


class Recorder:
    """Stands in for a connection: keeps what would be sent."""

    def __init__(self, dialect: sa.Dialect) -> None:
        self.dialect = dialect
        self.sent: list[str] = []

    def execute(self, statement: Any, values: Any) -> None:
        columns = list(values[0]) if isinstance(values, list) else None
        self.sent.append(str(statement.compile(dialect=self.dialect, column_keys=columns)))

    def exec_driver_sql(self, statement: str, _values: object = None) -> None:
        self.sent.append(statement)


def test_rows_are_inserted_or_updated(dialect: sa.Dialect) -> None:
    recorder = Recorder(dialect)
    row = ("m1", "84980000001", "YES", "452")
    connection = cast(sa.Connection, recorder)
    upsert(connection, tables.number_check, ("message_id", "phone", "validity", "mcc"), [row], keep={"mcc"})
    insert_missing(connection, tables.carrier, [{"name": "Viettel"}])
    assert recorder.sent == [
        "INSERT INTO number_check (message_id, phone, validity, mcc) VALUES (%s, %s, %s, %s) AS new "
        "ON DUPLICATE KEY UPDATE validity = new.validity, mcc = coalesce(new.mcc, number_check.mcc)",
        "INSERT INTO carrier (name) VALUES (%s) AS new ON DUPLICATE KEY UPDATE carrier_id = carrier.carrier_id",
    ]


def test_rows_are_found_by_their_keys(dialect: sa.Dialect) -> None:
    recorder = Recorder(dialect)
    query = sa.select(tables.number_check.c.validity)
    list(_found(cast(sa.Connection, recorder), query, tables.number_check, [("m1", "84980000001")], {}))
    [sent] = recorder.sent
    assert "JSON_TABLE(%s, '$[*]' COLUMNS" in sent
    assert sent.count("CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin PATH") == 2
