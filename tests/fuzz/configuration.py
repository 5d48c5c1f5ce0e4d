"""Settings that somebody got wrong: a sentence, a documented status, and no part of a password."""

from __future__ import annotations

import contextlib
import re
import tempfile
from pathlib import Path
from urllib.parse import quote

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
PASSWORDS = st.text("QXZJKVW@:/#?%&+ !\\'\"=;\n\t\u202eé", min_size=8, max_size=16)
SCHEMES = st.sampled_from(
    [
        "postgresql",
        "postgresql+psycopg",
        "postgres",
        "mysql",
        "mysql+pymysql",
        "mariadb",
        "sqlite",
        "oracle",
        "http",
    ]
)
# Nothing listens on port 9 of this machine, and no name is looked for elsewhere.
HOSTS = st.one_of(
    st.sampled_from(
        ["127.0.0.1:9", "localhost:9", "127.0.0.1:x", "[::1]:9", "127.0.0.1:99999", "127.0.0.1:0", "[::1", "[]:9"]
        + ["", "..", "a b", "%2Frun%2Fx", "127.0.0.1:9,[::1]:9", "h%00", "\u202e", "127.0.0.1:-1"]
    ),
    st.text("[]:%.,-_*é \x01\n", max_size=6),
)
DATABASES = st.sampled_from(
    ["/numbers", "", "/", "/%00", "/a%2Fb", "/information_schema", "/.", "//", "/" + "x" * 300, "//dev/null"]
    + ["/file:x.db", "/file:%3Fmode=memory", "/file:", "/sub/x.db", "/é\u202e"]
)
OPTIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["schema", "currentSchema", "ssl", "sslmode", "useSSL", "ssl_ca", "ssl_verify_cert", "connect_timeout"]
            + ["pgbouncer", "timeout", "charset", "options", "application_name", "mode", "uri", "cache", "host"]
            + ["hostaddr", "port", "user", "password", "service", "passfile", "sslrootcert", "sslcert", "sslkey"]
            + ["sslcrldir", "require_auth", "scram_client_key", "keepalives_idle", "gssencmode", "krbsrvname"]
            + ["unix_socket", "bind_address", "init_command", "read_default_file", "ssl_capath", "ssl_cipher"]
            + ["ssl_key", "read_timeout", "vfs", "immutable", "cached_statements", "plugin", "", "%00"]
        ),
        st.sampled_from(
            ["true", "false", "public", "abc", "-1", "0", "require", "/nonexistent", "", "ro", "5", "1e308", "%00"]
            + ["/", "/dev/null", "/etc/hostname", "x" * 5000, "memdb", "127.0.0.1:x", "127.0.0.1,127.0.0.1", "%FF"]
            + ["999999999999", "%0A", "٣", "a&b", "latin1", "1"]
        ),
    ),
    max_size=3,
)
COMMANDS = st.sampled_from(
    [
        ["status"],
        ["status", "--json"],
        ["plan"],
        ["db", "check"],
        ["db", "current"],
        ["db", "upgrade"],
        ["db", "tidy"],
    ]
    + [
        ["db", "copy"],
        ["db", "downgrade", "base"],
        ["batches", "list"],
        ["batches", "add", "B"],
        ["accounts", "list"],
    ]
    + [["sync"], ["sync", "--json"], ["doctor"]]
)
PLACES = ("DATABASE_URL", "DATABASE_URL", "COPY_TO_DATABASE_URL", "BATCH_DATABASE_URL", "API_URL", "PING_URL")


@st.composite
def urls(draw: st.DrawFn) -> tuple[str, str]:
    """A URL and its password, which nobody encoded, or which is."""
    password, options = draw(PASSWORDS), draw(OPTIONS)
    written = draw(st.sampled_from([password, quote(password, safe="")]))
    query = "&".join(f"{name}={value}" for name, value in options)
    begin = draw(st.sampled_from(["://user:", "://user:", "://user:", "://", ":/user:", "//user:", "://:"]))
    url = f"{draw(SCHEMES)}{begin}{written}@{draw(HOSTS)}{draw(DATABASES)}"
    if draw(st.booleans()) and "sqlite" in url:
        url = f"sqlite://{draw(DATABASES)}"
    return url + (f"?{query}" if query else ""), password


OTHERS = st.dictionaries(
    st.sampled_from([setting.name for setting in SETTINGS if setting.name not in PLACES]),
    VALUES,
    max_size=3,
)
FORMS = st.sampled_from(["environment", "file", "in place of the file", ".env", ".env with a colon"])
# What a `.env` file may hold besides.
LINES = st.lists(
    st.one_of(
        st.sampled_from(
            [b"\r\n", b"\n", b"export ", b"NUMBERCHECK_ACCOUNT=", b'"', b"'", b"#", b"=", b"\\n", b"\xff"]
        ),
        st.sampled_from([b"\x00", b"\xef\xbb\xbf", b"${X}", b"NUMBERCHECK_WINDOW_DAYS=14\n", b"\\N{", b"\\u12"]),
        st.binary(max_size=4),
    ),
    max_size=4,
).map(b"".join)


@given(COMMANDS, st.none() | urls(), st.sampled_from(PLACES), FORMS, OTHERS, LINES)
def trial(
    command: list[str],
    url: tuple[str, str] | None,
    place: str,
    form: str,
    others: dict[str, str],
    lines: bytes,
) -> None:
    """The command ends with a documented status; of the password no piece of six characters is shown."""
    secrets = _pieces(url[1]) if url else set()
    assume(not any(secret in text for secret in secrets for text in others.values()))
    with tempfile.TemporaryDirectory() as directory, contextlib.chdir(directory):  # a setting may name any file
        given = {f"NUMBERCHECK_{name}": value for name, value in others.items()}
        given |= {"NUMBERCHECK_DATABASE_URL": "sqlite:///n.db", "NUMBERCHECK_API_URL": "http://127.0.0.1:9/"}
        Path(".env").write_bytes(lines)
        if url:
            _put(f"NUMBERCHECK_{place}", url[0], form, given)
        assert_documented(run(command, given), secrets)


def _put(name: str, url: str, form: str, given: dict[str, str]) -> None:
    """Give this setting in one of its forms, which may be wrong."""
    given.pop(name, None)
    if form == "environment":
        given[name] = url
    elif form == "in place of the file":
        given[f"{name}_FILE"] = url
    elif form == "file":
        Path("url").write_text(url)
        given[f"{name}_FILE"] = "./url"
    else:
        with Path(".env").open("ab") as file:
            file.write(f"\n{name}{':' if 'colon' in form else '='}{url}\n".encode())


def _pieces(password: str) -> set[str]:
    """What of a password may be recognised: each piece between signs that a URL knows."""
    return {piece for piece in re.split(r"[^A-Z]", password) if len(piece) > 5}


if __name__ == "__main__":
    hunt("Settings", trial)
