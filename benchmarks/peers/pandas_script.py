"""requests and pandas: a frame for each batch day, into a staging table, and from there by INSERT … ON CONFLICT.

The fourth argument is `rows` (to_sql with its defaults) or `copy` (PostgreSQL: to_sql with the COPY callable that
pandas' documentation shows).
"""

from __future__ import annotations

import csv
import io
from typing import Any

import pandas as pd
import sqlalchemy as sa

from benchmarks.peers import flat
from benchmarks.peers.vendor import Given, measure, pages, session

TYPES = {"integer": sa.Integer(), "numeric(18,6)": sa.Numeric(18, 6), "text": sa.Text()}


def copy(table: Any, connection: Any, keys: list[str], rows: Any) -> None:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    cursor = connection.connection.cursor()
    with cursor.copy(f"COPY {table.name} ({', '.join(keys)}) FROM STDIN WITH CSV") as into:
        into.write(buffer.getvalue())


def work(told: Given) -> None:
    engine, vendor = sa.create_engine(told.database), session()
    types = {name: TYPES[flat.type_of(name)] for name in flat.COLUMNS}
    method = copy if told.option == "copy" else None
    with engine.begin() as connection:
        connection.exec_driver_sql(flat.create())
    for batch, date in told.listing:
        rows = [row for page in pages(vendor, told.url, batch, date) for row in page]
        frame = pd.DataFrame(rows).reindex(columns=list(flat.COLUMNS.values()))
        frame.columns = list(flat.COLUMNS)
        frame["number_type"] = frame["number_type"].astype("Int64")
        with engine.begin() as connection:
            frame.to_sql("staging", connection, if_exists="replace", index=False, dtype=types, method=method)
            connection.exec_driver_sql(flat.upsert_from("staging"))


if __name__ == "__main__":
    measure(work)
