from __future__ import annotations

import dataclasses
from pathlib import Path
from types import ModuleType

import pytest
import sqlalchemy as sa

from etl.core.fields import FIELDS, Field
from etl.schema import comments, migrate, tables, views
from etl.schema.viewwords import kind
from tests.scripts import loaded
from tests.servers import MARIADB, POSTGRESQL

ROOT = Path(migrate.__file__).resolve().parents[2]
# The types that a BI tool sees for each kind of value.
KINDS = {
    "postgresql": {
        "text": {"character varying", "text"},
        "integer": {"integer"},
        "bigint": {"bigint"},
        "decimal": {"numeric"},
        "date": {"date"},
        "time": {"timestamp with time zone"},
        "json": {"jsonb"},
    },
    "mariadb": {
        "text": {"varchar", "text", "longtext"},
        "integer": {"int", "bigint"},
        "bigint": {"bigint"},
        "decimal": {"decimal"},
        "date": {"date"},
        "time": {"datetime"},
        "json": {"longtext"},
    },
}


def test_every_view_and_column_is_described() -> None:
    for view in views.VIEWS:
        words = [view.comment, view.question, view.query, *view.columns.values()]
        assert [word for word in words if not word.strip() or word == "None"] == []
        assert view.question.endswith("?")
        assert view.name in view.query
        assert not view.comment.endswith(".")
        assert list(view.columns) == list(view.kinds)


def test_the_views_in_the_database_are_those_described(engine: sa.Engine) -> None:
    inspector = sa.inspect(engine)
    assert {view.name for view in views.VIEWS} == set(inspector.get_view_names())
    for view in views.VIEWS:
        assert [column["name"] for column in inspector.get_columns(view.name)] == list(view.columns)


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_every_field_is_shown(field: Field) -> None:
    """v_number_check_masked leaves out what may hold a phone number, v_phone_latest what is not about the phone."""
    assert field.name in views.NUMBER_CHECK.columns
    masked = {"phone", "national_number", "standard_number"}
    assert (field.name in views.NUMBER_CHECK_MASKED.columns) is (not field.holds_phone or field.name in masked)
    unasked = {"price", "currency", "national_number", "standard_number"}
    assert field.name in {*views.PHONE_LATEST.columns, *unasked}


@pytest.mark.parametrize("server", [POSTGRESQL, MARIADB], indirect=True)
def test_columns_hold_the_kinds_described(engine: sa.Engine) -> None:
    query = "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = '{}'"
    for view in views.VIEWS:
        with engine.connect() as connection:
            schema_name = connection.scalar(
                sa.text("SELECT DATABASE()" if engine.dialect.name == "mariadb" else "SELECT current_schema()")
            )
            found = dict(
                tuple(row)
                for row in connection.exec_driver_sql(
                    f"{query.format(view.name)} AND table_schema = '{schema_name}'"
                )
            )
        kinds = KINDS[engine.dialect.name]
        assert {name: found[name] for name in view.kinds if found[name] not in kinds[view.kinds[name]]} == {}


def test_who_may_see_no_phone_number_gets_views_without_one() -> None:
    masked = {view.name for view in views.VIEWS if view.masked}
    summaries = {"v_daily_summary", "v_batch_summary", "v_coverage"}
    assert masked == {*summaries, "v_number_check_masked", "v_sync_run", "v_privacy_log"}
    risky = {"phone", "national_number", "standard_number", "fail_reason", "extra", "payload"}
    risky |= {field.name for field in FIELDS if field.holds_phone}
    for view in views.VIEWS:
        if view.masked and view.name != "v_number_check_masked":
            assert not risky & set(view.columns)
    assert {"fail_reason", "extra"} & set(views.NUMBER_CHECK_MASKED.columns) == set()
    hidden = {view.name: set(view.hidden) for view in views.VIEWS if view.hidden}
    assert hidden == {"v_rejected_row": {"payload"}}
    assert all(view.hidden <= set(view.columns) for view in views.VIEWS)


