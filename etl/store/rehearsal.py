"""What a sync does to its database, done and undone: a right that is missing shows here, before a run needs it."""

from __future__ import annotations

import sqlalchemy as sa

from etl.database.upsert import upsert
from etl.schema.tables import metadata, region

NOBODYS_REGION = "doctor"


def rehearse(engine: sa.Engine) -> None:
    """Write in every way in which a sync writes, and take all of it back. Raises what the database raises."""
    with engine.connect() as connection:
        try:
            for table in metadata.sorted_tables:
                _touch(connection, table)
            # This is how pages are stored: on PostgreSQL, by COPY into a temporary table.
            upsert(connection, region, ("code", "name"), [(NOBODYS_REGION, "nobody's")])
        finally:
            connection.rollback()


def _touch(connection: sa.Connection, table: sa.Table) -> None:
    """Read, insert, change and delete no row at all: the rights are looked at all the same."""
    *_, column = table.c
    names = [other.name for other in table.c if other is not table.autoincrement_column]
    nothing = sa.select(*(table.c[name] for name in names)).where(sa.false())
    connection.execute(sa.insert(table).from_select(names, nothing))
    connection.execute(sa.update(table).where(sa.false()).values({column.name: column}))
    connection.execute(sa.delete(table).where(sa.false()))
