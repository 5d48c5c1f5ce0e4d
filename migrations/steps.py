"""The steps that migrations share.

They are frozen: a step that a released migration uses must go on doing what it did, or a database upgraded last
year would differ from one created today. A new need gets a new step.

`migrations` is not a package (in an installed wheel it lies inside `etl`), so a migration loads this file by path:

    steps = load_python_file(Path(__file__).resolve().parents[1], "steps.py")  # from alembic.util

Each step can run again after it was interrupted, because MariaDB and MySQL cannot roll back DDL.

Views lie in views/REVISION/NAME.sql, or in views/REVISION/DIALECT/NAME.sql if a server has its own version. A
new column needs no copy of the file: views/REVISION/NAME.added.sql holds only what is new in it:

    -- after the column last_changed_at
        hlr_result.spam_score

`put_view(NAME, revision)` adds it, `take_view_back(NAME, down_revision)` removes it again. Commas are added as
needed. The column that is named has to be the last one of its list, because PostgreSQL replaces a view only if new
columns come last; whatever a customer built upon the view stays. A table to join is added in the same way:

    -- after the line JOIN account ON account.account_id = batch.account_id
    LEFT JOIN tariff ON tariff.tariff_id = number_check.tariff_id

One file can hold both kinds, one below the other. A place that the previous version does not have, or has more
than once, is an error that names the file. If a server has its own version, the lines go into that one.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Container, Iterable, Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op

HERE = Path(__file__).resolve().parent
VIEWS = HERE / "views"
MYSQL_FAMILY = ("mysql", "mariadb")
MYSQL_WORDS = {
    "AS BIGINT": "AS SIGNED",
    "DAYS(newest.check_date)": "datediff(utc_date(), newest.check_date)",
    "TODAY": "utc_date()",
    "STATE_ARCHIVED": "'archived'",
}
# For what the views write in upper case, the words of each kind of server.
WORDS = {
    "postgresql": {
        "DAYS(newest.check_date)": "(now() AT TIME ZONE 'UTC')::date - newest.check_date",
        "TODAY": "(now() AT TIME ZONE 'UTC')::date",
        "STATE_ARCHIVED": "'archived'::character varying(16)",  # or the type of the column would be another
    },
    "sqlite": {
        "DAYS(newest.check_date)": "CAST(julianday(date('now')) - julianday(newest.check_date) AS INTEGER)",
        "TODAY": "date('now')",
        "STATE_ARCHIVED": "'archived'",
    },
    **dict.fromkeys(MYSQL_FAMILY, MYSQL_WORDS),
}
PLACE = re.compile(r"^-- after the (column|line) (.+)\n", re.MULTILINE)


# -- tables, columns, indexes ----------------------------------------------------------------------------------


def create_tables(metadata: sa.MetaData) -> None:
    """Create the tables and their indexes; on MariaDB and MySQL, those that do not exist yet."""
    connection = op.get_bind()
    if connection.dialect.name not in MYSQL_FAMILY:
        metadata.create_all(connection, checkfirst=False)
        return
    metadata.create_all(connection)
    for index in (index for table in metadata.sorted_tables for index in table.indexes):
        index.create(connection, checkfirst=True)


def add_column(table: str, column: sa.Column[Any]) -> None:
    if column.name not in _columns(table):
        op.add_column(table, column)


def drop_column(table: str, name: str) -> None:
    """Drop a column. Views that show it have to be put back first."""
    if name not in _columns(table):
        return
    if op.get_bind().dialect.name in MYSQL_FAMILY:
        # Written anew: else MariaDB keeps the room of dropped columns, until no row fits any more.
        op.execute(f"ALTER TABLE {table} DROP COLUMN {name}, FORCE")
    else:
        op.drop_column(table, name)


def _columns(table: str) -> set[str]:
    return {column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)}


def replace_index(table: str, new: str, columns: list[str], old: str) -> None:
    """Create the new index, then drop the old one: MariaDB always needs one for the foreign key."""
    there = {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}
    if new not in there:
        op.create_index(new, table, columns)
    if old in there:
        op.drop_index(old, table)


# -- what the lookups hold ---------------------------------------------------------------------------------------


def fill(table: sa.TableClause, revision: str) -> None:
    """Insert those lines of data/REVISION/TABLE.csv whose key (the first column) the table does not have yet."""
    with (HERE / "data" / revision / f"{table.name}.csv").open(encoding="utf-8", newline="") as file:
        lines = [
            {name: _value(table.c[name], text) for name, text in line.items()} for line in csv.DictReader(file)
        ]
    key = table.c[next(iter(lines[0]))]
    known = set(op.get_bind().scalars(sa.select(key)))
    op.bulk_insert(table, [line for line in lines if line[key.name] not in known])


def _value(column: sa.ColumnClause[Any], text: str) -> Any:
    return column.type.python_type(text) if text else None


# -- views -------------------------------------------------------------------------------------------------------


def put_view(name: str, revision: str) -> None:
    """Create a view as it is at this revision, or replace what an existing one selects.

    Readers' rights, and whatever a customer built upon it, stay (SQLite has no rights and finds views by name).
    """
    dialect = op.get_bind().dialect.name
    sql = view_sql(name, revision, dialect)
    for word, meaning in WORDS[dialect].items():
        sql = sql.replace(word, meaning)
    if dialect == "sqlite":
        op.execute(f"DROP VIEW IF EXISTS {name}")
    else:
        sql = sql.replace("CREATE VIEW", "CREATE OR REPLACE VIEW")
    if dialect == "postgresql":
        _create_among_own(sql)
    else:
        op.execute(sql)


def _create_among_own(sql: str) -> None:
    """Create a view of PostgreSQL while it sees no functions and operators but the server's own.

    Where others may create functions in the schema, `replace(varchar, varchar, text)` of a stranger fits better
    than the server's, which takes texts: the view would call it, and hand it what its readers must not see.
    """
    connection = op.get_bind()
    inspector = sa.inspect(connection)
    schema = connection.dialect.identifier_preparer.quote_schema(str(inspector.default_schema_name))
    relations = {*inspector.get_table_names(), *inspector.get_view_names()}
    path = connection.exec_driver_sql("SHOW search_path").scalar_one()
    connection.exec_driver_sql("SET LOCAL search_path = pg_catalog")
    op.execute(_qualified(sql, relations, schema))
    connection.execute(sa.text("SELECT pg_catalog.set_config('search_path', :path, true)"), {"path": path})


def _qualified(sql: str, relations: Container[str], schema: str) -> str:
    """The view and the relations that it reads, each with its schema."""
    sql = re.sub(r"^(CREATE OR REPLACE VIEW) ", rf"\1 {schema}.", sql, count=1, flags=re.MULTILINE)
    return re.sub(
        r"\b(FROM|JOIN) ([a-z_]+)\b",
        lambda found: f"{found[1]} {schema}.{found[2]}" if found[2] in relations else found[0],
        sql,
    )


def take_view_back(name: str, revision: str) -> None:
    """Create a view again as it was at this revision: PostgreSQL cannot remove a column from an existing view.

    PostgreSQL also refuses this if a customer built upon the view; then nothing is changed.
    """
    drop_views([name])
    put_view(name, revision)


def drop_views(names: Iterable[str]) -> None:
    for name in names:
        op.execute(f"DROP VIEW IF EXISTS {name}")


def view_sql(name: str, revision: str, dialect: str, views: Path = VIEWS) -> str:
    """A view's SQL at a revision, as its files have it: the newest version that is not newer than the revision."""
    sql = ""
    for folder in sorted(folder for folder in views.iterdir() if folder.name <= revision):
        sql = _version(name, folder, dialect, sql)
    if not sql:
        raise LookupError(f"No view {name} at revision {revision}. Remedy: write {views / revision / name}.sql.")
    return sql


