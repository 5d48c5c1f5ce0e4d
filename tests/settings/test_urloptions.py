"""Options in the URL of a database: a wrong one is named with its setting, by every command, before it connects."""

from __future__ import annotations

from pathlib import Path

import certifi
import pytest

from etl.settings import urloptions
from tests.settings.support import SECRET, complaint, settings

POSTGRESQL = f"postgresql://u:{SECRET}@127.0.0.1/d"
MYSQL = f"mysql://u:{SECRET}@127.0.0.1/d"
MARIADB = f"mariadb://u:{SECRET}@127.0.0.1/d"
FILE = "sqlite:///x.db"
URI = "sqlite:///file:x.db?uri=true&"

WRONG = [
    (f"{POSTGRESQL}?schema=app", "'schema'", "write options=-csearch_path=NAME"),
    (f"{POSTGRESQL}?currentSchema=app", "'currentSchema'", "write options=-csearch_path=NAME"),
    (f"{POSTGRESQL}?ssl=true", "'ssl'", "write sslmode=require"),
    (f"{POSTGRESQL}?sslmodes=require", "'sslmodes'", "did you mean sslmode?"),
    (f"{POSTGRESQL}?pgbouncer=true", "'pgbouncer'", "leave it out"),
    (f"{POSTGRESQL}?prepare_threshold=0", "'prepare_threshold'", "leave it out"),
    (f"{POSTGRESQL}?autocommit=true", "'autocommit'", "leave it out"),
    (f"{POSTGRESQL}?replication=database", "'replication'", "leave it out"),
    (f"{POSTGRESQL}?connect_timeout=abc", "connect_timeout", "must be a whole number"),
    (f"{POSTGRESQL}?connect_timeout=10s", "connect_timeout", "must be a whole number"),
    (f"{POSTGRESQL}?connect_timeout=", "connect_timeout", "without a value"),
    (f"{POSTGRESQL}?keepalives_idle=1.5", "keepalives_idle", "must be a whole number"),
    (f"{POSTGRESQL}?port=54x", "port", "must be a whole number from 1 to 65535"),
    (f"{POSTGRESQL}?sslmode=required", "sslmode", "must be disable, allow, prefer, require, verify-ca or verify-full"),
    (f"{POSTGRESQL}?sslmode=require&sslmode=disable", "sslmode", "more than once"),
    (f"{POSTGRESQL}?sslmode=verify-full&sslrootcert=no/ca.pem", "sslrootcert", "a file that exists"),
    (f"{POSTGRESQL}?target_session_attrs=master", "target_session_attrs", "must be any, "),
    (f"{POSTGRESQL}?sslmode=verify-full&sslrootcert=/", "sslrootcert", "a file that exists"),
    (f"{POSTGRESQL}?sslmode=verify-full&sslrootcert={__file__}", "sslrootcert", "a file with certificates"),
    (f"{POSTGRESQL}?sslcert={'x' * 5000}", "sslcert", "a file that exists"),
    (f"{POSTGRESQL}?sslcrldir={__file__}", "sslcrldir", "a directory that exists"),
    (f"{POSTGRESQL}?keepalives_count=0", "keepalives_count", "must be a whole number from 1 to 127"),
    (f"{POSTGRESQL}?keepalives_idle=40000", "keepalives_idle", "must be a whole number from 1 to 32767"),
    (f"{POSTGRESQL}?host=127.0.0.1:x", "host", "must name a host"),
    (f"{POSTGRESQL}?hostaddr=localhost", "hostaddr", "must be an IP address"),
    (f"{MYSQL}?useSSL=true", "'useSSL'", "write ssl_ca=FILE"),
    (f"{MARIADB}?sslmode=require", "'sslmode'", "write ssl_ca=FILE"),
    (f"{MARIADB}?ssl=true", "'ssl'", "write ssl_ca=FILE"),
    (f"{MYSQL}?ssl_verify_cert=true", "'ssl_verify_cert'", "write ssl_ca=FILE"),
    (f"{MARIADB}?sql_mode=ANSI", "'sql_mode'", "leave it out"),
    (f"{MYSQL}?ssl_ca=/nonexistent", "ssl_ca", "must be the path of a file that exists"),
    (f"{MYSQL}?ssl_ca=/", "ssl_ca", "must be the path of a file"),
    (f"{MARIADB}?ssl_ca={__file__}", "ssl_ca", "a file with certificates"),
    (f"{MARIADB}?ssl_cert={__file__}", "ssl_cert", "a file with certificates"),
    (f"{MARIADB}?ssl_key=/tmp", "ssl_key", "must be the path of a file"),
    (f"{MARIADB}?ssl_capath={__file__}", "ssl_capath", "a directory that exists"),
    (f"{MYSQL}?read_default_file=/tmp", "read_default_file", "must be the path of a file"),
    (f"{MYSQL}?read_default_file={'x' * 5000}", "read_default_file", "must be the path of a file"),
    (f"{MYSQL}?bind_address=eth0", "bind_address", "must be an IP address"),
    (f"{MYSQL}?unix_socket=/{'x' * 110}", "unix_socket", "of at most 107 bytes"),
    (f"{MYSQL}?ssl_check_hostname=perhaps", "ssl_check_hostname", "must be true or false"),
    (f"{MYSQL}?connect_timeout=0", "connect_timeout", "must be a whole number from 1"),
    (f"{MARIADB}?read_timeout=-1", "read_timeout", "must be a whole number from 1"),
    (f"{FILE}?timeout=abc", "timeout", "must be a number"),
    (f"{FILE}?timeout=-1", "timeout", "must be a number"),
    (f"{FILE}?timeoutt=1", "'timeoutt'", "did you mean timeout?"),
    (f"{FILE}?mode=ro", "'mode'", "sqlite:///file:PATH?uri=true"),
    (f"{FILE}?uri=perhaps", "uri", "must be true or false"),
    (f"{URI}mode=readonly", "mode", "must be ro, rw or rwc"),
    (f"{URI}mode=memory", "mode", "must be ro, rw or rwc"),
]  # fmt: skip


