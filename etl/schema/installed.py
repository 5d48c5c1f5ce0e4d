"""At which revision a database is, and which one this version needs: asked at each start, so without Alembic.

Alembic itself takes longer to load than most commands run. Only who changes or compares a schema needs it
(migrate.py).
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from etl.database.engine import reading
from etl.database.explain import OWN, Database
from etl.database.sqlitefile import is_there
from etl.errors import Misconfigured

VERSIONS = sa.Table(  # as Alembic makes it
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
_PACKAGE = Path(__file__).resolve().parents[1]


def script_directory(package: Path = _PACKAGE) -> Path:
    """The folder of the migrations: inside the package if it is installed, beside it in a checkout."""
    for directory in (package / "migrations", package.parent / "migrations"):
        if (directory / "env.py").is_file():
            return directory
    raise Misconfigured(
        f"The migrations are missing: neither {package / 'migrations'} nor {package.parent / 'migrations'} "
        "holds an env.py.",
        "install numbercheck-etl again.",
    )


def revisions() -> list[str]:
    """All revisions that this version has, the oldest first: NNNN of each versions/NNNN_name.py."""
    return sorted(file.name.partition("_")[0] for file in (script_directory() / "versions").glob("[0-9]*_*.py"))


def head() -> str:
    """The revision that this version needs."""
    return revisions()[-1]


def current(engine: sa.Engine) -> str | None:
    """The revision of the database; None if no schema was ever installed, or all of it was removed.

    Creates nothing, not even the file of an SQLite database.
    """
    if not is_there(engine.url):
        return None
    with reading(engine).connect() as connection:
        return revision_of(connection)


def revision_of(connection: sa.Connection) -> str | None:
    """The same, for a connection."""
    if not connection.dialect.has_table(connection, VERSIONS.name):
        return None
    return " and ".join(sorted(connection.scalars(sa.select(VERSIONS.c.version_num)))) or None


def require_known(revision: str | None, database: Database = OWN) -> None:
    """Raise Misconfigured if this version does not have the revision. None, which means no schema, is fine."""
    if revision is None or revision in revisions():
        return
    raise Misconfigured(
        f"The schema is at {revision}, which this version (it needs {head()}) does not know: it is newer, "
        "or belongs to another program.",
        "install the newer numbercheck-etl, or name another database.",
        database.called,
    )


def require_current(engine: sa.Engine, database: Database = OWN) -> None:
    """Raise Misconfigured, with `database` as its subject, unless the schema is what this version needs."""
    found, needed = current(engine), head()
    if found == needed:
        return
    require_known(found, database)
    is_at = "The database holds no schema yet" if found is None else f"The schema is at {found}"
    where = "" if database is OWN else f" with {OWN.setting} naming it"
    remedy = f"run `numbercheck db upgrade`{where}."
    raise Misconfigured(f"{is_at}, this version needs {needed}.", remedy, database.called)