def _version(name: str, folder: Path, dialect: str, before: str) -> str:
    """What a revision makes of the previous version: another one, one with more lines, or the same."""
    for place in (folder / dialect, folder):
        if (whole := place / f"{name}.sql").is_file():
            return whole.read_text(encoding="utf-8")
        if (added := place / f"{name}.added.sql").is_file():
            return _with_added(before, added)
    return before


def _with_added(sql: str, file: Path) -> str:
    head, *parts = PLACE.split(file.read_text(encoding="utf-8"))
    if head or not parts:
        raise _wrong(file, "does not begin with a line `-- after the column …` or `-- after the line …`")
    lines = sql.splitlines()
    for kind, anchor, text in zip(*[iter(parts)] * 3, strict=True):
        lines = ADDING[kind](lines, anchor.strip(), text.rstrip().splitlines(), file)
    return "\n".join(lines) + "\n"


def _after_column(lines: list[str], name: str, added: list[str], file: Path) -> list[str]:
    item = re.compile(rf"\s*(?:(?:.+ )?AS |\w+\.)?{re.escape(name)}(,?)")
    place, found = _only(((n, item.fullmatch(line)) for n, line in enumerate(lines)), f"the column {name}", file)
    if found[1]:
        raise _wrong(file, f"adds after the column {name}, which is not the last one of its list")
    return [*lines[:place], f"{lines[place]},", *added, *lines[place + 1 :]]


def _after_line(lines: list[str], text: str, added: list[str], file: Path) -> list[str]:
    place, _ = _only(((n, line.strip() == text) for n, line in enumerate(lines)), f"the line {text}", file)
    return [*lines[: place + 1], *added, *lines[place + 1 :]]


ADDING: dict[str, Callable[[list[str], str, list[str], Path], list[str]]] = {
    "column": _after_column,
    "line": _after_line,
}


def _only(found: Iterator[tuple[int, Any]], what: str, file: Path) -> tuple[int, Any]:
    """The place of the one line that matches, and its match."""
    places = [(place, match) for place, match in found if match]
    if len(places) != 1:
        raise _wrong(file, f"adds after {what}, which the version before it has {len(places)} times, not once")
    return places[0]


def _wrong(file: Path, what: str) -> ValueError:
    return ValueError(f"{file} {what}. Remedy: name another place, or write the whole view into a .sql file.")
