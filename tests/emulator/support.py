"""A small client of the emulator that signs as the vendor's page says, without the project's own code."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import requests

from etl.emulator import ACCESS_KEY, ACCESS_SECRET, Emulator, VendorRow
from tests.running import HANG

MINUTE = dt.timedelta(minutes=1)
NOW = dt.datetime(2026, 3, 10, 4, 0, tzinfo=dt.UTC)  # noon in Shanghai
TODAY = dt.date(2026, 3, 10)
BATCH = "101713775788"
PATH = "/api/number/query"


def documented_sign(headers: dict[str, str], body: bytes, secret: str, algorithm: str = "md5") -> str:
    text = (
        b"accessKey=%b&action=%b&bizType=%b&ts=%b&body=%b&accessSecret=%b" % (
            headers["accessKey"].encode(), headers["action"].encode(), headers["bizType"].encode(),
            headers["ts"].encode(), body, secret.encode(),
        )
    )  # fmt: skip
    return hashlib.new(algorithm, text, usedforsecurity=False).hexdigest()


def signed(
    body: bytes,
    *,
    access_key: str = ACCESS_KEY,
    secret: str = ACCESS_SECRET,
    algorithm: str | None = None,
    late: float = 0.0,
    changes: dict[str, str] | None = None,
) -> dict[str, str]:
    """The headers of a request whose timestamp is `late` seconds old; `changes` are made before it is signed."""
    headers = {
        "accessKey": access_key,
        "ts": str(int((time.time() - late) * 1000)),
        "bizType": "1",
        "action": "numbercheck",
        "Content-Type": "application/json",
    } | (changes or {})
    headers["sign"] = documented_sign(headers, body, secret, algorithm or "md5")
    return headers | ({"algorithm": algorithm} if algorithm else {})


def question(**changes: Any) -> bytes:
    """The body that asks for the first page of BATCH today; a field changed to `...` is left out."""
    fields = {"batchNo": BATCH, "date": str(TODAY), "page": 1, "pageSize": 100} | changes
    return json.dumps({name: value for name, value in fields.items() if value is not ...}).encode()


class Caller:
    """Asks one emulator over one connection."""

    def __init__(self, emulator: Emulator, session: requests.Session) -> None:
        self.url, self.session = emulator.url, session

    def post(self, body: bytes, headers: dict[str, str]) -> requests.Response:
        return self.session.post(self.url, data=body, headers=headers, timeout=HANG, allow_redirects=False)

    def response(self, **changes: Any) -> requests.Response:
        body = question(**changes)
        return self.post(body, signed(body))

    def answer(self, **changes: Any) -> dict[str, Any]:
        """The whole answer, which must be JSON with status 200."""
        response = self.response(**changes)
        assert response.status_code == 200
        answer: dict[str, Any] = response.json()
        return answer

    def code(self, **changes: Any) -> int:
        code: int = self.answer(**changes)["code"]
        return code

    def data(self, **changes: Any) -> dict[str, Any]:
        answer = self.answer(**changes)
        assert answer["code"] == 0, answer
        data: dict[str, Any] = answer["data"]
        return data

    def ids(self, **changes: Any) -> list[str]:
        return [row["messageId"] for row in self.data(**changes)["result"]]


def after(minutes: float) -> Callable[[], dt.datetime]:
    """A clock that stands still, so many minutes after NOW."""
    return lambda: NOW + minutes * MINUTE


def plain_rows(count: int, prefix: str = "m") -> list[VendorRow]:
    """Rows whose ids show their age: m000, m001, …"""
    return [
        VendorRow({"messageId": f"{prefix}{age:03d}", "phone": f"8498{age:07d}", "checkLevel": 1})
        for age in range(count)
    ]


class Waits:
    """Replaces the server's waits: it records how long each would last, and ends it when a test says so."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self._ended = threading.Semaphore(0)

    def wait(self, seconds: float, closing: threading.Event) -> bool:
        """True if the server ends before that."""
        self.asked.append(seconds)
        while not self._ended.acquire(blocking=False):
            if closing.wait(0.01):
                return True
        return False

    def end(self, count: int = 1) -> None:
        """End so many more waits, current or future ones."""
        self._ended.release(count)
