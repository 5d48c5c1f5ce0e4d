"""How Alembic reaches the database.

The job passes a connection that is in a transaction and holds the lock (etl/schema/migrate.py).
A developer's `alembic -c migrations/alembic.ini …` passes none: it uses the database of the settings.
"""

from __future__ import annotations

import logging.config

import sqlalchemy as sa
from alembic import context

from etl import settings
from etl.admin import grants
from etl.database import engine
from etl.errors import Misconfigured
from etl.schema import migrate


def run(connection: sa.Connection) -> None:
    context.configure(connection=connection, **migrate.alembic_options(connection))
    with context.begin_transaction(), grants.kept(connection):
        context.run_migrations()


def run_for_developer() -> None:
    if context.config.config_file_name:
        logging.config.fileConfig(context.config.config_file_name, disable_existing_loggers=False)
    database = engine.connect(settings.load().database_url)
    with migrate.alone(database) as connection:
        run(connection)
    database.dispose()


if context.is_offline_mode():
    raise Misconfigured("These migrations read the database, so they cannot be written to a script (--sql).")
if "connection" in context.config.attributes:
    run(context.config.attributes["connection"])
else:
    run_for_developer()
