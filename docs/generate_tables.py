"""Writes docs/tables.md and docs/tables/ from etl/store/schema.py and etl/store/catalog.py: `make tables`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from etl.schema.tables import metadata
from etl.schema.views import VIEWS, View, kind

FOLDER = Path(__file__).parent
# What the job knows about its own work. Every other table holds what the vendor reports.
LEDGER = ("account", "request_slot", "batch", "batch_listing", "batch_day", "full_read", "sync_run")
HEAD = """# Tables and views

Generated, with the pages in docs/tables/, by `make tables` from `etl/schema/tables.py` and `etl/schema/views.py`:
change those, not these pages.

Readers get the views. The tables behind them may change with every revision of the schema. The same comments are
kept in the database: those of tables and their columns on PostgreSQL, MariaDB and MySQL, those of views and their
columns on PostgreSQL alone, because no other server stores them. SQLite stores none.

| kind of value | PostgreSQL | MariaDB, MySQL | SQLite |
|---|---|---|---|
| text | `varchar`, `text` | `varchar` that compares exactly, `text` | text |
| integer, bigint | `integer`, `bigint` | `int`, `bigint` | integer |
| decimal | `numeric`, exact | `decimal`, exact | text, exact; sort by `CAST(price AS REAL)` |
| boolean | `boolean` | `tinyint(1)` | 0 or 1 |
| date | `date` | `date` | text, `2026-03-01` |
| time | `timestamptz` | `datetime(6)`, UTC | text, `2026-03-01T12:34:56.789012+00:00` |
| json | `jsonb` | `json` | text |
| double | `double precision` | `double` | real |
"""


def pages() -> dict[str, str]:
    """Each page with its path below docs/."""
    views = {f"tables/{view.name}.md": _view(view) for view in VIEWS}
    return {"tables.md": _index(), **views, **{f"tables/{name}.md": _tables(name) for name in _GROUPS}}


_GROUPS = {
    "ledger": (
        "Tables of the ledger",
        "What the job knows about its own work: accounts, batches, batch days and runs.",
    ),
    "rows": (
        "Tables of rows",
        "What the vendor reports, the codes and names in it, and what cannot be stored as it is.",
    ),
}


def _group(name: str) -> list[sa.Table]:
    return [table for table in metadata.tables.values() if (table.name in LEDGER) is (name == "ledger")]


def _index() -> str:
    lines = ["## Views\n", "| view | what it holds | holds phone numbers |", "|---|---|---|"]
    for view in VIEWS:
        holds = "no" if view.masked else "yes"
        lines.append(f"| [{view.name}](tables/{view.name}.md) | {_cell(view.comment)} | {holds} |")
    lines += ["\n[Queries](queries.md) shows what they answer.\n", "## Base tables\n", _diagram()]
    lines += ["| base table | what it holds |", "|---|---|"]
    for name in _GROUPS:
        for table in _group(name):
            lines.append(f"| [{table.name}](tables/{name}.md#{table.name}) | {_cell(str(table.comment))} |")
    return "\n".join([HEAD, *lines, ""])


def _view(view: View) -> str:
    lines = [f"# {view.name}\n", f"{view.comment}.\n", "| column | kind | what it holds |", "|---|---|---|"]
    for name, comment in view.columns.items():
        hidden = " (not for readers: `db grant-reader` leaves it out)" if name in view.hidden else ""
        lines.append(f"| `{name}` | {view.kinds[name]} | {_cell(comment)}{hidden} |")
    lines += [f"\n## For example\n\n{view.question}\n", "```sql", view.query, "```\n"]
    return "\n".join([*lines, "[All tables and views](../tables.md), and what the kinds mean on each database.\n"])


def _tables(name: str) -> str:
    title, words = _GROUPS[name]
    lines = [f"# {title}\n", f"{words} [All tables and views](../tables.md) has them in one picture.\n"]
    return "\n".join([*lines, *map(_table, _group(name))])


def _table(table: sa.Table) -> str:
    lines = [f"## {table.name}\n", f"{table.comment}.\n", "| column | kind | what it holds |", "|---|---|---|"]
    lines += [f"| `{c.name}` | {kind(c)}{_marks(c)} | {_cell(str(c.comment))} |" for c in table.columns]
    ordered = sorted(table.indexes, key=lambda index: str(index.name))
    indexes = [f"`{', '.join(column.name for column in index.columns)}`" for index in ordered]
    lines += [f"\nIndexes in addition to its keys: {'; '.join(indexes)}."] if indexes else []
    return "\n".join([*lines, ""])


def _marks(column: sa.Column[object]) -> str:
    marks = ["key"] if column.primary_key else []
    marks += [f"→ `{key.target_fullname}`" for key in column.foreign_keys]
    marks += [] if column.nullable or column.primary_key else ["not null"]
    return "".join(f", {mark}" for mark in marks)


def _diagram() -> str:
    lines = ["```mermaid", "erDiagram", "    accTitle: Which base table refers to which"]
    lines += [line for table in metadata.tables.values() for line in _relations(table)]
    return "\n".join([*lines, "```\n"])


def _relations(table: sa.Table) -> Iterator[str]:
    for constraint in sorted(table.foreign_key_constraints, key=lambda found: str(found.name)):
        columns = list(constraint.columns)
        one = {c.name for c in columns} == {c.name for c in table.primary_key}
        parent = "o|" if any(c.nullable for c in columns) else "||"
        names = ", ".join(column.name for column in columns)
        yield f'    {constraint.referred_table.name} {parent}--{"o|" if one else "o{"} {table.name} : "{names}"'


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    for stale in (FOLDER / "tables").glob("*.md"):
        stale.unlink()
    (FOLDER / "tables").mkdir(exist_ok=True)
    for path, text in pages().items():
        (FOLDER / path).write_text(text, encoding="utf-8")
