"""Settings that somebody got wrong: a sentence, a documented status, and no part of a password."""

from __future__ import annotations

import contextlib
import tempfile

from hypothesis import assume, given
from hypothesis import strategies as st

from etl.settings.settings import SETTINGS
from tests.fuzz.commands import assert_documented, run
from tests.fuzz.hunt import hunt

VALUES = st.one_of(
    st.sampled_from(
        ["0", "-1", "1e999", "nan", "true", "maybe", "{date:%Y}", "{date", "http://[", "/", "/dev/null"]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=30),
)
PASSWORDS = st.text("QXZJKVW@:/#?%&+ !", min_size=8, max_size=16)
SCHEMES = st.sampled_from(
    ["postgresql", "postgresql+psycopg", "mysql", "mysql+pymysql", "mariadb", "sqlite", "oracle"]
)
# Nothing listens on port 9 of this machine.
HOSTS = st.sampled_from(["127.0.0.1:9", "localhost:9", "127.0.0.1:x", "[::1]:9", "127.0.0.1:99999"])
OPTIONS = st.dictionaries(
    st.sampled_from(
        ["schema", "currentSchema", "ssl", "sslmode", "useSSL", "ssl_ca", "ssl_verify_cert", "connect_timeout"]
        + ["pgbouncer", "timeout", "charset", "options", "application_name", "mode", "uri", "cache"]
    ),
    st.sampled_from(["true", "false", "public", "abc", "-1", "require", "/nonexistent", "", "ro", "5"]),
    max_size=3,
)
COMMANDS = st.sampled_from(
    [["status"], ["plan"], ["db", "check"], ["db", "current"], ["batches", "list"], ["sync"]]
)


@st.composite
def urls(draw: st.DrawFn) -> tuple[str, str]:
    """A database URL and its password, which nobody encoded."""
    password, options = draw(PASSWORDS), draw(OPTIONS)
    query = "&".join(f"{name}={value}" for name, value in options.items())
    database = draw(st.sampled_from(["/numbers", "", "/"]))
    url = f"{draw(SCHEMES)}://user:{password}@{draw(HOSTS)}{database}"
    return url + (f"?{query}" if query else ""), password


OTHERS = st.dictionaries(
    st.sampled_from([setting.name for setting in SETTINGS if setting.name not in ("DATABASE_URL", "API_URL")]),
    VALUES,
    max_size=3,
)


@given(COMMANDS, st.none() | urls(), OTHERS)
def trial(command: list[str], url: tuple[str, str] | None, others: dict[str, str]) -> None:
    """The command ends with a documented status; of the password no piece of four characters is shown."""
    secrets = _pieces(url[1]) if url else set()
    assume(not any(secret in text for secret in secrets for text in others.values()))
    with tempfile.TemporaryDirectory() as directory, contextlib.chdir(directory):  # a setting may name any file
        database = f"sqlite:///{directory}/n.db" if url is None else url[0]
        given = {f"NUMBERCHECK_{name}": value for name, value in others.items()}
        given |= {"NUMBERCHECK_DATABASE_URL": database, "NUMBERCHECK_API_URL": "http://127.0.0.1:9/"}
        assert_documented(run(command, given), secrets)


def _pieces(password: str) -> set[str]:
    """What of a password may be recognised: each piece between signs that a URL knows."""
    for sign in "@:/#?%&+ !":
        password = password.replace(sign, "\n")
    return {piece for piece in password.split("\n") if len(piece) > 5}


if __name__ == "__main__":
    hunt("Settings", trial)
