"""Views as Arrow schemas, with the words of the views as comments of the columns."""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa

from etl.schema.views import NUMBER_CHECK
from etl.schema.viewwords import View

JSON_COLUMNS = frozenset(name for name, kind in NUMBER_CHECK.kinds.items() if kind == "json")
_TYPES = {
    "text": pa.string(),
    "json": pa.string(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "boolean": pa.bool_(),
    "double": pa.float64(),
    "decimal": pa.decimal128(18, 6),
    "date": pa.date32(),
    "time": pa.timestamp("us", "UTC"),
}


def schema_of(view: View) -> pa.Schema:
    """The columns of a view, in its order. JSON is text; decimals are exact; times are UTC, in microseconds."""
    return pa.schema(
        [
            pa.field(name, _TYPES[kind], metadata={"comment": view.columns[name]})
            for name, kind in view.kinds.items()
        ]
    )


def without(schema: pa.Schema, names: Collection[str]) -> pa.Schema:
    """The schema of what a file holds: the columns by which a table is partitioned stand in its log."""
    return pa.schema([field for field in schema if field.name not in names])


def fitted(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The same rows with exactly these columns; NULL in those that were added since."""
    missing = [field for field in schema if field.name not in table.column_names]
    for field in missing:
        table = table.append_column(field, pa.nulls(table.num_rows, field.type))
    return table.select(schema.names).cast(schema)
