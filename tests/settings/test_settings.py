"""Settings: CONTRACT.md's table, where values come from, and the messages for wrong ones."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from etl.errors import Misconfigured
from etl.settings.settings import SETTINGS, Settings, load

SECRET = "s3cr3t-value"
FROM_FILE = {
    "ACCESS_KEY", "ACCESS_SECRET", "APPKEY", "DATABASE_URL", "BATCH_DATABASE_URL", "API_URL",
    "PUSHGATEWAY_URL", "PING_URL", "COPY_TO_DATABASE_URL", "PRIVACY_KEY", "LAKE_URL",
}  # fmt: skip


def settings(dotenv: Path | None = None, /, **given: str) -> Settings:
    return load({f"NUMBERCHECK_{name}": value for name, value in given.items()}, dotenv)


def complaint(dotenv: Path | None = None, /, **given: str) -> str:
    with pytest.raises(Misconfigured) as error:
        settings(dotenv, **given)
    assert error.value.exit_status == 78
    return str(error.value)


def test_defaults_are_those_of_the_contract() -> None:
    found = load({}, None)
    assert {name: getattr(found, name) for name in Settings.__slots__} == {
        "access_key": None,
        "access_secret": None,
        "appkey": None,
        "account": "default",
        "api_url": "http://api2.nxcloud.com/api/number/query",
        "sign_algorithm": "md5",
        "database_url": sa.make_url("sqlite:///numbercheck.db"),
        "batch_file": None,
        "batch_database_url": None,
        "batch_query": None,
        "batch_template": None,
        "window_days": 14,
        "timezone": ZoneInfo("Asia/Shanghai"),
        "settle_hours": 12.0,
        "spill_days": 1,
        "last_look": True,
        "request_interval": 3.0,
        "max_in_flight": 4,
        "timeout": 30.0,
        "max_attempts": 6,
        "max_requests": None,
        "max_seconds": None,
        "auto_migrate": True,
        "log_format": None,
        "metrics_file": None,
        "report_file": None,
        "pushgateway_url": None,
        "ping_url": None,
        "copy_to_database_url": None,
        "privacy_key": None,
        "pseudonyms": False,
        "retention_days": None,
        "lake_url": None,
        "lake_masked": False,
        "warnings": (),
    }


def test_all_that_is_wrong_is_reported_at_once() -> None:
    lines = complaint(WINDOW_DAYS="x", TIMEOUT="y", BATCH_QUERY="select 1").splitlines()
    assert [line.split()[0] for line in lines] == [
        "NUMBERCHECK_WINDOW_DAYS", "NUMBERCHECK_TIMEOUT", "NUMBERCHECK_BATCH_QUERY",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other"), [("BATCH_QUERY", "BATCH_DATABASE_URL"), ("BATCH_DATABASE_URL", "BATCH_QUERY")]
)
def test_a_query_and_its_database_belong_together(one: str, other: str) -> None:
    message = complaint(**{one: "sqlite:///x.db"})
    assert f"NUMBERCHECK_{one} is set without NUMBERCHECK_{other}" in message


def test_exactly_the_settings_of_the_contract_may_come_from_a_file() -> None:
    assert {setting.name for setting in SETTINGS if setting.secret} == FROM_FILE


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"abc", "abc"),
        (b"abc\n", "abc"),
        (b"abc\r\n", "abc"),
        (b"\xef\xbb\xbfabc\n", "abc"),
        ("geheim-ß".encode(), "geheim-ß"),
    ],
)
def test_a_secret_file_loses_one_newline(content: bytes, value: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(content)
    assert settings(ACCESS_SECRET_FILE=str(tmp_path / "secret")).access_secret == value


def test_a_secret_file_loses_no_second_newline(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("abc\n\n")
    assert "must be one line" in complaint(ACCESS_SECRET_FILE=str(tmp_path / "secret"))


@pytest.mark.parametrize("name", sorted(FROM_FILE))
def test_both_forms_at_once_are_refused(name: str) -> None:
    message = complaint(**{name: SECRET, f"{name}_FILE": "/x"})
    assert message.startswith(f"NUMBERCHECK_{name} and NUMBERCHECK_{name}_FILE are both set")
    assert SECRET not in message


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"", "is empty"),
        (b"\n", "is empty"),
        (SECRET.encode() + b"\xff", "is not UTF-8 text"),
        (SECRET.encode() * 6000, "is larger than 64 KiB"),
    ],
)
def test_a_secret_file_that_cannot_be_used(content: bytes | None, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    message = complaint(ACCESS_SECRET_FILE=str(path))
    assert message == f"NUMBERCHECK_ACCESS_SECRET_FILE: the file '{path}' {reason}."


@pytest.mark.parametrize("path", ["{}", "{}/x\x00y"])
def test_a_secret_file_that_is_none(path: str, tmp_path: Path) -> None:
    message = complaint(ACCESS_SECRET_FILE=path.format(tmp_path))
    assert message.startswith("NUMBERCHECK_ACCESS_SECRET_FILE: the file ")
    assert "cannot be read" in message


def test_environment_over_dotenv_over_default(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text(
        "# a comment\n\nexport NUMBERCHECK_WINDOW_DAYS=7\nNUMBERCHECK_SPILL_DAYS='2'\n"
        "NUMBERCHECK_ACCOUNT\nOTHER=x\n"
        'NUMBERCHECK_ACCESS_SECRET="a$b${HOME} c"\n'
    )
    found = settings(dotenv, WINDOW_DAYS="9")
    assert (found.window_days, found.spill_days, found.max_attempts) == (9, 2, 6)
    assert (found.access_secret, found.account, found.warnings) == ("a$b${HOME} c", "default", ())


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_variable_counts_as_not_set(empty: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("NUMBERCHECK_WINDOW_DAYS=7\nNUMBERCHECK_MAX_ATTEMPTS=\n")
    found = settings(tmp_path / ".env", WINDOW_DAYS=empty, SPILL_DAYS=empty, ACCESS_KEY=empty, NO_SUCH_NAME=empty)
    assert (found.window_days, found.spill_days, found.access_key, found.warnings) == (14, 1, None, ())
    assert found.max_attempts == 6


SEPARATELY = [
    # The environment, the file, and the value: by setting, the environment decides alone.
    ({"": "env"}, {"": "file"}, "env"),
    ({"": "env"}, {"_FILE": "in-file"}, "env"),
    ({"_FILE": "in-env"}, {"": "file"}, "in-env"),
    ({"_FILE": "in-env"}, {"_FILE": "in-file"}, "in-env"),
    ({"_FILE": "in-env", "": ""}, {"": "file"}, "in-env"),
    ({"": "env", "_FILE": " "}, {"_FILE": "in-file"}, "env"),
    ({"": ""}, {"": "file"}, None),
    ({"": ""}, {"_FILE": "in-file"}, None),
    ({"_FILE": ""}, {"": "file"}, None),
    ({"_FILE": ""}, {"_FILE": "in-file"}, None),
    ({}, {"": "file", "_FILE": ""}, "file"),
    ({}, {"": "", "_FILE": "in-file"}, "in-file"),
]


@pytest.mark.parametrize(("environ", "file", "value"), SEPARATELY)
@pytest.mark.parametrize("name", ["ACCESS_KEY", "APPKEY"])
def test_where_the_environment_names_a_setting_the_file_does_not_count(
    environ: dict[str, str], file: dict[str, str], value: str | None, name: str, tmp_path: Path
) -> None:
    for content in ("in-env", "in-file"):
        (tmp_path / content).write_text(content)

    def given(values: dict[str, str]) -> dict[str, str]:
        return {name + end: str(tmp_path / text) if end and text.strip() else text for end, text in values.items()}

    lines = [f"NUMBERCHECK_{variable}={text}\n" for variable, text in given(file).items()]
    (tmp_path / ".env").write_text("".join(lines))
    assert getattr(settings(tmp_path / ".env", **given(environ)), name.lower()) == value


def test_both_forms_in_the_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"NUMBERCHECK_APPKEY={SECRET}\nNUMBERCHECK_APPKEY_FILE=x\n")
    assert "are both set" in complaint(tmp_path / ".env")
    assert settings(tmp_path / ".env", APPKEY="a").appkey == "a"


def test_a_name_that_looks_like_a_file_form_is_its_own_setting(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("NUMBERCHECK_BATCH_FILE=a.csv\nNUMBERCHECK_WINDOW_DAYS=7\n")
    found = settings(tmp_path / ".env", BATCH="x", WINDOW_DAYS_FILE="y")
    assert (str(found.batch_file), found.window_days, len(found.warnings)) == ("a.csv", 7, 2)


def test_process_environment_and_dotenv_of_the_directory_are_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text("\ufeffNUMBERCHECK_SPILL_DAYS=3\n", encoding="utf-8")
    for name in [name for name in os.environ if name.startswith("NUMBERCHECK_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NUMBERCHECK_WINDOW_DAYS", "5")
    found = load()
    assert (found.window_days, found.spill_days) == (5, 3)


def test_no_dotenv_is_fine(tmp_path: Path) -> None:
    assert settings(tmp_path / ".env").window_days == 14


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"NUMBERCHECK_ACCESS_SECRET=" + SECRET.encode() + b"\xff", "is not UTF-8 text."),
        (b"A=1\nB=2\nNUMBERCHECK_ACCESS_SECRET='" + SECRET.encode(), "line 3 is not of the form NAME=value"),
        (b"#" * (1024 * 1024 + 1), "is larger than 1024 KiB."),
    ],
)
def test_a_dotenv_that_cannot_be_used(content: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(content)
    message = complaint(tmp_path / ".env")
    assert str(tmp_path / ".env") in message
    assert reason in message
    assert SECRET not in message


def test_a_dotenv_that_is_a_directory(tmp_path: Path) -> None:
    assert "cannot be read (Is a directory)" in complaint(tmp_path)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("WINDOW_DAY", "did you mean NUMBERCHECK_WINDOW_DAYS?"),
        ("ACESS_SECRET", "did you mean NUMBERCHECK_ACCESS_SECRET?"),
        ("ACCESS_SECRETS_FILE", "did you mean NUMBERCHECK_ACCESS_SECRET_FILE?"),
        ("WINDOW_DAYS_FILE", "did you mean NUMBERCHECK_WINDOW_DAYS?"),
        ("PORT_8080_TCP_ADDR", "it is ignored."),
        ("SERVICE_HOST", "it is ignored."),
    ],
)
def test_a_name_that_does_not_exist_is_a_warning(name: str, hint: str) -> None:
    assert settings(**{name: SECRET}).warnings == (f"There is no setting NUMBERCHECK_{name}: {hint}",)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (f"NUMBERCHECK_DATABASE_URL:postgresql://u:{SECRET}@h/d?sslmode=require", "DATABASE_URL…"),
        (f"NUMBERCHECK_ACCESS_SECRET{SECRET}=", "ACCESS_SECRET…"),
        (f"NUMBERCHECK_ACCESS_SECRET{SECRET}==", "ACCESS_SECRET…"),
        (f"export NUMBERCHECK_PASSWORD:{SECRET}=1", "PASSWORD…"),
        (f"NUMBERCHECK_{SECRET}=1", "…"),
    ],
)
def test_a_secret_behind_a_sign_that_is_missing(line: str, shown: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"{line}\n")
    told = " ".join(settings(tmp_path / ".env").warnings)
    assert SECRET not in told
    if not line.endswith("="):  # an empty one says nothing
        assert told == f"There is no setting NUMBERCHECK_{shown}: it is ignored. A setting is written NAME=value."


@pytest.mark.parametrize("name", sorted(FROM_FILE))
@pytest.mark.parametrize("value", [SECRET, f"postgresql://u:{SECRET}@h/d", f"https://h/{SECRET}"])
def test_a_secret_in_place_of_the_path_of_its_file(name: str, value: str) -> None:
    message = complaint(**{f"{name}_FILE": value})
    assert message.startswith(f"NUMBERCHECK_{name}_FILE: the file that it names cannot be read (")
    assert SECRET not in message


def test_known_names_and_other_programs_names_are_no_warning(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("abc")
    environ = {
        "NUMBERCHECK_ACCESS_KEY_FILE": str(tmp_path / "key"),
        "NUMBERCHECK_ACCOUNT": "x",
        "NUMBER": "1",
        "PATH": "/",
    }
    assert load(environ, None).warnings == ()


def full() -> Settings:
    return settings(
        ACCESS_KEY=f"{SECRET}-key",
        ACCESS_SECRET=f"{SECRET}-sec",
        APPKEY=f"{SECRET}-app",
        DATABASE_URL=f"postgresql://u:{SECRET}-db1@h/d?sslpassword={SECRET}-ssl",
        BATCH_DATABASE_URL=f"oracle://u:{SECRET}-db2@h/d?password={SECRET}-par&password={SECRET}-two",
        BATCH_QUERY="select 1",
        COPY_TO_DATABASE_URL=f"mysql://u:{SECRET}%40db3@h/d",
        PUSHGATEWAY_URL=f"https://u:{SECRET}%2Fpush@h/",
        PING_URL=f"https://h/{SECRET}-ping",
    )


def test_repr_shows_no_secret() -> None:
    assert SECRET not in repr(full())
    assert "account='default'" in repr(full())


def test_secrets_are_all_that_the_log_must_mask() -> None:
    ends = ("key", "sec", "app", "db1", "ssl", "db2", "par", "two", "ping")
    expected = {f"{SECRET}-{end}" for end in ends}
    expected |= {f"{SECRET}@db3", f"{SECRET}%2Fpush", f"{SECRET}/push", f"https://h/{SECRET}-ping"}
    assert full().secrets() == expected
    assert load({}, None).secrets() == frozenset()


def test_credentials() -> None:
    assert settings(ACCESS_KEY="k", ACCESS_SECRET="s").credentials() == ("k", "s")


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, "NUMBERCHECK_ACCESS_KEY and NUMBERCHECK_ACCESS_SECRET"),
        ({"ACCESS_KEY": SECRET}, "NUMBERCHECK_ACCESS_SECRET"),
        ({"ACCESS_SECRET": SECRET}, "NUMBERCHECK_ACCESS_KEY"),
    ],
)
def test_missing_credentials_are_named(given: dict[str, str], missing: str) -> None:
    with pytest.raises(Misconfigured) as error:
        settings(**given).credentials()
    assert str(error.value).startswith(f"Not set: {missing}. Remedy: ")
    assert SECRET not in str(error.value)


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [((None, None), (5, 60.0)), ((7, None), (7, 60.0)), ((None, 1.5), (5, 1.5)), ((1, 2), (1, 2))],
)
def test_bounds_of_the_command_line_come_first(bounds: tuple[Any, Any], expected: tuple[Any, Any]) -> None:
    given = settings(MAX_REQUESTS="5", MAX_SECONDS="60")
    found = given.with_bounds(*bounds)
    assert (found.max_requests, found.max_seconds) == expected
    assert (given.max_requests, given.max_seconds) == (5, 60.0)