# -- comments in the database -------------------------------------------------------------------------------

# The comments on everything of ours that a BI tool lists, from PostgreSQL's own catalog and not by our own query.
DESCRIBED = """
    SELECT relname, attname, description FROM pg_class
    LEFT JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
    LEFT JOIN pg_description ON objoid = pg_class.oid AND classoid = 'pg_class'::regclass AND objsubid = attnum
    WHERE relkind IN ('r', 'v') AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'
    UNION ALL
    SELECT relname, NULL, obj_description(oid, 'pg_class') FROM pg_class
    WHERE relkind IN ('r', 'v') AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'
"""


@pytest.mark.parametrize("server", [POSTGRESQL], indirect=True)
def test_postgresql_holds_the_comment_of_everything(engine: sa.Engine) -> None:
    expected: dict[tuple[str, str | None], str | None] = {}
    for table in tables.metadata.tables.values():
        expected |= {(table.name, None): table.comment} | {(table.name, c.name): c.comment for c in table.columns}
    for view in views.VIEWS:
        expected |= {(view.name, None): view.comment} | {(view.name, c): text for c, text in view.columns.items()}
    with engine.connect() as connection:
        found = {(row[0], row[1]): row[2] for row in connection.exec_driver_sql(DESCRIBED)}
    assert found == expected
    assert all(found.values())


@pytest.mark.parametrize("server", [POSTGRESQL], indirect=True)
def test_a_comment_that_differs_is_reported_and_corrected(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("COMMENT ON VIEW v_sync_run IS 'what?'")
        connection.exec_driver_sql("COMMENT ON COLUMN v_sync_run.run_id IS NULL")
    expected = ["The comment of view v_sync_run differs.", "The comment of column v_sync_run.run_id differs."]
    assert list(map(str, migrate.check(engine))) == expected
    odd = """it's "50 %" of :all %s \\' -- {x} − 🎈"""
    run = next(view for view in views.VIEWS if view.name == "v_sync_run")
    monkeypatch.setattr(comments, "VIEWS", [dataclasses.replace(run, comment=odd)])
    migrate.upgrade(engine)
    assert migrate.check(engine) == []
    assert sa.inspect(engine).get_table_comment("v_sync_run")["text"] == odd


@pytest.mark.parametrize("server", [POSTGRESQL], indirect=True)
def test_a_view_that_is_missing_has_no_comment_to_differ(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP VIEW v_daily_summary")
    assert list(map(str, migrate.check(engine))) == ["The view v_daily_summary is missing."]


# -- docs/tables.md and docs/tables/ ---------------------------------------------------------------------------


def generator() -> ModuleType:
    return loaded(ROOT / "docs" / "generate_tables.py")


def test_the_pages_about_tables_are_up_to_date() -> None:
    folder = ROOT / "docs"
    files = [folder / "tables.md", *(folder / "tables").glob("*.md")]
    found = {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in files}
    assert found == generator().pages(), "docs/tables.md or docs/tables/ is stale. Remedy: make tables"


def test_the_pages_about_tables_name_everything() -> None:
    pages = generator().pages()
    ledger_and_rows = pages["tables/ledger.md"] + pages["tables/rows.md"]
    for table in tables.metadata.tables.values():
        assert ledger_and_rows.count(f"## {table.name}\n\n{table.comment}.\n") == 1
        assert all(f"| `{column.name}` | {kind(column)}" in ledger_and_rows for column in table.columns)
        assert f"#{table.name})" in pages["tables.md"]
    for view in views.VIEWS:
        page = pages[f"tables/{view.name}.md"]
        assert page.startswith(f"# {view.name}\n\n{view.comment}.\n")
        assert all(f"| `{name}` | {view.kinds[name]} |" in page for name in view.columns)
        assert f"\n{view.question}\n\n```sql\n{view.query}\n```\n" in page
        assert f"](tables/{view.name}.md)" in pages["tables.md"]
    assert '    number_check ||--o{ awaited_check : "message_id, phone"\n' in pages["tables.md"]
