"""The table of outcomes in use: which answers end a question, and after which the client asks again."""

from __future__ import annotations

import json

import pytest

from etl.errors import (
    AppkeyRefused,
    BatchDayFailed,
    CredentialsRefused,
    DateRefused,
    EtlError,
    Refused,
    Unanswered,
    Unusable,
)
from etl.vendor.client import Question
from tests.vendor.vendor import DAY, GOOD, Gate, Reply, ask, page, refusal, row, trickle

FAILED = Reply(b"", 503)

FINAL = [
    (refusal(88, "Incorrect date format [yyyy-MM-dd]"), DateRefused, ["code 88", "Incorrect date format"]),
    (refusal(88, "日期超出14天"), DateRefused, ["日期超出14天"]),
    (refusal(202, "no such app"), CredentialsRefused, ["NUMBERCHECK_APPKEY", "no such app"]),
    (refusal(210), CredentialsRefused, ["code 210", "NUMBERCHECK_APPKEY"]),
    (refusal(1001), Refused, ["removes headers"]),
    (refusal(1002), Refused, ["defect"]),
    (refusal(1003, "sign error"), CredentialsRefused, ["NUMBERCHECK_ACCESS_SECRET", "SIGN_ALGORITHM"]),
    (refusal("1003"), CredentialsRefused, ["NUMBERCHECK_ACCESS_SECRET"]),
    (Reply(refusal(1003), 401), CredentialsRefused, ["(code 1003, HTTP status 401)"]),
    (refusal(1005, data=None), CredentialsRefused, ["NUMBERCHECK_ACCESS_KEY"]),
    (b'{"code": 1005, "message": "newer wording"}', CredentialsRefused, ["newer wording"]),
]


@pytest.mark.parametrize(("reply", "error", "words"), FINAL)
def test_refusals_that_end_at_once(reply: Reply | bytes, error: type[EtlError], words: list[str]) -> None:
    gate = Gate()
    caught, vendor = ask(reply, GOOD, gate=gate)
    assert type(caught) is error
    assert len(vendor.requests) == 1
    assert gate.pauses == []
    for part in [*words, "Batch 101713775788 on 2026-11-20, page 1, after 1 try"]:
        assert part in str(caught)


@pytest.mark.parametrize("code", [202, 210])
def test_the_appkey_of_a_batch_stops_only_that_batch(code: int) -> None:
    caught, vendor = ask(refusal(code), question=Question("B", DAY, appkey="own-appkey"), appkey="account")
    assert type(caught) is AppkeyRefused
    assert "in the list that names it" in str(caught)
    assert json.loads(vendor.requests[0].body)["appkey"] == "own-appkey"


HTML = Reply(b"<html><body>Bad gateway</body></html>", headers={"Content-Type": "text/html"})
AGAIN = [
    (FAILED, Unanswered, ["the server failed", "HTTP status 503"]),
    (Reply(b"<html>", 502), Unanswered, ["HTTP status 502"]),
    (Reply(b"", 408), Unanswered, ["HTTP status 408"]),
    (Reply(b"", 425), Unanswered, ["HTTP status 425"]),
    (Reply(b'{"code": 503, "msg": "busy"}', 503), Unanswered, ["HTTP status 503", "busy"]),
    (Reply(GOOD, 500), Unanswered, ["HTTP status 500"]),
    (Reply(b"", 404), Unusable, ["HTTP status 404", "NUMBERCHECK_API_URL"]),
    (Reply(b'{"error": "no"}', 403), Unusable, ["HTTP status 403"]),
    (
        Reply(b"", 302, {"Location": "https://u:p@other.example/login?x=1"}),
        Unusable,
        ["(HTTP status 302, to https://other.example/login)", "NUMBERCHECK_API_URL", "not followed"],
    ),
    (Reply(b"", 301), Unusable, ["to nowhere"]),
    (HTML, Unusable, ["something other than the vendor's API answers (a web page). Check"]),
    (b"Forbidden", Unusable, ["something other than the vendor's API answers (not JSON). Check"]),
    (GOOD[:-20], Unusable, ["incomplete JSON"]),
    (b"", Unusable, ["documents (empty)"]),
    (b"[]", Unusable, ["not an object"]),
    (b"{}", Unusable, ["no result code"]),
    (refusal(None, "text"), Unusable, ["no result code", "text"]),
    (refusal(0, data=None), Unusable, ["no data"]),
    (page(row(), total="many"), Unusable, ["totalSize"]),
    (page(row(), total=-1), Unusable, ["totalSize"]),
    (page(total=3, result=None), Unusable, ["no list of rows"]),
    (refusal(88, "system error"), Unusable, ["code 88", "system error"]),
    (refusal(4711, "news"), Unusable, ["unknown result code", "code 4711", "news"]),
    (Reply(b"no gzip", headers={"Content-Encoding": "gzip"}), Unusable, ["compression"]),
    (Reply(raw=trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", at_once=40)), Unanswered, ["broke off"]),
    (Reply(raw=lambda _: None), Unanswered, ["broke off"]),
]


@pytest.mark.parametrize(("reply", "error", "words"), AGAIN)
def test_failures_that_may_pass(reply: Reply | bytes, error: type[EtlError], words: list[str]) -> None:
    gate = Gate()
    answer, vendor = ask(reply, reply, GOOD, gate=gate, max_attempts=3)
    assert answer.received == 2
    assert (len(vendor.requests), gate.taken, len(gate.pauses)) == (3, 3, 2)
    caught, vendor = ask(reply, gate=gate, max_attempts=2)
    assert type(caught) is error
    assert len(vendor.requests) == 2
    for part in [*words, "Batch 101713775788 on 2026-11-20, page 1, after 2 tries"]:
        assert part in str(caught)
    assert gate.slowed == []


THROTTLED = [
    Reply(b"", 429),
    Reply(b"<html>", 429),
    Reply(refusal(88, "whatever"), 429),
    refusal(88, "request too frequent"),
    refusal(88, "请求过于频繁，请稍后再试"),
]


@pytest.mark.parametrize("reply", THROTTLED)
def test_throttled(reply: Reply | bytes) -> None:
    gate = Gate()
    answer, _ = ask(reply, reply, GOOD, gate=gate)
    assert answer.received == 2
    assert gate.slowed == gate.pauses
    assert len(gate.slowed) == 2


def test_throttled_to_the_end_keeps_the_others_back_too() -> None:
    gate = Gate()
    caught, _ = ask(refusal(88, "too fast"), gate=gate, max_attempts=3)
    assert type(caught) is Unanswered
    assert "throttled (code 88): “too fast”" in str(caught)
    assert (len(gate.pauses), len(gate.slowed)) == (2, 3)


@pytest.mark.parametrize(
    "reply",
    [
        refusal(88, "date wrong for +84 98 765 43 21"),
        refusal(202, "appkey of Mr Nguyen, 84987654321"),
        refusal(84987654321, "no"),
        refusal(7, "(020) 7946-0958"),
        Reply(b"", 302, {"Location": "http://127.0.0.1/84987654321"}),
        b"<html>84987654321</html>",
    ],
)
def test_the_note_of_a_failure_holds_our_words_only(reply: Reply | bytes) -> None:
    caught, _ = ask(reply, question=Question("B7", DAY, appkey="own"))
    assert isinstance(caught, BatchDayFailed)
    note = caught.note
    assert note.startswith("Batch B7 on 2026-11-20, page 1, after ")
    assert caught.remedy in note
    for foreign in ("“", "+84", "Nguyen", "7946", "8498765", "http"):
        assert foreign not in note
