"""URLs of databases: the drivers they get, and the messages for wrong ones."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tests.settings.support import SECRET, complaint, settings


@pytest.mark.parametrize("text", [f"nonsense://u:{SECRET}@h/x", f"postgresql+asyncpg://u:{SECRET}@h/x"])
def test_a_source_needs_a_dialect_that_can_be_used(text: str) -> None:
    message = complaint(BATCH_DATABASE_URL=text, BATCH_QUERY="select 1")
    assert message.startswith("NUMBERCHECK_BATCH_DATABASE_URL must ")
    assert SECRET not in message


def test_a_source_may_be_any_database_that_sqlalchemy_knows() -> None:
    found = settings(BATCH_DATABASE_URL="oracle://u:p@localhost/x", BATCH_QUERY="select 1")
    assert found.batch_database_url == sa.make_url("oracle://u:p@localhost/x")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("sqlite:///x.db", "sqlite:///x.db"),
        ("postgresql://u:p@h/d", "postgresql+psycopg://u:p@h/d"),
        ("postgres://u:p@h/d", "postgresql+psycopg://u:p@h/d"),
        ("postgresql+psycopg://u:p@h/d?sslmode=require", "postgresql+psycopg://u:p@h/d?sslmode=require"),
        ("mysql://u:p@h/d", "mysql+pymysql://u:p@h/d?charset=utf8mb4"),
        ("mysql+pymysql://u:p@h/d?charset=latin1", "mysql+pymysql://u:p@h/d?charset=latin1"),
        ("mariadb://u:p@h/d?ssl_ca=x", "mariadb+pymysql://u:p@h/d?charset=utf8mb4&ssl_ca=x"),
    ],
)
@pytest.mark.parametrize("name", ["DATABASE_URL", "COPY_TO_DATABASE_URL", "BATCH_DATABASE_URL"])
def test_database_urls_get_their_driver(name: str, given: str, expected: str) -> None:
    query = {"BATCH_QUERY": "select 1"} if name == "BATCH_DATABASE_URL" else {}
    found = getattr(settings(**{name: given}, **query), name.lower())
    assert found.render_as_string(hide_password=False) == expected


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:"])
def test_rows_are_not_kept_in_memory(url: str) -> None:
    assert "must name a file" in complaint(DATABASE_URL=url)


@pytest.mark.parametrize(
    ("url", "migrates"), [("sqlite:///x.db", True), ("postgresql://h/d", False), ("mysql://h/d", False)]
)
def test_only_sqlite_migrates_by_itself(url: str, migrates: bool) -> None:
    assert settings(DATABASE_URL=url).auto_migrate is migrates
    assert settings(DATABASE_URL=url, AUTO_MIGRATE=str(not migrates)).auto_migrate is not migrates
