"""dlt: one resource for all batch days, its REST client for the requests, merged by message id and phone.

The fourth argument is three words joined by commas: how rows are passed on (`items`, the page's rows as they are;
`arrow`, an Arrow table for each batch day, which skips dlt's normalizing; `parallel`, items fetched for several
batch days at once by a parallelized transformer), the loader's file format (`insert_values`, dlt's default; `csv`;
`parquet`, which needs ADBC), and the merge strategy (`delete-insert`, the default; `upsert`).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from typing import Any

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"  # before dlt is imported, which would send telemetry
os.environ["RUNTIME__LOG_LEVEL"] = "CRITICAL"

import dlt
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.paginators import PageNumberPaginator

from benchmarks.peers import flat
from benchmarks.peers.vendor import Given, body, measure, session

KEY = ["messageId", "phone"]
DLT_TYPES = {"integer": "bigint", "numeric(18,6)": "decimal", "text": "text"}
COLUMNS: Any = {sent: {"data_type": DLT_TYPES[flat.type_of(name)]} for name, sent in flat.COLUMNS.items()}
COLUMNS["price"] |= {"precision": 18, "scale": 6}


def client(url: str) -> RESTClient:
    base, _, _ = url.partition("/api/")
    pages = PageNumberPaginator(base_page=1, page_param=None, page_body_path="page", total_path="data.totalPage")
    return RESTClient(base_url=base, session=session(), paginator=pages, data_selector="data.result")


def day(vendor: RESTClient, path: str, batch: str, date: str) -> Iterator[list[dict[str, Any]]]:
    yield from vendor.paginate(path, method="POST", json=body(batch, date, 1))


def arrow(rows: list[dict[str, Any]]) -> Any:
    import pyarrow as pa  # noqa: PLC0415  (the other ways do not need it)

    types = {"integer": pa.int64(), "numeric(18,6)": pa.float64(), "text": pa.string()}
    table = pa.Table.from_pylist(
        rows, schema=pa.schema([(sent, types[flat.type_of(name)]) for name, sent in flat.COLUMNS.items()])
    )
    at = table.schema.get_field_index("price")
    return table.set_column(at, "price", table["price"].cast(pa.decimal128(18, 6), safe=False))


def rows_of(told: Given, how: str) -> Any:
    vendor, path = client(told.url), told.url.partition("//")[2].partition("/")[2]

    def plain() -> Iterator[Any]:
        for batch, date in told.listing:
            if how == "arrow":
                yield arrow([row for page in day(vendor, path, batch, date) for row in page])
            else:
                yield from day(vendor, path, batch, date)

    def deferred(listed: tuple[str, str]) -> Any:
        return [row for page in day(client(told.url), path, *listed) for row in page]

    if how != "parallel":
        return plain
    listing = dlt.resource(lambda: iter(told.listing), name="listing")
    return dlt.transformer(deferred, data_from=listing, parallelized=True)


def work(told: Given) -> None:
    how, file_format, strategy = told.option.split(",")
    url = told.database.replace("postgresql+psycopg://", "postgresql://")
    with tempfile.TemporaryDirectory() as directory:
        pipeline = dlt.pipeline(
            "numbers", pipelines_dir=directory, destination=dlt.destinations.postgres(url), dataset_name="vendor"
        )
        made = rows_of(told, how)
        hints: Any = {"table_name": "number_check", "primary_key": KEY, "columns": COLUMNS, "max_table_nesting": 0}
        hints["write_disposition"] = {"disposition": "merge", "strategy": strategy}
        if how == "parallel":
            made.apply_hints(**{name: hint for name, hint in hints.items() if name != "max_table_nesting"})
            made.max_table_nesting = 0
            pipeline.run(made, loader_file_format=file_format)
        else:
            pipeline.run(dlt.resource(made, name="number_check", **hints), loader_file_format=file_format)


if __name__ == "__main__":
    measure(work)
