from __future__ import annotations

import pytest

from etl.vendor.backoff import http_date, retry_after, wait

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


def test_waits_double_up_to_a_minute() -> None:
    for tries in range(1, 30):
        doubling = min(60.0, 0.5 * 2 ** (tries - 1))
        assert doubling <= wait(tries, {}, NOW) <= min(60.0, doubling * 1.5)


def test_waits_differ() -> None:
    assert len({wait(3, {}, NOW) for _ in range(20)}) > 1


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        (" 7 ", 7),
        ("0", 0),
        ("301", 300),
        ("9" * 400, 300),
        ("-5", 0),
        ("1.5", 0),
        ("٧", 0),
        ("soon", 0),
        ("", 0),
        (None, 0),
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30),
        ("Tue, 14 Nov 2023 22:13:50 -0000", 30),
        ("Tue, 14 Nov 2023 22:12:50 GMT", 0),
        ("Tue, 14 Nov 2033 22:13:20 GMT", 300),
        ("Tue, 14 Nov 99999 22:13:20 GMT", 0),
    ],
)
def test_retry_after(value: str | None, seconds: float) -> None:
    assert retry_after(value, NOW) == seconds


def test_never_sooner_than_the_server_asks_for() -> None:
    assert wait(1, {"Retry-After": "200"}, NOW) == 200
    assert wait(10, {"Retry-After": "1"}, NOW) == 60


def test_http_dates() -> None:
    assert http_date("Tue, 14 Nov 2023 22:13:20 GMT") == NOW
    assert http_date("yesterday") is http_date(None) is None
