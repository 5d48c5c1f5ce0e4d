"""What a sync does to its database, done and undone: a right that is missing shows here, before a run needs it."""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Any

import sqlalchemy as sa

from etl.database.sql import insert_missing
from etl.database.upsert import upsert
from etl.schema import tables
from etl.schema.tables import metadata, number_check

# What a sync does besides reading and inserting. It changes no lookup and deletes no check, so a user who may not
# do that either is as good as one who may.
_CHANGED = frozenset(
    {
        tables.account,
        tables.awaited_check,
        tables.batch,
        tables.batch_day,
        tables.batch_listing,
        tables.number_check,
        tables.repeated_key,
        tables.request_slot,
        tables.sync_run,
    }
)
_DELETED_FROM = frozenset(
    {
        tables.awaited_check,
        tables.batch_day,
        tables.batch_listing,
        tables.full_read,
        tables.further_sighting,
    }
)
# Only the commands under `privacy` and the migrations write these.
_OF_OTHERS = frozenset({tables.daily_total, tables.database_identity, tables.erased_phone, tables.privacy_log})
# On MariaDB, this is a change for the server.
_ONCE = frozenset({tables.further_sighting, tables.rejected_row})


def rehearse(engine: sa.Engine) -> None:
    """Write in every way in which a sync writes, and take all of it back. Raises what the database raises.

    Rows are written, since only they need a number of a sequence, and meet a trigger or a policy.
    """
    with engine.connect() as connection:
        try:
            made: dict[str, Any] = {}
            for table in (table for table in metadata.sorted_tables if table not in _OF_OTHERS):
                row = _insert(connection, table, made)
                _touch(connection, table, row)
                made = row | made
                if table is number_check:
                    # This is how pages are stored: on PostgreSQL, by COPY into a temporary table.
                    upsert(connection, table, tuple(row), [tuple(row.values())])
        finally:
            connection.rollback()


def _insert(connection: sa.Connection, table: sa.Table, made: dict[str, Any]) -> dict[str, Any]:
    """Insert a row that nothing else is equal to; what it holds. `made`: what the rows before it hold."""
    row = {
        column.name: made[column.name] if column.foreign_keys else _value(column)
        for column in table.c
        if not column.nullable and column.server_default is None and column is not table.autoincrement_column
    }
    key = connection.execute(sa.insert(table).values(row)).inserted_primary_key
    return row | dict(zip(table.primary_key.columns.keys(), key or (), strict=True))


def _touch(connection: sa.Connection, table: sa.Table, row: dict[str, Any]) -> None:
    """Change what a sync would change. Nothing is deleted, but the right to do it is looked at all the same."""
    if table in _ONCE:
        insert_missing(connection, table, [row])
    if table in _CHANGED:
        *_, column = table.c
        mine = [key == row[key.name] for key in table.primary_key]
        connection.execute(sa.update(table).where(*mine).values({column.name: column}))
    if table in _DELETED_FROM:
        connection.execute(sa.delete(table).where(sa.false()))


def _value(column: sa.Column[Any]) -> Any:
    own = column.type
    type_ = own.impl_instance if isinstance(own, sa.types.TypeDecorator) else own
    kind = type_.python_type
    if kind is str:
        return secrets.token_hex(32)[: getattr(type_, "length", None)]
    if kind is int:
        return -secrets.randbelow(2**31)
    now = dt.datetime.now(dt.UTC)
    return {dt.datetime: now, dt.date: now.date(), float: 0.0}[kind]