@pytest.mark.parametrize("name", ["DATABASE_URL", "COPY_TO_DATABASE_URL", "BATCH_DATABASE_URL"])
@pytest.mark.parametrize(("url", "option", "words"), WRONG)
def test_a_wrong_option_is_named_with_its_setting(name: str, url: str, option: str, words: str) -> None:
    query = {"BATCH_QUERY": "select 1"} if name == "BATCH_DATABASE_URL" else {}
    message = complaint(**{name: url}, **query)
    assert message.startswith(f"NUMBERCHECK_{name} has ")
    assert f"option {option}" in message
    assert words in message
    assert SECRET not in message


@pytest.mark.parametrize(
    "url",
    [
        f"{POSTGRESQL}?sslmode=verify-full&sslrootcert=system&connect_timeout=0",
        f"{POSTGRESQL}?sslmode=verify-ca&sslrootcert=CA&application_name=mine&options=-csearch_path=app",
        "postgresql:///d?host=/run/postgresql&port=5433",
        "postgresql://u@/d?host=one&host=two&port=5432&port=5433",
        f"{MYSQL}?ssl_ca=CA&ssl_check_hostname=false&connect_timeout=3&charset=latin1",
        "mysql:///d?unix_socket=/run/mysqld/mysqld.sock&read_timeout=900",
        f"{FILE}?timeout=0.5&check_same_thread=false",
        f"{URI}mode=ro&cache=shared",
    ],
)
def test_what_a_driver_takes_is_taken(url: str) -> None:
    assert settings(DATABASE_URL=url.replace("CA", certifi.where())).database_url.query


@pytest.mark.parametrize("content", [f"password={SECRET}", f"[client]\n= {SECRET}", f"!includedir {SECRET}"])
def test_an_option_file_that_the_driver_would_quote(content: str, tmp_path: Path) -> None:
    file = tmp_path / "my.cnf"
    file.write_text(content)
    message = complaint(DATABASE_URL=f"{MYSQL}?read_default_file={file}")
    assert "must be the path of an option file" in message
    assert SECRET not in message
    file.write_text(f"[client]\npassword={SECRET}\nskip-ssl\n")
    settings(DATABASE_URL=f"{MYSQL}?read_default_file={file}")


def test_an_option_that_may_be_the_rest_of_a_password_is_not_named() -> None:
    for url in (f"{POSTGRESQL}?password=hunter&{SECRET}=1", f"{POSTGRESQL}?{'x' * 60}{SECRET}=1"):
        assert SECRET not in complaint(DATABASE_URL=url)
    assert "%26" in complaint(DATABASE_URL=f"{POSTGRESQL}?password=hunter&{SECRET}")


def test_without_the_driver_only_values_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urloptions, "_libpq", lambda: None)
    settings(DATABASE_URL=f"{POSTGRESQL}?schema=app")
    assert "option sslmode" in complaint(DATABASE_URL=f"{POSTGRESQL}?sslmode=on")
