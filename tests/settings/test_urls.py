"""URLs of databases: the drivers they get, and the messages for wrong ones."""

from __future__ import annotations

from pathlib import Path

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
        ("mariadb://u:p@h/d?read_timeout=9", "mariadb+pymysql://u:p@h/d?charset=utf8mb4&read_timeout=9"),
    ],
)
@pytest.mark.parametrize("name", ["DATABASE_URL", "COPY_TO_DATABASE_URL", "BATCH_DATABASE_URL"])
def test_database_urls_get_their_driver(name: str, given: str, expected: str) -> None:
    query = {"BATCH_QUERY": "select 1"} if name == "BATCH_DATABASE_URL" else {}
    found = getattr(settings(**{name: given}, **query), name.lower())
    assert found.render_as_string(hide_password=False) == expected


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///file::memory:?uri=true",
        "sqlite:///file::memory:?cache=shared&uri=true",
        "sqlite:///file:?uri=true",
        "sqlite:///file:x.db%3Fmode=memory?uri=true",
        "sqlite:///file:x.db?vfs=memdb&uri=true",
    ],
)
def test_rows_are_not_kept_in_memory(url: str) -> None:
    assert "must name a file" in complaint(DATABASE_URL=url)


@pytest.mark.parametrize(
    ("url", "migrates"), [("sqlite:///x.db", True), ("postgresql://h/d", False), ("mysql://h/d", False)]
)
def test_only_sqlite_migrates_by_itself(url: str, migrates: bool) -> None:
    assert settings(DATABASE_URL=url).auto_migrate is migrates
    assert settings(DATABASE_URL=url, AUTO_MIGRATE=str(not migrates)).auto_migrate is not migrates


@pytest.mark.parametrize("url", ["mysql://u:p@h", "mysql://u:p@h/", "mariadb://h:3306/?charset=utf8mb4"])
def test_a_database_of_mysql_has_a_name(url: str) -> None:
    assert "must end with the name of a database" in complaint(DATABASE_URL=url)
    assert "must end with the name of a database" in complaint(COPY_TO_DATABASE_URL=url)
    settings(BATCH_DATABASE_URL=url, BATCH_QUERY="select 1")  # a query may name it


@pytest.mark.parametrize(
    "url",
    ["sqlite://x.db", "sqlite://folder/x.db", "sqlite://u:p@h/x.db", "sqlite://:p@/x.db", "sqlite://u@/x.db"],
)
def test_a_file_has_three_slashes(url: str) -> None:
    assert "such as sqlite:///numbercheck.db" in complaint(DATABASE_URL=url)


@pytest.mark.parametrize(
    "url",
    [
        f"{scheme}{rest}"
        for scheme in ("postgresql", "mysql", "mariadb")
        for rest in ("://u%00:p@h/d", "://u:%00@h/d")
    ]
    + ["mysql://u:p@h/d%00", "postgresql://h/d?application_name=%00", "sqlite:///file:x%00.db?uri=true"],
)
def test_what_a_driver_would_cut_off(url: str) -> None:
    assert complaint(DATABASE_URL=url) == "NUMBERCHECK_DATABASE_URL must not contain %00."


@pytest.mark.parametrize("name", ["information_schema", "performance_schema", "MySQL", "sys"])
def test_a_database_of_the_server_itself(name: str) -> None:
    assert "keeps for itself" in complaint(DATABASE_URL=f"mysql://u:p@h/{name}")


@pytest.mark.parametrize("scheme", ["postgresql", "mysql", "mariadb"])
@pytest.mark.parametrize(
    "host",
    [
        "a b",
        "..",
        ".h",
        "a..b",
        "x" * 64,
        "[]",
        "%2Frun%2Fpostgresql",
        "h\x01",
        "h\u202e",
        "h\n",
        "'h'",
        "<h>",
        "$(h)",
    ]
    + ["h;", "*", "%"],
)
def test_what_no_host_can_be_called(scheme: str, host: str) -> None:
    message = complaint(DATABASE_URL=f"{scheme}://u:{SECRET}@{host}/d")
    assert "NUMBERCHECK_DATABASE_URL must name a host such as" in message
    assert SECRET not in message


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "[fe80::1%eth0]", "h", "h.", "my_host", "é.example", "a,b"]
)
def test_what_a_host_may_be_called(host: str) -> None:
    assert settings(DATABASE_URL=f"postgresql://u:p@{host}:5432/d").database_url.host == host.strip("[]")


@pytest.mark.parametrize("port", ["0", "65536", "99999999999"])
def test_a_port_that_cannot_be_one(port: str) -> None:
    assert "must name a port from 1 to 65535" in complaint(DATABASE_URL=f"postgresql://h:{port}/d")


# What other programs would read as the end of the password, and what stands behind it as the host.
CUT = [
    "u:hunter2@{0}@host.invalid",
    "u:{0}@hunter2@host.invalid",
    "u:hun/{0}@host.invalid",
    "u:2026/{0}@host.invalid",
    "u:hun?{0}@host.invalid",
    "u:hun#{0}@host.invalid",
    "u:2026#{0}@host.invalid",
    "u:hun\\{0}@host.invalid",
    "u:a@b/{0}@host.invalid",
    "u:a@{0}/b@host.invalid",
    "u:a@b?{0}@host.invalid",
    "{0}@token@host.invalid",
    "{0}/token@host.invalid",
]
URLS = {
    "DATABASE_URL": ("postgresql://", "mysql://", "mariadb://"),
    "COPY_TO_DATABASE_URL": ("postgres://", "mysql+pymysql://"),
    "BATCH_DATABASE_URL": ("postgresql+psycopg://", "mysql://", "oracle://"),
    "API_URL": ("http://", "https://"),
    "PUSHGATEWAY_URL": ("http://", "https://"),
    "PING_URL": ("http://", "https://"),
}


@pytest.mark.parametrize("cut", CUT)
@pytest.mark.parametrize("name", URLS)
def test_a_password_that_is_cut_in_two_is_not_told(name: str, cut: str, tmp_path: Path) -> None:
    for scheme in URLS[name]:
        url = f"{scheme}{cut.format(SECRET)}/x"
        (tmp_path / "file").write_text(url)
        for message in (complaint(**{name: url}), complaint(**{f"{name}_FILE": str(tmp_path / "file")})):
            assert f"NUMBERCHECK_{name}" in message
            assert "write @ as %40" in message
            assert not [part for part in (SECRET, "hunter2", "token", "2026") if part in message]


@pytest.mark.parametrize("name", URLS)
def test_a_password_that_is_written_as_it_should_be(name: str) -> None:
    if name == "API_URL":
        return  # it may have none
    query = {"BATCH_QUERY": "select 1"} if name == "BATCH_DATABASE_URL" else {}
    found = settings(**{name: f"{URLS[name][0]}u:a%40b%2Fc%3Fd%23e:f@host.invalid/x"}, **query)
    assert "a@b/c?d#e:f" in found.secrets()
    assert str(getattr(found, name.lower())).endswith("@host.invalid/x")
