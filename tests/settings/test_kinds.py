"""What each setting may be, and the message for a wrong one. All of it through `load`, as a user meets it."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.settings.support import SECRET, complaint, settings


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("ACCOUNT", "北京 1", "北京 1"),
        ("ACCOUNT", "x" * 64, "x" * 64),
        ("API_URL", "https://localhost:8443/q", "https://localhost:8443/q"),
        ("SIGN_ALGORITHM", "SHA256", "sha256"),
        ("BATCH_FILE", "lists/batches.csv", Path("lists/batches.csv")),
        ("BATCH_TEMPLATE", "{date:%Y%m%d}", "{date:%Y%m%d}"),
        ("BATCH_TEMPLATE", "day-{date}", "day-{date}"),
        ("LAKE_URL", "/srv/100 %/ü/", "/srv/100 %/ü"),
        ("WINDOW_DAYS", "1", 1),
        ("WINDOW_DAYS", " 60 ", 60),
        ("WINDOW_DAYS", "14.0", 14),
        ("MAX_REQUESTS", "1e3", 1000),
        ("TIMEZONE", "UTC", ZoneInfo("UTC")),
        ("SETTLE_HOURS", "0", 0.0),
        ("SETTLE_HOURS", "72", 72.0),
        ("SPILL_DAYS", "0", 0),
        ("SPILL_DAYS", "7", 7),
        ("LAST_LOOK", "no", False),
        ("LAST_LOOK", "ON", True),
        ("LAST_LOOK", "0", False),
        ("REQUEST_INTERVAL", "0", 0.0),
        ("REQUEST_INTERVAL", "3600", 3600.0),
        ("REQUEST_INTERVAL", ".5", 0.5),
        ("MAX_IN_FLIGHT", "32", 32),
        ("TIMEOUT", "1e-2", 0.01),
        ("MAX_ATTEMPTS", "20", 20),
        ("MAX_REQUESTS", "1", 1),
        ("MAX_SECONDS", "0.1", 0.1),
        ("AUTO_MIGRATE", "false", False),
        ("LOG_FORMAT", "json", "json"),
        ("METRICS_FILE", "/var/metrics.prom", Path("/var/metrics.prom")),
        ("PUSHGATEWAY_URL", "http://u:p@localhost:9091", "http://u:p@localhost:9091"),
        ("PING_URL", "https://example.org/abc", "https://example.org/abc"),
    ],
)
def test_good_values(name: str, text: str, value: object) -> None:
    assert getattr(settings(**{name: text}), name.lower()) == value


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("ACCOUNT", "x" * 65, "1 to 64 characters"),
        ("ACCOUNT", "a\tb", "1 to 64 characters"),
        ("ACCOUNT", "a\x00b", "UTF-8 text"),
        ("ACCOUNT", "\udc80", "UTF-8 text"),
        ("SIGN_ALGORITHM", "sha1", "md5 or sha256"),
        ("LAKE_URL", "s3:/bucket/x", "a path, or begin with s3://"),
        ("LAKE_URL", "/srv/a%20b", "without"),
        ("LAKE_URL", "C:\\lake", "without"),
        ("WINDOW_DAYS", "0", "a whole number from 1 to 60, not '0'"),
        ("WINDOW_DAYS", "61", "from 1 to 60"),
        ("WINDOW_DAYS", "14.5", "a whole number"),
        ("WINDOW_DAYS", "1e999999", "a whole number"),
        ("WINDOW_DAYS", "1_4", "a whole number"),
        ("WINDOW_DAYS", "\u0661\u0664", "a whole number"),
        ("WINDOW_DAYS", "9" * 5000, "a whole number"),
        ("TIMEZONE", "Mars/Olympus", "Asia/Shanghai or UTC, not 'Mars/Olympus'"),
        ("TIMEZONE", "../../etc/passwd", "time zone"),
        ("TIMEZONE", "America", "time zone"),
        ("SETTLE_HOURS", "-1", "a number from 0 to 72"),
        ("SETTLE_HOURS", "72.5", "a number from 0 to 72"),
        ("SETTLE_HOURS", "nan", "a number"),
        ("SPILL_DAYS", "8", "from 0 to 7"),
        ("LAST_LOOK", "maybe", "true or false"),
        ("REQUEST_INTERVAL", "inf", "from 0 to 3600"),
        ("REQUEST_INTERVAL", "1.2.3", "from 0 to 3600"),
        ("REQUEST_INTERVAL", "3,5", "from 0 to 3600, not '3,5'"),
        ("MAX_IN_FLIGHT", "33", "from 1 to 32"),
        ("MAX_IN_FLIGHT", "0", "from 1 to 32"),
        ("TIMEOUT", "0", "above 0 and at most 3600"),
        ("TIMEOUT", "3601", "above 0 and at most 3600"),
        ("MAX_ATTEMPTS", "21", "from 1 to 20"),
        ("MAX_REQUESTS", "0", "a whole number of at least 1"),
        ("MAX_SECONDS", "0", "a number above 0"),
        ("MAX_SECONDS", "1e999", "a number above 0"),
        ("AUTO_MIGRATE", "2", "true or false"),
        ("LOG_FORMAT", "xml", "text or json"),
        ("BATCH_TEMPLATE", "{date:%Y%m%d", "such as {date:%Y%m%d}"),
        ("BATCH_TEMPLATE", "%Y%m%d", "only field"),
        ("BATCH_TEMPLATE", "{day}", "only field"),
        ("BATCH_TEMPLATE", "{}", "only field"),
        ("BATCH_TEMPLATE", "{0}", "only field"),
        ("BATCH_TEMPLATE", "{date.__class__}", "only field"),
        ("BATCH_TEMPLATE", "{date[0]}", "only field"),
        ("BATCH_TEMPLATE", "{date!r}", "only field"),
        ("BATCH_TEMPLATE", "{date:{date}}", "only field"),
        ("BATCH_TEMPLATE", "{date} {x}", "only field"),
        ("BATCH_TEMPLATE", "batch-7", "contains the day"),
        ("BATCH_TEMPLATE", "{date:batch}", "the same number for every day"),
        ("BATCH_TEMPLATE", "{date:%H%M} {date:%%d}", "the same number for every day"),
        ("BATCH_TEMPLATE", "x" * 55 + "{date}", "at most 64"),
        ("BATCH_TEMPLATE", "{date:   }", "at most 64"),
        ("BATCH_TEMPLATE", "{date}\x01", "at most 64"),
        ("BATCH_FILE", "a\x00b", "NUL"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_expected(name: str, text: str, expected: str) -> None:
    message = complaint(**{name: text})
    assert message.startswith(f"NUMBERCHECK_{name} must be ")
    assert expected in message
    assert len(message) < 300


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ACCESS_KEY", f"{SECRET}\n{SECRET}"),
        ("ACCESS_KEY", f" {SECRET}"),
        ("ACCESS_KEY", f"{SECRET}é"),
        ("ACCESS_SECRET", f"{SECRET} "),
        ("ACCESS_SECRET", f"{SECRET}\rx"),
        ("APPKEY", f"{SECRET}\x07"),
        ("API_URL", f"http://user:{SECRET}@localhost/"),
        ("API_URL", f"http://{SECRET}@localhost/"),
        ("API_URL", f"ftp://localhost/{SECRET}"),
        ("API_URL", f"http:///{SECRET}"),
        ("API_URL", f"http://[{SECRET}/"),
        ("API_URL", f"http://localhost:{SECRET}/"),
        ("API_URL", f"http://localhost/#{SECRET}"),
        ("API_URL", f"http://local host/{SECRET}"),
        ("PING_URL", f"example.org/{SECRET}"),
        ("PUSHGATEWAY_URL", f"//u:{SECRET}@example.org"),
        ("DATABASE_URL", SECRET),
        ("DATABASE_URL", f"oracle://u:{SECRET}@localhost/x"),
        ("DATABASE_URL", f"postgresql+asyncpg://u:{SECRET}@localhost/x"),
        ("DATABASE_URL", f"postgresql://u:p@localhost:{SECRET}@localhost:x/y"),
        ("DATABASE_URL", f"nonsense://u:{SECRET}@localhost/x"),
        ("COPY_TO_DATABASE_URL", f"mssql://u:{SECRET}@localhost/x"),
    ],
)
def test_a_wrong_secret_is_named_and_not_repeated(name: str, text: str, tmp_path: Path) -> None:
    message = complaint(**{name: text})
    assert message.startswith(f"NUMBERCHECK_{name} must ")
    assert SECRET not in message
    (tmp_path / "file").write_text(text + "\n", newline="")
    message = complaint(**{f"{name}_FILE": str(tmp_path / "file")})
    assert message.startswith(f"The content of NUMBERCHECK_{name}_FILE must ")
    assert SECRET not in message
